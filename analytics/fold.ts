import type { Channel } from '#contracts/channel.ts'
import type { EpochMs } from '#contracts/ids.ts'

/**
 * The events of one hour (by the time of their intents) and one type. What happened to a notification is its story: its events
 * with their times. Sets and batches make hundreds at the same instant, so that many share one, and a story is kept, and
 * judged, once. Nothing that a funnel asks is left out: it can be counted for any window, unit and filter.
 */
export type Folded = {
  cohort: EpochMs
  type: string
  facts: readonly NotificationFacts[]
  codes: readonly EventCode[]
  /** Of each story: its place in `facts`, how many events it has, how many notifications have it. */
  fact: Uint32Array
  events: Uint32Array
  shared: Uint32Array
  /** Of each event of the stories: its place in `codes`, and when. */
  code: Uint32Array
  at: Float64Array
  /** Of each notification: its story, ms from the hour on, and who (two words of a hash). Empty where they are not asked for. */
  story: Uint32Array
  occurred: Uint32Array
  person: Uint32Array
}

export type NotificationFacts = {
  category: string
  lane: string
  producer: string
  tenant: string | null
  channel: Channel
  arm: string | null
  locale: string | null
  /** Whether its type names one; null, or absent in folds of before it was told, where that is not known. */
  success?: boolean | null
}
export type EventCode = {
  kind: string
  what: string
  rule: string | null
  provider: string | null
  platform: string | null
  app_version: string | null
  simulated: boolean
  /** Absent in folds of before it was told. */
  called?: boolean
}

export const hourMs = 3_600_000

/** As it is stored: the words as JSON, the numbers as bytes. */
export type Stored = { words: string; stories: Buffer; notifications: Buffer; people: Buffer }

/** The numbers of a column, each in as many bytes as the largest needs. */
function packed(numbers: Uint32Array | Float64Array): Buffer {
  let most = 0
  for (const n of numbers) if (n > most) most = n
  const own =
    most < 2 ** 8
      ? Uint8Array.from(numbers)
      : most < 2 ** 16
        ? Uint16Array.from(numbers)
        : most < 2 ** 32
          ? Uint32Array.from(numbers)
          : Float64Array.from(numbers)
  const head = Buffer.alloc(columnHead)
  head.writeUInt32LE(own.BYTES_PER_ELEMENT, 0)
  head.writeUInt32LE(own.byteLength, 4)
  return Buffer.concat([head, Buffer.from(own.buffer, own.byteOffset, own.byteLength)])
}
const columnHead = 8

/** Columns that were put one after another. */
function columnsIn(bytes: Buffer): (Uint8Array | Uint16Array | Uint32Array | Float64Array)[] {
  const columns: (Uint8Array | Uint16Array | Uint32Array | Float64Array)[] = []
  for (let at = 0; at < bytes.length;) {
    const [width, length] = [bytes.readUInt32LE(at), bytes.readUInt32LE(at + 4)]
    const start = at + columnHead
    at = start + length
    // A column of words must begin at a multiple of their size.
    const own = new Uint8Array(length)
    own.set(bytes.subarray(start, at))
    if (width === 1) columns.push(own)
    else if (width === 2) columns.push(new Uint16Array(own.buffer))
    else if (width === 4) columns.push(new Uint32Array(own.buffer))
    else columns.push(new Float64Array(own.buffer))
  }
  return columns
}

/** What was given as JSON and bytes, as numbers again. Pure. */
export function unpackFold({ cohort, type, words, ...stored }: Stored & { cohort: EpochMs; type: string }): Folded {
  const { facts, codes, base } = JSON.parse(words) as Pick<Folded, 'facts' | 'codes'> & { base: number }
  const [fact, events, shared, code, at] = columnsIn(stored.stories)
  const [story, occurred] = columnsIn(stored.notifications)
  const [person] = columnsIn(stored.people)
  const times = new Float64Array(at!)
  for (let n = 0; n < times.length; n++) times[n]! += base
  return {
    ...{ cohort, type, facts, codes },
    ...{ fact: asWords(fact), events: asWords(events), shared: asWords(shared), code: asWords(code), at: times },
    ...{ story: asWords(story), occurred: asWords(occurred), person: asWords(person) },
  }
}

type Column = ReturnType<typeof columnsIn>[number]
/** Those of people are words already: the largest column is not copied once more. */
const asWords = (column: Column | undefined): Uint32Array =>
  column instanceof Uint32Array ? column : new Uint32Array(column ?? [])

/** The same to be stored. Pure. */
export function packFold({ facts, codes, fact, events, shared, code, at, story, occurred, person }: Folded): Stored {
  const base = at.reduce((least, time) => Math.min(least, time), at[0] ?? 0)
  const times = at.map(time => time - base)
  return {
    words: JSON.stringify({ facts, codes, base }),
    stories: Buffer.concat([fact, events, shared, code, times].map(packed)),
    notifications: Buffer.concat([story, occurred].map(packed)),
    people: packed(person),
  }
}

/** What stands in the words of a fold where any of it is of a tenant. Pure. */
export const tenantWords = (tenant: string): string => `"tenant":${JSON.stringify(tenant)}`

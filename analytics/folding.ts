import type { Channel } from '#contracts/channel.ts'
import type { EpochMs } from '#contracts/ids.ts'
import type { EventCode, Folded, NotificationFacts } from './fold.ts'

/** An event of a notification. These are numbered by whoever tells of them, from 0 on, in the order in which they come first. */
export type EventRow = {
  notification: number
  occurredAt: EpochMs
  person: readonly [number, number]
  common: string
  said: string
  at: EpochMs
}

export type Folding = { add(row: EventRow): void; done(): Folded }

/** Separates fields of `common` and `said`: no name holds it. */
export const fieldsApart = '\u001f'

/**
 * Folds the events of one hour and type, in whatever order they come. `common`: category, lane, producer, tenant, channel. `said`: see
 * `saidOf`.
 */
export function startFolding({ cohort, type }: { cohort: EpochMs; type: string }): Folding {
  const codes = openWords<EventCode>()
  const [commons, saids] = [openWords<string>(), openWords<Said>()]
  // In columns as they come: an object for each would take several times the memory.
  const [common, occurred, person] = [numbers(), numbers(), numbers()]
  const [notification, said, at] = [numbers(), numbers(), numbers()]
  return {
    add(row) {
      if (row.notification === occurred.length) {
        common.push(commons.placeOf(row.common, () => row.common))
        occurred.push(row.occurredAt - cohort)
        person.push(row.person[0])
        person.push(row.person[1])
      }
      notification.push(row.notification)
      said.push(saids.placeOf(row.said, () => saidOf(row.said, codes)))
      at.push(row.at)
    },
    done() {
      const [commonOf, saidOf, times] = [common.all(), said.all(), at.all()]
      const told = openSequences()
      const facts = openWords<NotificationFacts>()
      const [fact, events, code, when] = [numbers(), numbers(), numbers(), numbers()]
      const story = new Uint32Array(commonOf.length)
      eachNotification({ notification: notification.all(), at: times, notifications: story.length }, (n, own) => {
        told.push(commonOf[n]!)
        for (const event of own) {
          told.push(saidOf[event]!)
          told.push(times[event]!)
        }
        story[n] = told.end()
        if (story[n] < fact.length) return
        const of = { common: commons.words[commonOf[n]!]!, arm: '', locale: '', success: '' }
        for (const event of own) {
          const one = saids.words[saidOf[event]!]!
          if (one.arm > of.arm) of.arm = one.arm
          if (one.locale > of.locale) of.locale = one.locale
          if (one.success > of.success) of.success = one.success
          code.push(one.code)
          when.push(times[event]!)
        }
        fact.push(facts.placeOf(Object.values(of).join(fieldsApart), () => factsOf(of)))
        events.push(own.length)
      })
      const shared = new Uint32Array(fact.length)
      for (const place of story) shared[place]!++
      return {
        ...{ cohort, type, facts: facts.words, codes: codes.words },
        ...{ fact: Uint32Array.from(fact.all()), events: Uint32Array.from(events.all()), shared },
        ...{ code: Uint32Array.from(code.all()), at: when.all().slice(), story },
        ...{ occurred: Uint32Array.from(occurred.all()), person: Uint32Array.from(person.all()) },
      }
    },
  }
}

type Events = { notification: Float64Array; at: Float64Array; notifications: number }

/** Tells each notification's events, by their places and in the order of time. */
function eachNotification(
  { notification, at, notifications }: Events,
  tell: (n: number, events: Uint32Array) => void,
): void {
  // Each begins where the one before ends.
  const ends = new Uint32Array(notifications)
  for (let event = 0; event < notification.length; event++) ends[notification[event]!]!++
  for (let n = 0, sum = 0; n < notifications; n++) [ends[n], sum] = [sum, sum + ends[n]!]
  const places = new Uint32Array(notification.length)
  for (let event = 0; event < notification.length; event++) places[ends[notification[event]!]!++] = event
  for (let n = 0, from = 0; n < notifications; from = ends[n++]!) {
    const own = places.subarray(from, ends[n])
    if (own.some((event, nth) => nth > 0 && at[event]! < at[own[nth - 1]!]!))
      own.sort((a, b) => at[a]! - at[b]! || a - b)
    tell(n, own)
  }
}

/** Sequences of numbers: each is what is pushed until its `end`, which gives its place among those that are not alike, from 0 on. */
function openSequences() {
  const places = new Map<string, number>()
  const own = numbers()
  let last = { sequence: new Float64Array(), place: -1 }
  return {
    push: (one: number): void => own.push(one),
    end(): number {
      const sequence = own.all()
      own.clear()
      // Most are what the one before is.
      if (sequence.length === last.sequence.length && sequence.every((one, nth) => one === last.sequence[nth]))
        return last.place
      const key = Buffer.from(sequence.buffer, 0, sequence.byteLength).toString('latin1')
      let place = places.get(key)
      if (place === undefined) places.set(key, (place = places.size))
      last = { sequence: sequence.slice(), place }
      return place
    },
  }
}

/** Empty is none. */
function factsOf({ common, arm, locale, success }: Omit<Said, 'code'> & { common: string }): NotificationFacts {
  const [category, lane, producer, tenant, channel] = common.split(fieldsApart) as [string, ...string[]]
  return {
    ...{ category, lane: lane!, producer: producer!, tenant: tenant || null },
    ...{ channel: channel as Channel, arm: arm || null, locale: locale || null },
    success: success === '' ? null : success === '1',
  }
}

type Said = { code: number; arm: string; locale: string; success: string }

/** kind, what, rule, provider, platform, app version, simulated, arm, locale, called, success; empty is none. */
function saidOf(text: string, codes: Words<EventCode>): Said {
  const [kind, what, ...rest] = text.split(fieldsApart) as [string, string, ...string[]]
  const [rule, provider, platform, version] = rest.map(one => one || null)
  const [simulated, arm, locale, called, success] = rest.slice(4)
  const code: EventCode = {
    ...{ kind, what, rule: rule!, provider: provider!, platform: platform!, app_version: version! },
    ...{ simulated: simulated === '1', called: called === '1' },
  }
  return { code: codes.placeOf(JSON.stringify(code), () => code), arm: arm!, locale: locale!, success: success ?? '' }
}

type Words<T> = { words: T[]; placeOf(key: string, make: () => T): number }

function openWords<T>(): Words<T> {
  const places = new Map<string, number>()
  const words: T[] = []
  return {
    words,
    placeOf(key, make) {
      let place = places.get(key)
      if (place === undefined) places.set(key, (place = words.push(make()) - 1))
      return place
    },
  }
}

/** A column that grows. */
function numbers() {
  let array = new Float64Array(1024)
  const column = {
    length: 0,
    push(n: number): void {
      if (column.length === array.length) {
        const larger = new Float64Array(column.length * 2)
        larger.set(array)
        array = larger
      }
      array[column.length++] = n
    },
    /** Good until the next is put in. */
    all: (): Float64Array => array.subarray(0, column.length),
    clear(): void {
      column.length = 0
    },
  }
  return column
}

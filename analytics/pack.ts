import { channels, lanes } from '#contracts/channel.ts'
import { type EventPack, isCode } from '#contracts/event.ts'
import { isName, isUuid } from '#contracts/ids.ts'

/** `malformed` is no pack at all; `unknown` one of a version that this build does not know, a newer one may. */
export type ParsedPack = { ok: true; pack: EventPack } | { ok: false; reason: 'malformed' | 'unknown'; problem: string }

/**
 * Reads an event pack as the ledger published it. Never throws; names the first problem. What it lets through is what
 * Postgres takes, so that one bad pack cannot spoil the set it is stored with. Words (`kind`, `what`, rules) may be new:
 * an outcome that a younger ledger writes is stored as it is.
 */
export function parseEventPack(bytes: Uint8Array): ParsedPack {
  let json: unknown
  try {
    json = JSON.parse(decoder.decode(bytes))
  } catch {
    return malformed('is not JSON in UTF-8')
  }
  if (!isObject(json)) return malformed('is not a JSON object')
  if (!Number.isInteger(json.v)) return malformed('has no version')
  if (json.v !== 1)
    return { ok: false, reason: 'unknown', problem: `the pack has version ${json.v as number}, this build reads 1` }
  const problem = problemOf(json) ?? problemOfIntents(json.intents) ?? problemOfWhys(json.whys) ?? problemOfSlots(json)
  return problem === undefined ? { ok: true, pack: json as EventPack } : malformed(problem)
}

const decoder = new TextDecoder('utf-8', { fatal: true })
const malformed = (problem: string): ParsedPack => ({ ok: false, reason: 'malformed', problem: `the pack ${problem}` })
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const isWord = (value: unknown): boolean => typeof value === 'string' && /^[a-z][a-z_]{0,39}$/.test(value)
const isBoolean = (value: unknown): boolean => typeof value === 'boolean'
const optional = (value: unknown, holds: (value: unknown) => boolean): boolean => value === undefined || holds(value)
/** 1970 to 2200: what a timestamp in microseconds holds exactly. */
const isMs = (value: unknown): boolean =>
  Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) < 7_258_118_400_000
function isDay(value: unknown): boolean {
  if (typeof value !== 'string' || !/^\d{4}-\d\d-\d\d$/.test(value)) return false
  const ms = Date.parse(`${value}T00:00:00Z`)
  // A day that its month does not have is taken for one of the next month.
  return !Number.isNaN(ms) && new Date(ms).toISOString().slice(0, 10) === value
}

function problemOf(pack: Record<string, unknown>): string | undefined {
  if (!isName(pack.pack)) return 'has no pack id'
  if (!isDay(pack.day)) return 'names no day'
  if (!isMs(pack.at)) return 'has no time'
  if (!isWord(pack.kind)) return 'has no kind'
  if (!optional(pack.set, isUuid)) return 'names a set that is no id'
  if (!optional(pack.batch, isUuid)) return 'names a batch that is no id'
  if (!optional(pack.provider, isName)) return 'names a provider that is no name'
  if (!optional(pack.simulated, isBoolean)) return 'has a simulated that is not true or false'
  return undefined
}

function problemOfIntents(intents: unknown): string | undefined {
  if (!Array.isArray(intents)) return 'has no intents'
  for (const [at, intent] of intents.entries()) {
    const right =
      isObject(intent) &&
      isUuid(intent.id) &&
      isName(intent.type) &&
      isName(intent.category) &&
      isName(intent.producer) &&
      lanes.includes(intent.lane as never) &&
      isMs(intent.occurredAt) &&
      optional(intent.tenant, isName) &&
      optional(intent.success, isBoolean)
    if (!right) return `has an intents[${at}] that is none`
  }
  return undefined
}

function problemOfWhys(whys: unknown): string | undefined {
  if (!Array.isArray(whys)) return 'has no whys'
  const wrong = whys.findIndex(
    why => !(isObject(why) && isWord(why.rule) && optional(why.value, value => typeof value === 'string')),
  )
  return wrong < 0 ? undefined : `has a whys[${wrong}] that is none`
}

function problemOfSlots(pack: Record<string, unknown>): string | undefined {
  const { slots } = pack
  if (!Array.isArray(slots)) return 'has no slots'
  const intents = (pack.intents as unknown[]).length
  const whys = (pack.whys as unknown[]).length
  for (const [at, slot] of slots.entries()) {
    const right =
      isObject(slot) &&
      isPlace(slot.i, intents) &&
      isName(slot.recipient) &&
      channels.includes(slot.channel as never) &&
      (slot.endpoint === undefined || slot.endpoint === '' || isName(slot.endpoint)) &&
      isWord(slot.what) &&
      (slot.w === undefined || isPlace(slot.w, whys)) &&
      optional(slot.called, called => called === true) &&
      optional(slot.arm, isName) &&
      optional(slot.locale, isCode) &&
      optional(slot.platform, isCode) &&
      optional(slot.version, isCode)
    if (!right) return `has a slots[${at}] that is none`
  }
  return undefined
}

const isPlace = (value: unknown, length: number): boolean =>
  Number.isInteger(value) && (value as number) >= 0 && (value as number) < length

import { type AnyNotificationType, type Catalogue, durationMs } from '#contracts/catalogue.ts'
import { type EpochMs, intentId, isName } from '#contracts/ids.ts'
import {
  encodeIntent,
  type Intent,
  intentBytesMax,
  intentToMax,
  spreadOverMaxMs,
  isContact,
  type JsonObject,
  type To,
} from '#contracts/intent.ts'
import { jsonProblems } from './json-problems.ts'

/** Who says it: the name every intent id is derived from, and the catalogue that it is checked against. */
export type Speaker = { producer: string; catalogue: Catalogue }

/** What was said, before anything is known to be right: a call of the SDK or the body of a request. */
export type Said = { readonly type: unknown; readonly options: Readonly<Record<string, unknown>> }

/** An intent ready to be published: the message and what it was made from. */
export type MadeIntent = { intent: Intent; bytes: Buffer }
export type Made = ({ ok: true } & MadeIntent) | { ok: false; problems: string[] }

/**
 * Turns what was said into an intent message, or into the list of everything that is wrong with it. What comes out is
 * never refused as malformed by a router. `data` is the output of the type's schema. Never throws for bad input; what a
 * schema throws passes.
 */
export async function makeIntent(said: Said, by: Speaker & { now: EpochMs }): Promise<Made> {
  const { type, options } = said
  const problems: string[] = []
  const entry = typeof type === 'string' ? by.catalogue.types.get(type) : undefined
  if (type === undefined) problems.push('type: is missing')
  else if (!entry) problems.push(`type ${shown(type)} is not in catalogue version ${by.catalogue.version}`)
  for (const field of Object.keys(options)) if (!fields.has(field)) problems.push(`${field}: is not known here`)
  for (const field of names)
    if (options[field] !== undefined && !isName(options[field])) problems.push(`${field}: ${nameRule}`)
  if (!isName(options.key)) problems.push(`key: ${nameRule}`)
  if (options.supersedes !== undefined && !(isName(options.supersedes) && options.supersedes !== options.key))
    problems.push('supersedes: must be the key of an earlier intent')
  if (options.orderingKey !== undefined && !isName(options.orderingKey)) problems.push(`orderingKey: ${nameRule}`)
  if (options.dryRun !== undefined && typeof options.dryRun !== 'boolean')
    problems.push('dryRun: must be true or false')
  const to = toOf(options.to, entry, problems)
  const times = timesOf(options, by.now, problems)
  const spreadOverMs = spreadOf(options, { entry, times }, problems)
  const data = entry && (await dataOf(entry, options.data, problems))
  if (problems.length > 0) return { ok: false, problems }

  const key = options.key as string
  const intent: Intent = {
    id: intentId({ producer: by.producer, key }),
    producer: by.producer,
    key,
    type: entry!.type,
    catalogue: by.catalogue.version,
    lane: entry!.lane,
    to,
    data: data!,
    ...times,
    ...(spreadOverMs !== undefined && { spreadOverMs }),
    ...(options.dryRun === true && { dryRun: true }),
  }
  for (const field of [...names, 'supersedes'] as const)
    if (options[field] !== undefined) intent[field] = options[field] as string
  const bytes = Buffer.from(encodeIntent(intent))
  if (bytes.length > intentBytesMax)
    return { ok: false, problems: [`the intent has ${bytes.length} bytes, more than ${intentBytesMax}: shorten data`] }
  return { ok: true, intent, bytes }
}

const names = ['actor', 'tenant', 'room', 'thread'] as const
const fields = new Set<string>([
  ...[...names, 'to', 'data', 'key', 'expiresIn', 'sendAt', 'spreadOver', 'occurredAt', 'orderingKey'],
  ...['supersedes', 'dryRun'],
])
const nameRule = 'must be a text of 1 to 200 characters without control characters, quotes and backslashes'

/** A value of the caller in a message, short enough to read. */
function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? typeof value
  return text.length > 80 ? `${text.slice(0, 80)}…` : text
}

function toOf(list: unknown, entry: AnyNotificationType | undefined, problems: string[]): To[] {
  if (!Array.isArray(list) || list.length === 0) {
    problems.push('to: must be a list with at least one recipient')
    return []
  }
  const named = new Map<string, To>()
  list.forEach((item: unknown, at) => {
    const to = oneTo(item)
    if (typeof to === 'string') problems.push(`to[${at}]: ${to}`)
    else if (!named.has(identityOf(to))) named.set(identityOf(to), to)
  })
  const most = Math.min(intentToMax, entry?.maxRecipients ?? intentToMax)
  if (named.size > most)
    problems.push(
      `to: names ${named.size}, more than ${most}: ${most < intentToMax ? 'the type allows no more' : 'use an audience'}`,
    )
  return [...named.values()]
}

/** The first mention of somebody counts, with its reason. */
function identityOf(to: To): string {
  if (to.kind === 'recipient') return `r${to.id}`
  return to.kind === 'audience' ? `a${to.audience}` : `c${JSON.stringify(to.contact)}`
}

function oneTo(item: unknown): To | string {
  if (typeof item === 'string') return isName(item) ? { kind: 'recipient', id: item } : `id ${nameRule}`
  if (typeof item !== 'object' || item === null) return 'must be an id, {id}, {audience} or {contact}'
  const { id, audience, contact, reason, locale, ...rest } = item as Record<string, unknown>
  if ([id, audience, contact].filter(one => one !== undefined).length !== 1 || Object.keys(rest).length > 0)
    return 'must be an id, {id}, {audience} or {contact}, with a reason if there is one'
  if (reason !== undefined && !isName(reason)) return `reason ${nameRule}`
  const why = reason === undefined ? {} : { reason }
  if (locale !== undefined && (contact === undefined || !isName(locale)))
    return 'locale goes with a contact and is a language tag, like "de"; other recipients have their own'
  if (id !== undefined) return isName(id) ? { kind: 'recipient', id, ...why } : `id ${nameRule}`
  if (audience !== undefined) return isName(audience) ? { kind: 'audience', audience, ...why } : `audience ${nameRule}`
  if (!isContact(contact)) return 'contact must be {email} with one mailbox or {phone} with one number like +4930123456'
  return { kind: 'contact', contact, ...(locale !== undefined && { locale }), ...why }
}

type Times = { occurredAt: EpochMs; expiresAt?: EpochMs; sendAt?: EpochMs }

function timesOf(options: Said['options'], now: EpochMs, problems: string[]): Times {
  const read = (field: 'occurredAt' | 'sendAt'): EpochMs | undefined => {
    if (options[field] === undefined) return undefined
    const ms = instantOf(options[field])
    if (ms === undefined)
      problems.push(`${field}: must be an instant: milliseconds, a Date, or text like 2026-11-21T10:00:00Z`)
    return ms
  }
  const times: Times = { occurredAt: read('occurredAt') ?? now }
  const sendAt = read('sendAt')
  if (sendAt !== undefined) times.sendAt = sendAt
  if (options.expiresIn === undefined) return times
  const expiresAt = times.occurredAt + lengthOf(options.expiresIn)
  if (!isInstant(expiresAt)) problems.push('expiresIn: must be a length of time like 30s, 10m, 24h or 7d')
  else if (sendAt !== undefined && sendAt > expiresAt) problems.push('sendAt: is after the intent has expired')
  else times.expiresAt = expiresAt
  return times
}

function spreadOf(
  { spreadOver }: Said['options'],
  { entry, times }: { entry: AnyNotificationType | undefined; times: Times },
  problems: string[],
): number | undefined {
  if (spreadOver === undefined) return undefined
  const ms = lengthOf(spreadOver)
  const expiresAt =
    times.expiresAt ?? times.occurredAt + (entry?.expiresAfter ? durationMs(entry.expiresAfter) : Infinity)
  if (!(ms > 0 && ms <= spreadOverMaxMs)) problems.push('spreadOver: must be a length of time like 10m, at most 24h')
  else if (entry?.lane === 'critical') problems.push(`spreadOver: ${entry.type} is critical and leaves at once`)
  else if ((times.sendAt ?? times.occurredAt) + ms > expiresAt)
    problems.push('spreadOver: ends after the intent has expired')
  return ms
}

function lengthOf(duration: unknown): number {
  try {
    return typeof duration === 'string' ? durationMs(duration) : Number.NaN
  } catch {
    return Number.NaN
  }
}

// ±8.64e15 ms is as far as a Date goes (ECMA-262, time values).
const isInstant = (ms: number): boolean => Number.isSafeInteger(ms) && Math.abs(ms) <= 8.64e15
const rfc3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/i

function instantOf(value: unknown): EpochMs | undefined {
  const ms =
    value instanceof Date
      ? value.getTime()
      : typeof value === 'string' && rfc3339.test(value)
        ? Date.parse(value)
        : value
  return typeof ms === 'number' && isInstant(ms) ? ms : undefined
}

async function dataOf(entry: AnyNotificationType, input: unknown, problems: string[]): Promise<JsonObject | undefined> {
  const checked = entry.schema['~standard'].validate(input)
  const result = checked instanceof Promise ? await checked : checked
  if (result.issues) {
    for (const { path = [], message } of result.issues) {
      const keys = path.map(step => String(typeof step === 'object' ? step.key : step))
      problems.push(`${['data', ...keys].join('.')}: ${message}`)
    }
    return undefined
  }
  const found = jsonProblems(result.value)
  problems.push(...found)
  return found.length === 0 ? (result.value as JsonObject) : undefined
}

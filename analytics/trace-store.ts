import { type Selectable, sql } from 'kysely'
import { type Channel, channels } from '#contracts/channel.ts'
import type { EventKind } from '#contracts/event.ts'
import { type Attempt, dayOf, type EpochMs, intentId, type IntentId } from '#contracts/ids.ts'
import type { Refusal } from '#contracts/intent.ts'
import type { Schema } from '#db/schema.ts'
import type { Database } from '#runtime/postgres.ts'
import { hasMore, type Listed, listed, linesMax } from './listed.ts'
import { openLines, openOfTenant } from './open-store.ts'
import { intentsOf } from './tenant-store.ts'
import { eventSentence } from './trace-words.ts'
import type { AskedTrace } from './trace-asked.ts'
import {
  inOrder,
  namedIn,
  type OpenLine,
  type RefusedLine,
  retractionSentence,
  quarantineSentence,
  type RemovalLine,
  removalSentence,
  refusedSentence,
  repeatedAt,
  type Trace,
  reportHours,
  type TraceLine,
  withOpened,
  withoutOthers,
  withOriginals,
  withUnreported,
} from './trace.ts'

/** With a tenant only what is known to be of it: what no stored event of it tells of, like what was refused, is not. */
type Within = { tenant?: string | undefined }
/** What of an intent is asked: what went to a person, on a channel, to one of their endpoints. */
export type Part = { recipient?: string; channel?: Channel; endpoint?: string } & Within

/** The trace of what is asked; empty where nothing is known of it. */
export function traceOf(db: Database, { tenant, ...asked }: AskedTrace): Promise<Trace> {
  if ('intent' in asked) return traceIntent(db, asked.intent, { ...asked.part, tenant })
  if ('delivery' in asked) return traceDelivery(db, asked.delivery, { tenant })
  return traceRecipient(db, asked.recipient, { since: asked.since, tenant })
}

/**
 * Everything that happened to an intent, for all its recipients or to a part of them, in order, what the ledger still holds
 * open, and which messages of it were refused and why. Takes the intent's id, or the producer and key that it is made of. An
 * unknown intent has an empty trace.
 */
export async function traceIntent(
  db: Database,
  intent: IntentId | { producer: string; key: string },
  part: Part = {},
): Promise<Trace> {
  const { recipient, channel, endpoint, tenant } = part
  const id = typeof intent === 'string' ? intent : intentId(intent)
  const sets = await setsOf(db, id)
  // Nothing of an intent is older than its first set; one that the ledger has forgotten is looked for everywhere.
  const since = sets.length > 0 ? sets.map(dayOf).sort()[0] : undefined
  const events = await eventsOf(db, { day: since, tenant }, query =>
    query
      .where('intent_id', '=', id)
      .$if(recipient !== undefined, of => of.where('recipient', '=', recipient!))
      .$if(channel !== undefined, of => of.where('channel', '=', channel!))
      // What was decided of a delivery was decided of its person and channel.
      .$if(endpoint !== undefined, of =>
        of.where(by => by.or([by('endpoint', '=', endpoint!), by('endpoint', 'is', null)])),
      )
      .orderBy('at')
      .orderBy(kindOrder)
      .orderBy('recipient'),
  )
  if (tenant !== undefined && events.lines.length === 0) return unknown
  const refused = tenant === undefined ? await refusedOf(db, id) : listed([])
  const retraction = await retractionOf(db, id, { tenant })
  const quarantine = await quarantineOf(db, id)
  const isPushed = (channel ?? 'push') === 'push'
  const removals = isPushed ? await removalsOf(db, [id], recipient) : listed([])
  const known = {
    ...{ lines: events.lines, refused: refused.lines, removals: removals.lines },
    ...(retraction && { retraction }),
    ...(quarantine && { quarantine }),
  }
  if (sets.length === 0) return { ...known, open: [], more: hasMore([events, refused, removals]) }
  const expansion = await db.kysely
    .selectFrom('expansions')
    .select('members')
    .where('intent_id', '=', id)
    .where('done_at', 'is', null)
    .executeTakeFirst()
  const ofPart = (line: OpenLine) =>
    (recipient ?? line.recipient) === line.recipient &&
    (channel ?? line.channel) === line.channel &&
    (line.endpoint === undefined || (endpoint ?? line.endpoint) === line.endpoint)
  const to = recipient === undefined ? sql<boolean>`true` : sql<boolean>`recipient = ${recipient}`
  const which = {
    deliveries: sql<boolean>`b.set_id = any(${sets}) and d.intent_id = ${id} and ${to}`,
    holds: sql<boolean>`held.set_id = any(${sets}) and held.intent_id = ${id} and ${to}`,
  }
  // An intent is of one tenant, and its events have said of which.
  const open = await openLines(db, which, tenant === undefined)
  const more = hasMore([events, refused, removals, open])
  return { ...known, open: open.lines.filter(ofPart), more, ...(expansion && { expanding: expansion.members }) }
}

/** The delivery that a provider's call was for, by the name that the provider was given: what went to that endpoint. */
export async function traceDelivery(db: Database, { batch, slot }: Attempt, within: Within = {}): Promise<Trace> {
  const found = await db.kysely
    .selectFrom('deliveries')
    .select(['intent_id', 'recipient', 'channel', 'endpoint'])
    .where('day', '=', dayOf(batch))
    .where('batch_id', '=', batch)
    .where('slot', '=', slot)
    .executeTakeFirst()
  if (found === undefined) return unknown
  const { intent_id, recipient, channel, endpoint } = found
  return traceIntent(db, intent_id as IntentId, { recipient, channel: channels[channel]!, endpoint, ...within })
}

const unknown: Trace = { refused: [], lines: [], open: [], removals: [], more: false }

/**
 * Everything that happened to a person since an instant (default: ever), in order, and what is open for them. Where
 * there is too much, the newest is given.
 */
export async function traceRecipient(
  db: Database,
  recipient: string,
  { since, tenant }: { since?: EpochMs | undefined } & Within = {},
): Promise<Trace> {
  const day = since === undefined ? undefined : isoDayOf(since)
  const events = await eventsOf(db, { day, tenant }, query =>
    query
      .where('recipient', '=', recipient)
      .where('at', '>=', new Date(since ?? 0))
      .orderBy('at', 'desc')
      .orderBy(kindOrder, 'desc'),
  )
  const which = {
    // The array is asked first: taking all open batches apart would take long.
    deliveries: sql<boolean>`${recipient} = any(b.recipients) and d.recipient = ${recipient}`,
    holds: sql<boolean>`held.recipient = ${recipient}`,
  }
  const own = tenant === undefined ? which : await openOfTenant(db, which, tenant)
  const open = await openLines(db, own, tenant === undefined)
  // What was refused is of no recipient: nobody has looked for one in it.
  const intents = [...events.lines, ...open.lines].map(line => line.intent)
  const removals = await removalsOf(db, [...new Set(intents)], recipient)
  const found = { refused: [], lines: events.lines, open: open.lines, removals: removals.lines }
  return { ...found, more: hasMore([events, open, removals]) }
}

async function setsOf(db: Database, id: IntentId): Promise<string[]> {
  const first = db.kysely.selectFrom('admitted').select('set_id').where('id', '=', id)
  const later = db.kysely.selectFrom('intent_sets').select('set_id').where('intent_id', '=', id)
  const rows = await first.union(later).execute()
  return rows.map(row => row.set_id)
}

async function retractionOf(db: Database, id: IntentId, { tenant }: Within): Promise<Trace['retraction']> {
  const row = await db.kysely
    .selectFrom('retractions')
    .select(['at', 'successor'])
    .where('id', '=', id)
    .executeTakeFirst()
  if (row === undefined) return undefined
  const at = row.at.getTime()
  const named = row.successor as IntentId | null
  const isOwn = named !== null && (tenant === undefined || (await namedOf(db, [named], { tenant, at })).has(named))
  return { at, sentence: retractionSentence({ successor: named && (isOwn ? `intent ${named}` : 'another intent') }) }
}

async function quarantineOf(db: Database, id: IntentId): Promise<Trace['quarantine']> {
  const row = await db.kysely
    .selectFrom('quarantines')
    .select(['since', 'recipients', 'more', 'guard', 'most', 'volume', 'ended_how', 'ended_by'])
    .where('intent_id', '=', id)
    .executeTakeFirst()
  return (
    row && {
      at: row.since.getTime(),
      sentence: quarantineSentence({ ...row, volume: Number(row.volume) }),
      open: row.ended_how === null,
    }
  )
}

/** Of some intents, for everybody or for one person. */
async function removalsOf(
  db: Database,
  intents: readonly IntentId[],
  recipient?: string,
): Promise<Listed<RemovalLine>> {
  if (intents.length === 0) return listed([])
  const rows = await db.kysely
    .selectFrom('removals as r')
    .leftJoin('retractions as t', 't.id', 'r.intent_id')
    .select(['r.intent_id', 'r.recipient', 'r.why', 'r.at', 'r.told', 'r.told_at', 'r.done_at', 't.kind'])
    .where('r.intent_id', 'in', intents)
    .$if(recipient !== undefined, query => query.where('r.recipient', '=', recipient!))
    .orderBy('r.at')
    .limit(linesMax + 1)
    .execute()
  const { lines, more } = listed(rows)
  const told = lines.flatMap(({ intent_id, recipient, why, kind, at, told, told_at, done_at }): RemovalLine[] => {
    const rule = why === 'read' ? 'read' : kind === 'superseded' ? 'superseded' : 'retracted'
    const sentence = removalSentence({ rule, told, sent: told_at !== null, done: done_at !== null })
    if (sentence === undefined) return []
    const of = { at: (told_at ?? at).getTime(), intent: intent_id as IntentId, recipient }
    return [{ ...of, channel: 'push', what: 'taken_off', rule, sentence }]
  })
  return { lines: told, more }
}

async function refusedOf(db: Database, id: IntentId): Promise<Listed<RefusedLine>> {
  const rows = await db.kysely
    .selectFrom('refused')
    .select(['at', 'type', 'reason', 'problems', 'readmitted_at'])
    .where('intent_id', '=', id)
    .orderBy('at')
    .limit(linesMax + 1)
    .execute()
  const { lines, more } = listed(rows)
  const told = lines.map(({ at, type, reason, problems, readmitted_at }) => {
    const what = reason as Refusal
    const readmitted = readmitted_at && { readmittedAt: readmitted_at.getTime() }
    return {
      ...{ at: at.getTime(), intent: id, what, sentence: refusedSentence({ what, problems, ...readmitted }) },
      ...(type !== null && { type }),
    }
  })
  return { lines: told, more }
}

const eventColumns = [
  ...(['at', 'kind', 'what', 'intent_id', 'type', 'recipient', 'channel', 'endpoint', 'provider', 'rule'] as const),
  ...(['rule_value', 'batch_id', 'set_id', 'simulated'] as const),
] as const
type EventRow = Pick<Selectable<Schema['delivery_events']>, (typeof eventColumns)[number]> & { is_old: boolean }

/** What bears the same instant happened in this order. */
const kindOrder = sql`array_position(array['decided', 'settled', 'standing', 'engaged'], kind)`

const selectEvents = (db: Database['kysely'], day: string | undefined) =>
  db
    .selectFrom('delivery_events')
    .select(eventColumns)
    .select(sql<boolean>`at < now() - ${reportHours} * interval '1 hour'`.as('is_old'))
    .$if(day !== undefined, query => query.where('day', '>=', day!))

async function eventsOf(
  db: Database,
  { day, tenant }: { day: string | undefined } & Within,
  narrow: (query: ReturnType<typeof selectEvents>) => ReturnType<typeof selectEvents>,
): Promise<Listed<TraceLine>> {
  const rows = await db.kysely.transaction().execute(async tx => {
    // The planner takes the summarising index for worse than reading everything.
    await sql`set local enable_seqscan = off`.execute(tx)
    return narrow(selectEvents(tx, day))
      .$if(tenant !== undefined, query => query.where('tenant', '=', tenant!))
      .limit(linesMax + 1)
      .execute()
  })
  const found = listed(rows)
  const { more } = found
  const old = new Set<TraceLine>()
  const lines = found.lines.map(row => {
    const line = lineOf(row)
    if (row.is_old) old.add(line)
    return line
  })
  // The report may be among what is not listed.
  const told = withOpened(inOrder(more ? lines : withUnreported(lines, line => old.has(line))))
  const originalOf = await originalsOf(db, told, { tenant })
  const own = tenant === undefined ? told : await ownOf(db, told, { tenant, originalOf })
  return { lines: withOriginals(own, originalOf), more }
}

/** Lines of a tenant, which may name what is of others: people are told together, and once, whoever says it. */
async function ownOf(
  db: Database,
  lines: readonly TraceLine[],
  { tenant, originalOf }: { tenant: string; originalOf: (line: TraceLine) => IntentId | undefined },
): Promise<TraceLine[]> {
  const naming = lines.flatMap(line => namedIn(line) ?? [])
  const at = Math.min(...lines.map(line => line.at))
  const own = await namedOf(db, naming, { tenant, at })
  return lines.map(line =>
    withoutOthers(line, named => (named === 'repeated' ? originalOf(line) !== undefined : own.has(named))),
  )
}

/** Intents are known for so long; what names another is no older. */
const knownMs = 35 * 86_400_000

/** Which of the intents that were named at an instant, or later, are of a tenant. */
const namedOf = (
  db: Database,
  named: readonly IntentId[],
  { tenant, at }: { tenant: string; at: EpochMs },
): Promise<Set<IntentId>> =>
  intentsOf(db, named, { tenant, day: named.length === 0 ? undefined : isoDayOf(at - knownMs) })

const isoDayOf = (at: EpochMs): string => new Date(at).toISOString().slice(0, 10)

/** Instants that originals are looked for at; of more duplicates only the time of the original is told. */
const originalsMax = 100

/** Finds what duplicates repeat: the intent of their type that occurred then and was decided for the same person. */
async function originalsOf(
  db: Database,
  lines: readonly TraceLine[],
  { tenant }: Within,
): Promise<(line: TraceLine) => IntentId | undefined> {
  const duplicates = lines.flatMap(line => {
    const repeats = repeatedAt(line)
    return repeats === undefined ? [] : [{ recipient: line.recipient, repeats }]
  })
  if (duplicates.length === 0) return () => undefined
  const keyOf = (of: { recipient: string; type: string }, at: EpochMs) => JSON.stringify([of.recipient, of.type, at])
  const instants = [...new Set(duplicates.map(({ repeats }) => repeats))].slice(0, originalsMax)
  const rows = await db.kysely.transaction().execute(async tx => {
    await sql`set local enable_seqscan = off`.execute(tx)
    return tx
      .selectFrom('delivery_events')
      .select(['recipient', 'type', 'occurred_at', 'intent_id'])
      .where('kind', '=', 'decided')
      .where('what', 'in', ['deliver', 'held'])
      .$if(tenant !== undefined, query => query.where('tenant', '=', tenant!))
      .where(
        'occurred_at',
        'in',
        instants.map(at => new Date(at)),
      )
      .where('recipient', 'in', [...new Set(duplicates.map(({ recipient }) => recipient))])
      .where('day', '>=', isoDayOf(Math.min(...instants) - 86_400_000))
      .execute()
  })
  const found = new Map(rows.map(row => [keyOf(row, row.occurred_at.getTime()), row.intent_id as IntentId]))
  return line => {
    const at = repeatedAt(line)
    const original = at === undefined ? undefined : found.get(keyOf(line, at))
    return original === line.intent ? undefined : original
  }
}

function lineOf(row: EventRow): TraceLine {
  const { what } = row
  const why = {
    ...(row.rule !== null && { rule: row.rule }),
    ...(row.rule_value !== null && { value: row.rule_value }),
  }
  return {
    at: row.at.getTime(),
    intent: row.intent_id as IntentId,
    type: row.type,
    recipient: row.recipient,
    channel: row.channel as Channel,
    kind: row.kind as EventKind,
    what,
    ...why,
    sentence: eventSentence({
      ...{ kind: row.kind as EventKind, what, ...why, at: row.at.getTime(), channel: row.channel as Channel },
      ...(row.provider !== null && { provider: row.provider }),
    }),
    ...(row.endpoint !== null && { endpoint: row.endpoint }),
    ...(row.provider !== null && { provider: row.provider }),
    ...(row.batch_id !== null && { batch: row.batch_id }),
    ...(row.set_id !== null && { set: row.set_id }),
    ...(row.simulated && { simulated: true }),
  }
}

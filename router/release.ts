import type { AnyNotificationType, Catalogue } from '#contracts/catalogue.ts'
import type { Channel, Lane } from '#contracts/channel.ts'
import { type EpochMs, newSetId } from '#contracts/ids.ts'
import type { Routes } from '#contracts/routes.ts'
import { type DueHold, dueHolds, postponeHolds, releaseHolds } from '#ledger/holds.ts'
import type { OpenDigest } from '#ledger/digests.ts'
import { quarantinesOf } from '#ledger/quarantine.ts'
import { toldTogether } from '#ledger/stops.ts'
import { type Decided, type ReadyBatch, writeSet } from '#ledger/set.ts'
import { inTenant, type Person, readPeople } from '#preferences/preferences.ts'
import type { Log } from '#runtime/log.ts'
import { type Database, isConflict, isOutage, type Queryable } from '#runtime/postgres.ts'
import { addEngagement } from './engaged.ts'
import { type Case, judge, underStops, windowKeys, withWindows } from './judge.ts'
import { underQuarantine } from './policies/quarantine.ts'
import { markTakenBack } from './policies/retraction.ts'

/** Hold rows that one transaction takes up; each has up to 500 decisions. */
const holdRowsMax = 8
/** What is of a type that this process does not know waits for one that does; a hold that fails waits as long. */
const failedDelayMs = 60_000

type ReleaseDeps = { lane: Lane; catalogue: Catalogue; routes?: Routes | undefined; log: Log; now: EpochMs }

/**
 * Takes up holds of a lane that are due and decides them again at this instant. Returns the batches that became ready,
 * or undefined when nothing was due. Other schedulers work on other holds meanwhile. When one of several fails they are
 * taken one by one, so that it is put off alone.
 */
export async function releaseDue(
  db: Database,
  deps: ReleaseDeps,
  limit = holdRowsMax,
): Promise<ReadyBatch[] | undefined> {
  const { lane, catalogue, log, now } = deps
  const until = now + failedDelayMs
  // The windows must be locked before anything else is (see `withWindows`), so whom they are for is read ahead.
  const ahead = await db.transaction(async tx => {
    const holds = await dueHolds(tx, { lane, now, limit })
    const unknown = holds.filter(hold => !hold.intents.some(intent => catalogue.types.has(intent.type)))
    if (unknown.length > 0) await postponeHolds(tx, { holds: unknown, until })
    return holds.filter(hold => !unknown.includes(hold))
  })
  if (ahead.length === 0) return undefined
  try {
    return await release(db, deps, ahead)
  } catch (error) {
    if (isOutage(error) || isConflict(error)) throw error
    if (ahead.length > 1) return releaseDue(db, deps, 1)
    log.error({ hold: ahead[0]!.id, waitMs: failedDelayMs, error }, 'a hold cannot be decided again; it is put off')
    await postponeHolds(db, { holds: ahead, until })
    return []
  }
}

async function release(
  db: Database,
  { lane, catalogue, routes, now }: ReleaseDeps,
  ahead: readonly DueHold[],
): Promise<ReadyBatch[]> {
  const recipients = ahead.flatMap(hold => hold.slots.map(slot => slot.recipient))
  const intents = ahead.flatMap(hold => hold.intents)
  const people = await readPeople(db, [...new Set(recipients)], intents)
  const together = await togetherAmong(db, ahead)
  const cases = new Map(ahead.map(hold => [hold.id, casesOf(hold, { catalogue, people, together, at: now })]))
  await addEngagement(db, [...cases.values()].flat())
  return withWindows(db, windowKeys([...cases.values()].flat()), async (tx, locked) => {
    const holds = (await dueHolds(tx, { lane, now, limit: ahead.length })).filter(hold => cases.has(hold.id))
    if (holds.length === 0) return []
    const set = newSetId()
    // Asked again: what was read ahead may have been taken back since.
    const mine = holds.flatMap(hold => underStops(markTakenBack(cases.get(hold.id)!, hold.tombstones), hold.stops))
    const decided = await judge(tx, underQuarantine(mine, await quarantinesAmong(tx, holds)), locked)
    decided.push(...holds.flatMap(hold => heldAgain(hold, { catalogue, until: now + failedDelayMs })))
    await releaseHolds(tx, { holds, set, now })
    const released = holds.reduce((n, hold) => n + hold.slots.length, 0)
    return writeSet(tx, { id: set, lane, origin: 'release', now, intake: {}, decided, routes, released })
  })
}

/** Only what waited for an operator asks what that operator said. */
async function quarantinesAmong(tx: Queryable, holds: readonly DueHold[]): ReturnType<typeof quarantinesOf> {
  const waited = holds.filter(hold => hold.reason === 'quarantine')
  if (waited.length === 0) return new Map()
  return quarantinesOf(tx, [...new Set(waited.flatMap(hold => hold.intents.map(intent => intent.id)))])
}

/** Of stops that have ended, by label, those that tell together what they held. Asked only where a stop held something. */
async function togetherAmong(db: Queryable, holds: readonly DueHold[]): Promise<Together> {
  const stopped = holds.filter(hold => hold.reason === 'stopped' || hold.reason === 'stopped_late')
  const labels = stopped.flatMap(hold => hold.slots.flatMap(slot => slot.why.value ?? []))
  return labels.length > 0 ? toldTogether(db, [...new Set(labels)]) : new Map()
}
type Together = Awaited<ReturnType<typeof toldTogether>>

/** What is critical, must be told or is sensitive waits in no digest. */
const mayBeTogether = ({ lane, mandatory, sensitive }: AnyNotificationType): boolean =>
  lane !== 'critical' && !mandatory && !sensitive

/** The channels of one (intent, recipient) that waited together are decided together; what was taken back is marked. Without types that are not known. */
export function casesOf(
  hold: DueHold,
  {
    catalogue,
    people,
    together,
    at,
  }: { catalogue: Catalogue; people: ReadonlyMap<string, Person>; together?: Together; at: EpochMs },
): readonly Case[] {
  const cases = new Map<string, Case & { released: { channels: Channel[] } }>()
  for (const { recipient, reason, countedAt, heldSince, ...slot } of hold.slots) {
    const intent = hold.intents[slot.intent]!
    const entry = catalogue.types.get(intent.type)
    if (!entry) continue
    const key = `${intent.id} ${recipient}`
    const known = cases.get(key)
    const told = mayBeTogether(entry) ? together?.get(slot.why.value ?? '') : undefined
    if (known) known.released.channels.push(slot.channel)
    else
      cases.set(key, {
        ...{ intent, entry, recipient, at },
        person: inTenant(people.get(recipient)!, intent.tenant),
        ...(reason !== undefined && { reason }),
        released: {
          ...{ channels: [slot.channel], reason: hold.reason },
          ...(countedAt !== undefined && { countedAt }),
          ...(heldSince !== undefined && { heldSince }),
          ...(told && { together: told }),
          ...(hold.until !== undefined && { waits: { reason: hold.reason, until: hold.until, why: slot.why } }),
        },
      })
  }
  return markTakenBack([...cases.values()], hold.tombstones)
}

/** What waits beside others and is of a type that this process does not know: it waits on, in `digest` if it waited in one. */
export function heldAgain(
  hold: DueHold,
  { catalogue, until, digest }: { catalogue: Catalogue; until: EpochMs; digest?: OpenDigest },
): Decided[] {
  return hold.slots.flatMap(({ intent: at, why, ...slot }): Decided[] => {
    const intent = hold.intents[at]!
    if (catalogue.types.has(intent.type)) return []
    const verdict = { kind: 'held', reason: hold.reason, until: hold.until ?? until, why } as const
    return [{ ...slot, intent, sensitive: false, verdict, endpoints: [], ...(digest && { digest }) }]
  })
}

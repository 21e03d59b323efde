import type { Catalogue } from '#contracts/catalogue.ts'
import type { Lane } from '#contracts/channel.ts'
import { type EpochMs, newSetId } from '#contracts/ids.ts'
import type { Routes } from '#contracts/routes.ts'
import {
  closeDigests,
  digestMax,
  dueDigests,
  joinableDigests,
  membersOf,
  newDigest,
  type OpenDigest,
  postponeDigests,
} from '#ledger/digests.ts'
import { type DueHold, releaseHolds } from '#ledger/holds.ts'
import { type Decided, type ReadyBatch, writeSet } from '#ledger/set.ts'
import { type Person, readPeople } from '#preferences/preferences.ts'
import type { Log } from '#runtime/log.ts'
import { type Database, isConflict, isOutage, type Queryable } from '#runtime/postgres.ts'
import { addEngagement } from './engaged.ts'
import { type Case, foldWindows, judgeTogether, ownOf, underStops, withWindows } from './judge.ts'
import { casesOf, heldAgain } from './release.ts'
import { writeWindows } from './windows-store.ts'

/** Digests that one transaction tells. */
const digestsMax = 50
/** What is of a type that this process does not know waits for one that does; a digest that fails waits as long. */
const failedDelayMs = 60_000

type ReleaseDeps = { lane: Lane; catalogue: Catalogue; routes?: Routes | undefined; log: Log; now: EpochMs }

/**
 * Tells what waited in digests that are due: each of its members is decided again at this instant, and what is left is one
 * message by each channel. Returns the batches that became ready, or undefined when nothing was due. When one of several
 * fails they are taken one by one, so that it is put off alone.
 */
export async function releaseDigests(
  db: Database,
  deps: ReleaseDeps,
  limit = digestsMax,
): Promise<ReadyBatch[] | undefined> {
  const { lane, now, log } = deps
  // The windows must be locked before anything else is (see `withWindows`), so whom they are for is read ahead.
  const ahead = fewEnough(await db.transaction(tx => dueDigests(tx, { lane, now, limit })))
  if (ahead.length === 0) return undefined
  try {
    return await release(db, deps, ahead)
  } catch (error) {
    if (isOutage(error) || isConflict(error)) throw error
    if (ahead.length > 1) return releaseDigests(db, deps, 1)
    const { id } = ahead[0]!
    log.error({ digest: id, waitMs: failedDelayMs, error }, 'a digest cannot be told now; it is put off')
    await postponeDigests(db, [{ id, until: now + failedDelayMs }])
    return []
  }
}

/** As many as hold no more than one may hold: they are all in memory at once. */
function fewEnough(due: readonly OpenDigest[]): readonly OpenDigest[] {
  let members = 0
  return due.filter(({ n }, at) => (members += n) <= digestMax || at === 0)
}

async function release(db: Database, deps: ReleaseDeps, ahead: readonly OpenDigest[]): Promise<ReadyBatch[]> {
  const { lane, now } = deps
  const recipients = [...new Set(ahead.map(one => one.recipient))]
  return withWindows(db, recipients, async (tx, locked) => {
    const due = await dueDigests(tx, { lane, now, limit: ahead.length, ids: ahead.map(one => one.id) })
    if (due.length === 0) return []
    const waiting = await membersOf(tx, due)
    const holds = Map.groupBy(waiting, hold => hold.digest!)
    const people = await readPeople(
      tx,
      recipients,
      waiting.flatMap(hold => hold.intents),
    )
    const windows = foldWindows(locked)
    const joinable = await joinableDigests(tx, recipients)
    for (const { id, recipient, key } of due)
      if (joinable.get(recipient)?.get(key)?.id === id) joinable.get(recipient)!.delete(key)
    const members = new Map(
      due.map(digest => [digest.id, casesOfDigest({ digest, holds: holds.get(digest.id) ?? [] }, people, deps)]),
    )
    await addEngagement(
      tx,
      [...members.values()].flatMap(cases => cases ?? []),
    )
    const judged = due.map(digest => {
      const digests = ownOf(joinable, digest.recipient)
      const cases = members.get(digest.id)
      const result = cases ? judgeTogether(digest, cases, { windows, digests }) : { waits: now + failedDelayMs }
      if ('decided' in result) result.decided.push(...parted(digest, holds.get(digest.id) ?? [], deps))
      // It stays open: what is told in this transaction may have to wait there as well.
      if ('waits' in result && !digest.full) digests.set(digest.key, Object.assign(digest, { dueAt: result.waits }))
      return { digest, holds: holds.get(digest.id) ?? [], ...result }
    })
    await postponeDigests(
      tx,
      judged.flatMap(one => ('waits' in one ? [{ id: one.digest.id, until: one.waits }] : [])),
    )
    const told = judged.filter(one => 'decided' in one)
    await writeWindows(tx, windows.changed())
    return tell(tx, told, deps)
  })
}

/** Undefined when it is full of what this process does not know. */
function casesOfDigest(
  { digest, holds }: { digest: OpenDigest; holds: readonly DueHold[] },
  people: ReadonlyMap<string, Person>,
  { catalogue, now }: ReleaseDeps,
): Case[] | undefined {
  const cases = holds.flatMap(hold => underStops(casesOf(hold, { catalogue, people, at: now }), hold.stops))
  return digest.full && cases.length === 0 && holds.length > 0 ? undefined : cases
}

/** What is of a type that this process does not know keeps nobody waiting: it waits in a digest of its own, which takes nothing more. */
function parted(
  { recipient, key, openedAt }: OpenDigest,
  holds: readonly DueHold[],
  { catalogue, now }: ReleaseDeps,
): Decided[] {
  const until = now + failedDelayMs
  const digest = { ...newDigest({ recipient, key, openedAt, dueAt: until }), full: true }
  const decided = holds.flatMap(hold => heldAgain(hold, { catalogue, until, digest }))
  digest.n = new Set(decided.map(one => one.intent.id)).size
  return decided
}

async function tell(
  tx: Queryable,
  told: readonly { digest: OpenDigest; holds: readonly DueHold[]; decided: Decided[] }[],
  { lane, routes, now }: ReleaseDeps,
): Promise<ReadyBatch[]> {
  if (told.length === 0) return []
  const set = newSetId()
  const holds = told.flatMap(one => one.holds)
  await closeDigests(tx, { digests: told.map(one => one.digest), set, now })
  await releaseHolds(tx, { holds, set, now })
  const released = holds.reduce((n, hold) => n + hold.slots.length, 0)
  const decided = told.flatMap(one => one.decided)
  return writeSet(tx, { id: set, lane, origin: 'release', now, intake: {}, decided, routes, released })
}

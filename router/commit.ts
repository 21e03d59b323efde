import { durationMs } from '#contracts/catalogue.ts'
import { readCancels } from '#contracts/engagement.ts'
import type { Lane } from '#contracts/channel.ts'
import type { Routes } from '#contracts/routes.ts'
import { type EpochMs, type IntentId, newSetId, type SetId } from '#contracts/ids.ts'
import { type Admission, admitIntents, refuseMessages, type RefusedMessage } from '#ledger/admit.ts'
import type { CarriedIntent } from '#ledger/batch.ts'
import { openExpansion } from '#ledger/expansions.ts'
import { type NewQuarantine, openQuarantines } from '#ledger/quarantine.ts'
import { supersede } from '#ledger/retractions.ts'
import { type Intake, type ReadyBatch, writeSet } from '#ledger/set.ts'
import { inTenant } from '#preferences/preferences.ts'
import type { Database, Queryable } from '#runtime/postgres.ts'
import { type Admitted, type AdmittedIntent, refusedBy } from './admit.ts'
import { addEngagement } from './engaged.ts'
import { audiencesOf, type Facts, instantOf, recipientsOf } from './gather.ts'
import { type Case, judge, underStops, windowKeys, withWindows } from './judge.ts'
import { tooMany, tooMuch, underQuarantine } from './policies/quarantine.ts'
import type { Volumes, Weighing } from './volumes.ts'
import { markTakenBack, supersededBy, withSuperseded } from './policies/retraction.ts'

export type CommitDeps = {
  db: Database
  lane: Lane
  now: EpochMs
  trustEventTime: boolean
  /** Absent: nothing is held for its volume. */
  volumes?: Volumes | undefined
  routes?: Routes | undefined
  failpoint?: (name: 'after insert before commit') => Promise<void>
}

export type Committed = { ready: ReadyBatch[]; intake: Partial<Record<Intake, number>> }

/**
 * One transaction that holds the intents and everything still to be done for them: what is new is admitted, decided
 * with the windows locked, and written as batches, refusals, holds and expansions with their events (law 1).
 */
export async function commit(admitted: Admitted, facts: Facts, deps: CommitDeps): Promise<Committed> {
  const { intents } = admitted
  const cases = new Map(intents.map(one => [one, casesOf(one, facts, deps)]))
  await addEngagement(deps.db, [...cases.values()].flat())
  const committed = await withWindows(deps.db, windowKeys([...cases.values()].flat()), async (tx, locked) => {
    const set = newSetId()
    const candidates = intents.map(one => ({ id: one.intent.id, bodyHash: one.bodyHash }))
    const { admissions, stops, tombstones } = await admitIntents(tx, set, candidates)
    const those = (wanted: Admission) => intents.filter((_, at) => admissions[at] === wanted)
    const fresh = those('admitted')
    const refused = [...admitted.refused, ...those('conflict').map(one => conflictOf(one, deps.lane))]
    await refuseMessages(tx, refused, deps.now)
    const superseding = supersededBy(fresh.map(one => one.intent))
    if (superseding.length > 0) await supersede(tx, superseding)
    const weighing = deps.volumes?.weighing()
    const quarantines = fresh.flatMap(
      one => guarded(one, { cases: cases.get(one)!, facts, weighing, at: deps.now }) ?? [],
    )
    await openQuarantines(tx, quarantines)
    const kept = new Map(
      quarantines.map(({ intent, guard, most }) => [intent, { state: 'open' as const, guard, most, sample: [] }]),
    )
    const freshCases = underQuarantine(
      fresh.flatMap(one => cases.get(one)!),
      kept,
    )
    const ended = withSuperseded(tombstones, superseding)
    const decided = await judge(tx, underStops(markTakenBack(freshCases, ended), stops), locked)
    await expandLater(tx, fresh, { set, facts, deps, kept })
    const intake: Committed['intake'] = {
      admitted: fresh.length,
      duplicate: those('duplicate').length,
      expired: admitted.expired.length,
    }
    for (const { reason } of refused) intake[reason] = (intake[reason] ?? 0) + 1
    const ready = await writeSet(tx, {
      ...{ id: set, lane: deps.lane, origin: 'messages', now: deps.now },
      ...{ received: admitted.received, intake },
      ...{ decided, routes: deps.routes },
      released: 0,
    })
    await deps.failpoint?.('after insert before commit')
    return { ready, intake, weighing }
  })
  committed.weighing?.keep()
  return committed
}

/** What holds an intent before anybody is told: for too many people, or one too many of its kind. */
function guarded(
  one: AdmittedIntent,
  on: { cases: readonly Case[]; facts: Facts; weighing: Weighing | undefined; at: EpochMs },
): NewQuarantine | undefined {
  const counted = { named: on.cases.length, members: on.facts.members?.get(one.intent.id) ?? 0 }
  const held = tooMany(one, counted)
  if (held || one.intent.dryRun) return held
  const { entry } = one
  const blast = on.weighing?.weigh(one.intent, { n: counted.named + counted.members, entry, at: on.at })
  return tooMuch(one, { ...counted, blast })
}

const conflictOf = (one: AdmittedIntent, lane: Lane): RefusedMessage => ({
  ...refusedBy(one.message, lane, one.intent),
  reason: 'conflict',
  problems: ['key is known with another body'],
})

/** What goes on of an intent that was admitted, decided first at `at`: from then on it is spread. */
export function carried({ intent, entry }: Pick<AdmittedIntent, 'intent' | 'entry'>, at: EpochMs): CarriedIntent {
  const {
    id,
    producer,
    type,
    catalogue,
    occurredAt,
    sendAt,
    tenant,
    room,
    thread,
    actor,
    data,
    spreadOverMs: overMs,
    dryRun,
  } = intent
  const expiresAt = intent.expiresAt ?? (entry.expiresAfter && occurredAt + durationMs(entry.expiresAfter))
  return {
    ...{ id, producer, type, category: entry.category, catalogue, occurredAt, data },
    ...(expiresAt !== undefined && { expiresAt }),
    ...(sendAt !== undefined && { sendAt }),
    ...(overMs !== undefined && { spread: { from: Math.max(at, sendAt ?? at), overMs } }),
    ...(tenant !== undefined && { tenant }),
    ...(room !== undefined && { room }),
    ...(thread !== undefined && { thread }),
    ...(actor !== undefined && { actor }),
    ...(entry.mandatory && { mandatory: true }),
    ...(dryRun && { dryRun: true }),
    ...(!readCancels(entry) && { ignoresReads: true }),
  }
}

/** The people whom an intent names itself, each with the facts that it is decided by. */
export function casesOf(
  one: Pick<AdmittedIntent, 'intent' | 'entry'>,
  facts: Facts,
  deps: Pick<CommitDeps, 'now' | 'trustEventTime'>,
): Case[] {
  const at = instantOf(one.intent, deps)
  const intent = carried(one, at)
  return recipientsOf(one.intent, facts).map(({ id, reason }) => ({
    ...{ intent, entry: one.entry, recipient: id, at },
    person: inTenant(facts.people.get(id)!, intent.tenant),
    ...(reason !== undefined && { reason }),
  }))
}

/** Audiences become sets of their own, page by page, from a checkpoint that this transaction opens. */
async function expandLater(
  tx: Queryable,
  intents: readonly AdmittedIntent[],
  { set, facts, deps, kept }: { set: SetId; facts: Facts; deps: CommitDeps; kept: ReadonlyMap<IntentId, unknown> },
): Promise<void> {
  for (const one of intents) {
    const audiences = audiencesOf(one.intent)
    if (audiences.length === 0) continue
    const except = recipientsOf(one.intent, facts).map(recipient => recipient.id)
    const intent = carried(one, instantOf(one.intent, deps))
    const quarantined = kept.has(intent.id)
    await openExpansion(tx, { lane: deps.lane, intent, audiences, except, set, now: deps.now, quarantined })
  }
}

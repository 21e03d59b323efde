import { sql } from 'kysely'
import { channels } from '#contracts/channel.ts'
import { type HoldReason, ruleOfHold } from '#contracts/decision.ts'
import type { IntentId } from '#contracts/ids.ts'
import type { Database } from '#runtime/postgres.ts'
import { hasMore, type Listed, listed, linesMax } from './listed.ts'
import { type OpenLine, openSentence } from './trace.ts'

type Condition = ReturnType<typeof sql<boolean>>

/**
 * What the ledger still holds open: deliveries, and what is held. Conditions on `batches b`, `deliveries d` and on `held`. With a
 * tenant only what stored events say is of it, and not how many of others are ahead.
 */
export async function openLines(
  db: Database,
  { tenant, ...of }: { deliveries: Condition; holds: Condition; tenant: string | undefined },
): Promise<Listed<OpenLine>> {
  const deliveries = await openDeliveries(db, of.deliveries, tenant === undefined)
  const holds = await openHolds(db, of.holds)
  const lines = [...deliveries.lines, ...holds.lines]
  const own = tenant === undefined ? undefined : await intentsOf(db, lines, tenant)
  return { lines: lines.filter(({ intent }) => own?.has(intent) ?? true), more: hasMore([deliveries, holds]) }
}

/** Which of the intents of some lines are of a tenant. The ledger does not keep that apart; every event does. */
async function intentsOf(db: Database, lines: readonly OpenLine[], tenant: string): Promise<Set<IntentId>> {
  if (lines.length === 0) return new Set()
  return db.transaction(async tx => {
    // The planner takes the summarising index for worse than reading everything.
    await tx.query('set local enable_seqscan = off')
    const rows = await tx.query<{ intent_id: IntentId }>(
      `select distinct intent_id from delivery_events where intent_id = any($1::uuid[]) and tenant = $2`,
      [[...new Set(lines.map(({ intent }) => intent))], tenant],
    )
    return new Set(rows.map(row => row.intent_id))
  })
}

async function openDeliveries(db: Database, which: Condition, withAhead: boolean): Promise<Listed<OpenLine>> {
  const rows = await db.kysely
    .selectFrom('batches as b')
    .innerJoin('deliveries as d', join => join.onRef('d.day', '=', 'b.day').onRef('d.batch_id', '=', 'b.id'))
    .select(['d.intent_id', 'd.recipient', 'd.endpoint', 'd.channel', 'd.provider', 'd.tries', 'd.due_at', 'd.doubt'])
    .select([
      ...(['d.batch_id', 'd.lane'] as const),
      'b.lease_until',
      'b.waits_for',
      sql<boolean>`b.lease_until > now()`.as('leased'),
      sql<boolean>`b.due_at > now()`.as('later'),
    ])
    .where('b.closed_at', 'is', null)
    .where(which)
    .orderBy('d.due_at')
    .limit(linesMax + 1)
    .execute()
  const { lines, more } = listed(rows)
  const stated = lines.map(row => {
    const state = row.doubt ? 'doubt' : row.leased ? 'leased' : row.later ? 'waiting' : 'queued'
    return { ...row, state } as const
  })
  const aheadOf = await aheadOfBatches(
    db,
    stated.filter(({ state }) => withAhead && state === 'queued'),
  )
  const told = stated.map(row => {
    const { state } = row
    const ahead = state === 'queued' ? aheadOf.get(row.batch_id) : undefined
    const until = (state === 'leased' ? row.lease_until! : row.due_at).getTime()
    const { recipient, endpoint, provider, tries } = row
    return {
      intent: row.intent_id as IntentId,
      recipient,
      channel: channels[row.channel]!,
      state,
      until,
      sentence: openSentence({ state, until, tries, waitsFor: row.waits_for, ...(ahead !== undefined && { ahead }) }),
      ...(ahead !== undefined && { ahead }),
      endpoint,
      provider,
    }
  })
  return { lines: told, more }
}

/** How many deliveries wait in front of each batch: those of its lane and channel that fell due earlier. */
async function aheadOfBatches(
  db: Database,
  queued: readonly { batch_id: string; lane: number }[],
): Promise<Map<string, number>> {
  if (queued.length === 0) return new Map()
  const rows = await db.query<{ id: string; ahead: string | null }>(
    `select id, ahead from (
       select id, sum(n) over (partition by lane, channel order by due_at, id rows between unbounded preceding and 1 preceding) as ahead
       from batches where closed_at is null and lane = any($2::smallint[]) and due_at <= now() and not doubt
         and (lease_until is null or lease_until < now())
     ) as waiting where id = any($1::uuid[])`,
    [[...new Set(queued.map(one => one.batch_id))], [...new Set(queued.map(one => one.lane))]],
  )
  return new Map(rows.map(({ id, ahead }) => [id, Number(ahead ?? 0)]))
}

async function openHolds(db: Database, which: Condition): Promise<Listed<OpenLine>> {
  const rows = await db.kysely
    .selectFrom('held')
    .select(['intent_id', 'recipient', 'channel', 'reason', 'due_at'])
    .where('released_at', 'is', null)
    .where(which)
    .orderBy('due_at')
    .limit(linesMax + 1)
    .execute()
  const { lines, more } = listed(rows)
  const told = lines.map(row => {
    const until = row.due_at.getTime()
    return {
      intent: row.intent_id as IntentId,
      recipient: row.recipient,
      channel: channels[row.channel]!,
      state: 'held' as const,
      until,
      rule: ruleOfHold(row.reason as HoldReason),
      sentence: openSentence({ state: 'held', until, reason: row.reason as HoldReason }),
    }
  })
  return { lines: told, more }
}

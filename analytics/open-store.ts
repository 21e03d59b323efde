import { sql } from 'kysely'
import { channels } from '#contracts/channel.ts'
import { type HoldReason, ruleOfHold } from '#contracts/decision.ts'
import { dayOf, type IntentId } from '#contracts/ids.ts'
import type { Database } from '#runtime/postgres.ts'
import { hasMore, type Listed, listed, linesMax } from './listed.ts'
import { intentsOf } from './tenant-store.ts'
import { type OpenLine, openSentence } from './trace.ts'

type Condition = ReturnType<typeof sql<boolean>>

/** Conditions on `batches b` and `deliveries d`, and on `held`. */
export type Open = { deliveries: Condition; holds: Condition }

/** What the ledger still holds open: deliveries, and what is held. `withAhead`: with how many, of whomever, are ahead of them. */
export async function openLines(db: Database, which: Open, withAhead: boolean): Promise<Listed<OpenLine>> {
  const deliveries = await openDeliveries(db, which.deliveries, withAhead)
  const holds = await openHolds(db, which.holds)
  return { lines: [...deliveries.lines, ...holds.lines], more: hasMore([deliveries, holds]) }
}

/** Of what is open only what stored events say is of a tenant. */
export async function openOfTenant(db: Database, { deliveries, holds }: Open, tenant: string): Promise<Open> {
  const { rows } = await sql<{ intent_id: IntentId; set_id: string }>`
    select d.intent_id, b.set_id from batches b join deliveries d on d.day = b.day and d.batch_id = b.id
    where b.closed_at is null and ${deliveries}
    union select intent_id, set_id from held where released_at is null and ${holds}`.execute(db.kysely)
  // What is open was decided in its set, and not before.
  const [day] = rows.map(row => dayOf(row.set_id)).sort()
  const intents = rows.map(row => row.intent_id)
  const own = [...(await intentsOf(db, intents, { tenant, day }))]
  return {
    deliveries: sql<boolean>`${deliveries} and d.intent_id = any(${own}::uuid[])`,
    holds: sql<boolean>`${holds} and held.intent_id = any(${own}::uuid[])`,
  }
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

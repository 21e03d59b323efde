import type { IntentId } from '#contracts/ids.ts'
import type { Database } from '#runtime/postgres.ts'

/**
 * Which of some intents are of a tenant, by the events of the days from `day` on (default: all there are). The ledger does not keep
 * that apart; every event does.
 */
export async function intentsOf(
  db: Database,
  intents: readonly IntentId[],
  { tenant, day }: { tenant: string; day: string | undefined },
): Promise<Set<IntentId>> {
  if (intents.length === 0) return new Set()
  return db.transaction(async tx => {
    // The planner takes the summarising index for worse than reading everything.
    await tx.query('set local enable_seqscan = off')
    const rows = await tx.query<{ intent_id: IntentId }>(
      `select distinct intent_id from delivery_events
       where intent_id = any($1::uuid[]) and tenant = $2 and day >= coalesce($3::date, '-infinity')`,
      [[...new Set(intents)], tenant, day ?? null],
    )
    return new Set(rows.map(row => row.intent_id))
  })
}

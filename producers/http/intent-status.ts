import type { IntentId } from '#contracts/ids.ts'
import { outcomeName } from '#contracts/outcome.ts'
import type { Database } from '#runtime/postgres.ts'
import type { IntentStatus } from '../sdk/api-client.ts'

/** Where an intent is, read from the ledger. Outcomes are counted per delivery and per refusal by a rule. */
export async function intentStatus(db: Database, id: IntentId): Promise<IntentStatus> {
  const [journal] = await db.query<Journal>(
    `select array(select set_id from admitted where id = $1 union select set_id from intent_sets where intent_id = $1)::text[] as sets,
       exists(select from expansions where intent_id = $1 and done_at is null) as expanding,
       exists(select from retractions where id = $1 and kind = 'retracted') as retracted`,
    [id],
  )
  const { sets, expanding, retracted } = journal!
  if (sets.length === 0) return retracted ? { ...nothing(id), state: 'retracted' } : refusal(db, id)
  const slots = await db.query<{ outcome: number | null; n: number }>(
    `select outcome, count(*)::int as n from deliveries where set_id = any($2::uuid[]) and intent_id = $1 group by 1`,
    [id, sets],
  )
  const [held] = await db.query<{ n: number }>(
    `select count(*)::int as n from held where set_id = any($2::uuid[]) and intent_id = $1 and released_at is null`,
    [id, sets],
  )
  const status: IntentStatus = { ...nothing(id), state: 'accepted', held: held!.n, expanding }
  for (const { outcome, n } of slots) {
    if (outcome === null) status.open = n
    // A slot that moved is counted where it went.
    else if (outcomeName(outcome) !== 'moved') status.outcomes[outcomeName(outcome)] = n
  }
  if (status.open === 0 && status.held === 0 && !expanding) status.state = retracted ? 'retracted' : endOf(status)
  return status
}

type Journal = { sets: string[]; expanding: boolean; retracted: boolean }

const nothing = (intentId: IntentId) => ({ intentId, outcomes: {}, held: 0, open: 0, expanding: false })

function endOf({ outcomes }: IntentStatus): IntentStatus['state'] {
  if (outcomes['superseded'] !== undefined) return 'superseded'
  return Object.keys(outcomes).join() === 'expired' ? 'expired' : 'settled'
}

/** Not taken in: refused, parked until a newer catalogue comes, or simply not seen yet. */
async function refusal(db: Database, id: IntentId): Promise<IntentStatus> {
  const refused = await db.kysely
    .selectFrom('refused')
    .select(['reason', 'problems'])
    .where('intent_id', '=', id)
    .orderBy('at', 'desc')
    .executeTakeFirst()
  if (!refused) return { ...nothing(id), state: 'unknown' }
  return { ...nothing(id), state: refused.reason === 'parked' ? 'parked' : 'refused', reason: refused.problems }
}

import { type Lane, lanes } from '#contracts/channel.ts'
import type { EpochMs, RecipientId } from '#contracts/ids.ts'
import type { JsonObject } from '#contracts/intent.ts'
import type { Queryable } from '#runtime/postgres.ts'
import type { CarriedIntent } from './batch.ts'

/** One intent for one person. Without `data` the ledger has dropped it: it is sensitive, or was refused for everybody. */
export type Stated = {
  lane: Lane
  recipient: RecipientId
  reason?: string
  intent: Omit<CarriedIntent, 'data'> & { data?: JsonObject }
}

/** Rows that are in memory at once. */
const pageRows = 1_000
const dayMs = 86_400_000

/**
 * Every (intent, recipient) that was decided about, of intents that happened from `since` to before `until`, each once: all of
 * a person together, in the order in which they happened. In pages, as of one snapshot; the server sorts on disk. The caller's
 * transaction must be one; the ledger knows of the last 34 days.
 */
export async function* statedBetween(
  tx: Queryable,
  { since, until }: { since: EpochMs; until: EpochMs },
): AsyncGenerator<Stated[]> {
  // Decided before it happened is only what has a clock ahead.
  const day = new Date(since - dayMs).toISOString().slice(0, 10)
  await tx.query(`declare stated no scroll cursor for ${statedStatement}`, [day, since, until])
  for (;;) {
    const rows = await tx.query<Row>(`fetch ${pageRows} from stated`)
    if (rows.length > 0) yield rows.map(statedOf)
    if (rows.length < pageRows) break
  }
  await tx.query('close stated')
}

type Row = { lane: number; recipient: RecipientId; reason: string | null; carried: string }

const statedOf = ({ lane, recipient, reason, carried }: Row): Stated => ({
  ...{ lane: lanes[lane]!, recipient },
  ...(reason !== null && { reason }),
  intent: JSON.parse(carried) as Stated['intent'],
})

// What moved on (a retry, a doubt) is in the batch that it came from. A hold that was released is in what its set decided. Of
// an intent that is carried several times one that still has its data is taken.
const statedStatement = `
  with carriers as (
    select lane, intents, payload from batches where day >= $1::date and from_batch is null
    union all select lane, intents, payload from holds where released_at is null
  ), carried as (
    select distinct on (i.id) i.id, lane, i.carried, (i.carried::json ->> 'occurredAt')::bigint as occurred_at
    from carriers cross join lateral unnest(intents, string_to_array(payload, E'\\x1f')) as i(id, carried)
    where payload is not null
    order by i.id, (i.carried::json -> 'data') is null
  ), people as (
    select intent_id, recipient, max(reason) as reason from (
      select b.intents[coalesce(s.pick, 0) + 1] as intent_id, s.recipient, nullif(b.reasons::json -> 'values'
        ->> coalesce((b.reasons::json -> 'picks' ->> (s.place - 1)::int)::int, 0), '') as reason
      from batches b cross join lateral unnest(b.recipients, b.picks) with ordinality as s(recipient, pick, place)
      where day >= $1::date and from_batch is null
      union all
      select h.intents[coalesce(s.pick, 0) + 1], s.recipient, s.reason::json #>> '{}'
      from holds h cross join lateral unnest(h.recipients, h.picks, string_to_array(h.reasons, E'\\x1f'))
        as s(recipient, pick, reason)
      where released_at is null
    ) as every_slot group by 1, 2
  )
  select c.lane, p.recipient, p.reason, c.carried from carried c join people p on p.intent_id = c.id
  where c.occurred_at >= $2::bigint and c.occurred_at < $3::bigint
  order by p.recipient collate "C", c.occurred_at, c.id`

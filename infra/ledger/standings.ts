import { type Attempt, type BatchId, type DeliveryId, deliveryId } from '#contracts/ids.ts'
import { type Standing, standings } from '#contracts/standing.ts'
import { plainArray, type Queryable, textArray } from '#runtime/postgres.ts'
import type { ClaimedBatch } from './batch.ts'

/** What a provider reported of an attempt, and its own id for it. */
export type Reported = { delivery: DeliveryId; attempt: Attempt; standing: Standing; providerId: string }

/**
 * Raises what is known of attempts. Late, again or in another order it comes to the same: only what goes further than all
 * that was said before changes anything. Gives those.
 */
export async function raiseStandings<R extends Reported>(db: Queryable, reported: readonly R[]): Promise<R[]> {
  const furthest = new Map<string, R>()
  for (const one of reported) {
    const before = furthest.get(keyOf(one))
    if (!before || rankOf(before) < rankOf(one)) furthest.set(keyOf(one), one)
  }
  // In the order of keys: two requests that name the same attempts wait for each other, and end.
  const asked = [...furthest].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one)
  if (asked.length === 0) return []
  const rows = await db.query<{ delivery: DeliveryId; batch: BatchId; slot: number }>(
    `insert into standings as s (delivery, batch, slot, standing, their_id)
     select * from unnest($1::text[], $2::uuid[], $3::smallint[], $4::smallint[], $5::text[])
     on conflict (delivery, batch, slot) do update set standing = excluded.standing
       where s.standing < excluded.standing returning delivery, batch, slot`,
    [
      textArray(asked.map(one => one.delivery)),
      plainArray(asked.map(one => one.attempt.batch)),
      plainArray(asked.map(one => one.attempt.slot)),
      plainArray(asked.map(rankOf)),
      textArray(asked.map(one => one.providerId)),
    ],
  )
  return rows.map(({ delivery, ...attempt }) => furthest.get(keyOf({ delivery, attempt }))!)
}

const keyOf = ({ delivery, attempt }: Pick<Reported, 'delivery' | 'attempt'>): string =>
  `${delivery} ${attempt.batch} ${attempt.slot}`
const rankOf = ({ standing }: Reported): number => standings.indexOf(standing)

/**
 * What of a claimed batch its provider has reported of: it has them, by whichever attempt, whatever became of our record.
 * By place, the provider's id. Asks nothing where no earlier call may have been carried out, or no provider reports.
 */
export async function readReceived(
  db: Queryable,
  batch: Pick<ClaimedBatch, 'maybeSent' | 'channel' | 'slots' | 'intents'>,
): Promise<Map<number, string>> {
  if (!batch.maybeSent || (batch.channel !== 'sms' && batch.channel !== 'email')) return new Map()
  const deliveries = batch.slots.map(({ recipient, endpoint, intent }) =>
    deliveryId({ intent: batch.intents[intent]!.id, recipient, endpoint }),
  )
  const rows = await db.query<{ delivery: DeliveryId; id: string }>(
    `select delivery, max(their_id) as id from standings where delivery = any($1::text[]) group by delivery`,
    [textArray(deliveries)],
  )
  const ids = new Map(rows.map(({ delivery, id }) => [delivery, id]))
  return new Map(deliveries.flatMap((delivery, place) => (ids.has(delivery) ? [[place, ids.get(delivery)!]] : [])))
}

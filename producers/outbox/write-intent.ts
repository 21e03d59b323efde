import { CompiledQuery, type Transaction } from 'kysely'
import type { IntentId } from '#contracts/ids.ts'
import type { Ask } from '../sdk/ask.ts'
import { type Clock, systemClock } from '../sdk/clock.ts'
import { RefusedError } from '../sdk/errors.ts'
import { makeIntent, type Speaker } from '../sdk/make-intent.ts'
import { messageOf } from '../sdk/publisher.ts'

/** The table that the caller's own database needs; run it among the caller's own migrations. Safe to repeat. */
export const outboxMigration = `create table if not exists carillon_outbox (
  id bigint generated always as identity primary key,
  lane text not null, attributes text not null, ordering_key text, message text not null,
  written_at timestamptz not null default now(), refused text
);
create index if not exists carillon_outbox_waiting on carillon_outbox (lane, id) where refused is null;
create index if not exists carillon_outbox_keyed on carillon_outbox (lane, id)
  where refused is null and ordering_key is not null`

/** The caller's open transaction: Kysely's, a pg client's, or anything else with a `query`. */
// A Transaction of any schema: the outbox names its own table.
export type OpenTransaction = Pick<Transaction<never>, 'executeQuery'> | PgClient
type PgClient = { query(text: string, values: unknown[]): Promise<unknown> }

/**
 * Writes an intent inside the caller's transaction: it is published if and only if that commits. Checks as `notify`
 * does and throws RefusedError with every problem, so that a wrong intent rolls the caller's work back too. Nothing is sent
 * here; `startOutboxRelay` does that.
 */
export async function writeIntent(
  tx: OpenTransaction,
  by: Speaker & { clock?: Clock },
  said: Ask,
): Promise<{ intentId: IntentId }> {
  const { producer, catalogue, clock = systemClock } = by
  const made = await makeIntent(said, { producer, catalogue, now: clock.now() })
  if (!made.ok) throw new RefusedError(made.problems)
  const { lane, bytes, attributes, orderingKey } = messageOf(made, said.options.orderingKey)
  await run(tx, 'insert into carillon_outbox (lane, attributes, ordering_key, message) values ($1, $2, $3, $4)', [
    lane,
    JSON.stringify(attributes),
    orderingKey ?? null,
    bytes.toString(),
  ])
  return { intentId: made.intent.id }
}

const run = (tx: OpenTransaction, text: string, values: unknown[]): Promise<unknown> =>
  'executeQuery' in tx ? tx.executeQuery(CompiledQuery.raw(text, values)) : tx.query(text, values)

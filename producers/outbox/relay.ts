import { type Lane, lanes } from '#contracts/channel.ts'
import { every } from '#runtime/every.ts'
import type { Database, Queryable } from '#runtime/postgres.ts'
import type { Message } from '../sdk/lane-queue.ts'
import { isMessageRefused } from '../sdk/publish-lot.ts'
import type { Publisher } from '../sdk/publisher.ts'

export type OutboxRelay = {
  /** The database that holds `carillon_outbox`. A connection for each lane is used at once. */
  db: Database
  publisher: Pick<Publisher, 'publish'>
  /** How long to wait when the outbox was empty. Default 200 ms. */
  pollMs?: number
  /** What failed and is tried again by itself, and how many rows were refused for good. Carries no message. */
  onError: (error: unknown) => void
}

/**
 * Publishes what `writeIntent` wrote until disposed, each lane by itself, oldest first. Any number may run on one outbox;
 * one of them at a time works on an ordering key. A relay that dies after publishing and before deleting leaves the rows to
 * the next: the same intents again, which the router knows by id. Rows that Pub/Sub refuses for what they are stay, with the
 * reason in `refused`, and are not tried again.
 */
export function startOutboxRelay({ pollMs = 200, onError, ...outbox }: OutboxRelay): AsyncDisposable {
  const turn = async (lane: Lane): Promise<boolean> => {
    const { published, refused, failure, more } = await relayOutbox({ ...outbox, lane })
    if (refused.length > 0)
      onError(
        new Error(`${refused.length} rows of carillon_outbox (${lane}) are refused for good: ${refused[0]!.reason}`),
      )
    // Only a turn that achieved nothing makes the next one wait longer.
    if (failure !== undefined && published === 0) throw failure
    if (failure !== undefined) onError(failure)
    return more
  }
  const relays = lanes.map(lane => every(pollMs, () => turn(lane), onError))
  return {
    [Symbol.asyncDispose]: async () => void (await Promise.all(relays.map(relay => relay[Symbol.asyncDispose]()))),
  }
}

export type Relayed = {
  published: number
  /** Rows that Pub/Sub refuses for what they are. */
  refused: { id: string; reason: string }[]
  /** Why rows could not be published that stay for another turn. */
  failure?: unknown
  /** The turn took as much as it may; there can be more. */
  more: boolean
}

/** Rows and bytes of one turn, one row more at most. The transaction stays open at most for the publisher's deadline. */
const rowsMax = 500
const bytesMax = 16 * 1024 * 1024

type Row = { id: string; lane: Lane; attributes: string; ordering_key: string | null; message: string }

/** One turn: takes rows of the lane that no other relay works on, publishes them, deletes those that are stored. */
export async function relayOutbox(outbox: Pick<OutboxRelay, 'db' | 'publisher'> & { lane: Lane }): Promise<Relayed> {
  const { db, publisher, lane } = outbox
  return db.transaction(async tx => {
    const rows = await takeRows(tx, lane)
    const messages = rows.map(messageOf)
    const results = await Promise.allSettled(messages.map(message => publisher.publish(message)))
    const errors = results.map(result => (result.status === 'rejected' ? (result.reason as unknown) : undefined))
    const stored = rows.filter((_, at) => errors[at] === undefined).map(row => row.id)
    if (stored.length > 0) await tx.query('delete from carillon_outbox where id = any($1::bigint[])', [stored])
    const refused = rows.flatMap(({ id }, at) =>
      isMessageRefused(errors[at]) ? [{ id, reason: (errors[at] as Error).message }] : [],
    )
    for (const { id, reason } of refused)
      await tx.query('update carillon_outbox set refused = $2 where id = $1', [id, reason])
    const failure = errors.find(error => error !== undefined && !isMessageRefused(error))
    const bytes = messages.reduce((sum, message) => sum + message.bytes.length, 0)
    const more = rows.length === rowsMax || bytes >= bytesMax
    return { published: stored.length, refused, more, ...(failure !== undefined && { failure }) }
  })
}

async function takeRows(tx: Queryable, lane: Lane): Promise<Row[]> {
  // The keys before the rows: who holds a key holds all its rows, so nobody publishes those behind them first.
  const keys = await tx.query<{ ordering_key: string }>(
    `with waiting as materialized (
       select ordering_key from carillon_outbox where lane = $1 and refused is null and ordering_key is not null
       order by id limit $2
     ), keys as materialized (select distinct ordering_key from waiting)
     select ordering_key from keys
     where pg_try_advisory_xact_lock(hashtext('carillon_outbox'), hashtext($1 || ' ' || ordering_key))`,
    [lane, rowsMax],
  )
  return tx.query<Row>(
    `with taken as materialized (
       select id, octet_length(message) as bytes from carillon_outbox
       where lane = $1 and refused is null and (ordering_key is null or ordering_key = any($2::text[]))
       order by id limit $3 for update skip locked
     ), sized as (select id, sum(bytes) over (order by id) - bytes as before from taken)
     select id, lane, attributes, ordering_key, message from carillon_outbox join sized using (id)
     where before < $4 order by id`,
    [lane, keys.map(row => row.ordering_key), rowsMax, bytesMax],
  )
}

const messageOf = ({ lane, attributes, ordering_key, message }: Row): Message => ({
  lane,
  bytes: Buffer.from(message),
  attributes: JSON.parse(attributes) as Message['attributes'],
  ...(ordering_key !== null && { orderingKey: ordering_key }),
})

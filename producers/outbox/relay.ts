import type { Lane } from '#contracts/channel.ts'
import { every } from '#runtime/every.ts'
import type { Database } from '#runtime/postgres.ts'
import type { Message } from '../sdk/lane-queue.ts'
import type { Publisher } from '../sdk/publisher.ts'

export type OutboxRelay = {
  /** The database that holds `carillon_outbox`. */
  db: Database
  publisher: Pick<Publisher, 'publish'>
  /** How long to wait when the outbox was empty. Default 200 ms. */
  pollMs?: number
  /** What failed; it is tried again by itself. Carries no message. */
  onError: (error: unknown) => void
}

/**
 * Publishes what `writeIntent` wrote, oldest first, until disposed. Any number may run on one outbox. A relay that dies
 * after publishing and before deleting leaves the rows to the next: the same intents again, which the router knows by id.
 */
export const startOutboxRelay = ({ pollMs = 200, onError, ...outbox }: OutboxRelay): AsyncDisposable =>
  every(pollMs, async () => (await relayOutbox(outbox)) === rowsMax, onError)

/** Rows of one turn. The transaction stays open while they are published, at most the publisher's deadline. */
const rowsMax = 500

type Row = { id: string; lane: Lane; attributes: string; ordering_key: string | null; message: string }

/** One turn: takes rows that no other relay holds, publishes them, deletes those that are stored. Returns how many. */
export async function relayOutbox({ db, publisher }: Pick<OutboxRelay, 'db' | 'publisher'>): Promise<number> {
  const failures: unknown[] = []
  const stored = await db.transaction(async tx => {
    const rows = await tx.query<Row>(
      `select id, lane, attributes, ordering_key, message from carillon_outbox order by id limit $1 for update skip locked`,
      [rowsMax],
    )
    const results = await Promise.allSettled(rows.map(row => publisher.publish(messageOf(row))))
    const ids = rows.filter((_, at) => results[at]!.status === 'fulfilled').map(row => row.id)
    for (const result of results) if (result.status === 'rejected') failures.push(result.reason)
    if (ids.length > 0) await tx.query('delete from carillon_outbox where id = any($1::bigint[])', [ids])
    return ids.length
  })
  // Only now: what was stored stays deleted although others were not.
  if (failures.length > 0) throw failures[0]
  return stored
}

const messageOf = ({ lane, attributes, ordering_key, message }: Row): Message => ({
  lane,
  bytes: Buffer.from(message),
  attributes: JSON.parse(attributes) as Message['attributes'],
  ...(ordering_key !== null && { orderingKey: ordering_key }),
})

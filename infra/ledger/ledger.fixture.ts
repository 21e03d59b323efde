import { type EpochMs, intentId, newSetId, type RecipientId } from '#contracts/ids.ts'
import { type Database, openPostgres } from '#runtime/postgres.ts'
import { testDatabase } from '#tests/servers.ts'
import { admitIntents } from './admit.ts'
import type { CarriedIntent } from './batch.ts'
import { type Decided, type ReadyBatch, writeSet } from './set.ts'

export const now: EpochMs = Date.now()

export async function setup() {
  const database = await testDatabase()
  const db = await openPostgres({ url: database.url, connectionsMax: 8, name: 'test' })
  return {
    db,
    async [Symbol.asyncDispose]() {
      await db[Symbol.asyncDispose]()
      await database[Symbol.asyncDispose]()
    },
  }
}

export function intent(key: string): CarriedIntent {
  const id = intentId({ producer: 'test', key })
  const facts = { producer: 'test', type: 'comment.created', category: 'social', catalogue: '1' }
  return { id, ...facts, occurredAt: now, data: { excerpt: `text of ${key}` } }
}

export const delivering = (key: string, recipient: string): Decided => ({
  ...{ intent: intent(key), sensitive: false, recipient: recipient as RecipientId, channel: 'push' },
  verdict: { kind: 'deliver', why: { rule: 'default' } },
  endpoints: [{ id: 'device-1', provider: 'fcm' }],
})
export const refused = (key: string, recipient: string): Decided => ({
  ...{ intent: intent(key), sensitive: false, recipient: recipient as RecipientId, channel: 'email', endpoints: [] },
  verdict: { kind: 'refused', outcome: 'no_endpoint', why: { rule: 'no_endpoint', value: 'email' } },
})
export const held = (key: string, recipient: string, until: EpochMs): Decided => ({
  ...{ intent: intent(key), sensitive: false, recipient: recipient as RecipientId, channel: 'push', endpoints: [] },
  verdict: { kind: 'held', reason: 'quiet_hours', until, why: { rule: 'quiet_hours' } },
})

export async function write(db: Database, decided: Decided[], at = now): Promise<ReadyBatch[]> {
  return db.transaction(async tx => {
    const set = newSetId()
    const ids = new Set(decided.map(one => one.intent.id))
    await admitIntents(
      tx,
      set,
      [...ids].map(id => ({ id, bodyHash: 1n })),
    )
    return writeSet(tx, {
      id: set,
      lane: 'default',
      origin: 'messages',
      now: at,
      intake: { admitted: ids.size },
      decided,
      released: 0,
    })
  })
}

import { type AnyNotificationType, catalogueOf, type CatalogueOptions } from '#contracts/catalogue.ts'
import { type EpochMs, intentId } from '#contracts/ids.ts'
import type { Routes } from '#contracts/routes.ts'
import { encodeIntent, type Intent } from '#contracts/intent.ts'
import { type CarriedIntent, splitJson } from '#ledger/batch.ts'
import { type Database, openPostgres } from '#runtime/postgres.ts'
import { testDatabase } from '#tests/servers.ts'
import { route } from './route.ts'

/** An empty database with its schema. */
export async function emptyLedger(): Promise<AsyncDisposable & { db: Database; url: string }> {
  const database = await testDatabase()
  const db = await openPostgres({ url: database.url, connectionsMax: 8, name: 'test' })
  return {
    db,
    url: database.url,
    async [Symbol.asyncDispose]() {
      await db[Symbol.asyncDispose]()
      await database[Symbol.asyncDispose]()
    },
  }
}

const words = () => ({ title: '', body: '' })

/** A type for the inbox, unless told otherwise. */
export const typeOf = (type: string, more: Partial<AnyNotificationType> = {}): AnyNotificationType => ({
  ...{ type, category: 'social', lane: 'default', owner: 'docs', value: 3, deliver: [{ channel: 'in_app' }] },
  schema: { '~standard': { version: 1, vendor: 'test', validate: value => ({ value }) } },
  templates: { en: { in_app: words, push: words, sms: () => ({ text: '' }) } },
  ...more,
})

let keys = 0
export function intentOf(about: Partial<Intent> & Pick<Intent, 'type' | 'to' | 'occurredAt'>): Intent {
  const key = about.key ?? `k${++keys}`
  const id = intentId({ producer: 'test', key })
  return { id, producer: 'test', key, catalogue: '1', lane: 'default', data: {}, ...about }
}

type RoutedBy = {
  db: Database
  types: readonly AnyNotificationType[]
  options?: CatalogueOptions
  routes?: Routes
}

/** Routes intents as one set at an instant; gives what was taken in. */
export async function routeAt(now: EpochMs, intents: readonly Intent[], { db, types, options, routes }: RoutedBy) {
  const messages = intents.map(intent => ({
    ...{ id: intent.id, data: Buffer.from(encodeIntent(intent)), publishedAt: intent.occurredAt },
    ack: () => {},
  }))
  const { intake } = await route(messages, {
    ...{
      db,
      addressKey: 'a key for tests',
      lane: intents[0]!.lane,
      catalogue: catalogueOf('1', types, options),
      clock: { now: () => now },
    },
    ...{ trustEventTime: false, enqueue: async () => {}, routes },
  })
  return intake
}

/** Decisions in the ledger by verdict, in the order in which they were made. */
export async function decisionsIn(db: Database): Promise<string[]> {
  const rows = await db.query<{ payload: string }>('select payload from outbox order by id')
  return rows.flatMap(({ payload }) => {
    const pack = JSON.parse(payload) as { kind: string; slots: { recipient: string; what: string }[] }
    return pack.kind === 'decided' ? pack.slots.map(slot => `${slot.recipient} ${slot.what}`) : []
  })
}

/** The messages in open batches, in the order in which they were decided: each as the intents that it tells, its speaker last. */
export async function messagesIn(db: Database): Promise<CarriedIntent[][]> {
  const rows = await db.query<{ payload: string; endpoints: string[]; picks: number[] | null }>(
    'select payload, endpoints, picks from batches where closed_at is null order by id',
  )
  return rows.flatMap(({ payload, endpoints, picks }, batch) => {
    const intents = splitJson<CarriedIntent>(payload)
    const slots = endpoints.map((endpoint, at) => ({ endpoint, intent: intents[picks?.[at] ?? 0]! }))
    const together = Map.groupBy(slots, ({ endpoint, intent }) =>
      intent.digest ? `${batch} ${intent.digest.id} ${endpoint}` : intent,
    )
    return [...together.values()].map(told => told.map(slot => slot.intent))
  })
}

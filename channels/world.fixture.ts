import { catalogueOf, type AnyNotificationType } from '#contracts/catalogue.ts'
import { type Channel, channels, type Lane, lanes } from '#contracts/channel.ts'
import { type EpochMs, intentId, newSetId, type RecipientId } from '#contracts/ids.ts'
import { outcomeName } from '#contracts/outcome.ts'
import type { Routes } from '#contracts/routes.ts'
import { admitIntents } from '#ledger/admit.ts'
import type { CarriedIntent } from '#ledger/batch.ts'
import { type ReadyBatch, writeSet } from '#ledger/set.ts'
import type { Endpoint } from '#preferences/preferences.ts'
import { manualClock } from '#runtime/clock.ts'
import { createLog } from '#runtime/log.ts'
import { createMetrics } from '#runtime/metrics.ts'
import { openPostgres } from '#runtime/postgres.ts'
import { redirectGoogleApis } from '#local/redirect.ts'
import { setup as startSimulators } from '#local/simulators/test-setup.ts'
import { testDatabase } from '#tests/servers.ts'
import { deliver, type DeliverDeps } from './deliver.ts'
import { postgresBuckets } from './pace/bucket-store.ts'
import { createPace } from './pace/pace.ts'
import type { Provider } from './provider.ts'
import { fcmProvider } from './push/fcm.ts'

/** A database, a clock and people, and batches as the router writes them. */
export async function createWorld(
  options: { types?: readonly AnyNotificationType[]; via?: (databaseUrl: string) => string } = {},
) {
  const { types = [greeting], via = url => url } = options
  await using opened = new AsyncDisposableStack()
  const database = opened.use(await testDatabase())
  const db = opened.use(await openPostgres({ url: via(database.url), connectionsMax: 4, name: 'test' }))
  const clock = manualClock(Date.now())
  const lines: string[] = []
  const log = createLog({ role: 'test', write: line => void lines.push(line) })
  const metrics = createMetrics()
  const random = () => 0
  const deps: DeliverDeps = {
    db,
    addressKey: 'a key for tests',
    clock,
    catalogue: catalogueOf('1', types),
    providers: new Map(),
    pace: createPace({ buckets: postgresBuckets(db), log, metrics, random, nowMs: () => clock.now() }),
    ...{ random, log, metrics },
  }
  const running = opened.move()
  return {
    url: database.url,
    db,
    clock,
    deps,
    lines,
    use: (provider: Provider) =>
      void (deps.providers as Map<string, Provider>).set(provider.name, running.use(provider)),
    addPerson: async (id: string, person: { endpoints?: Endpoint[]; locale?: string; choices?: object } = {}) => {
      const { endpoints = [], locale = null, choices = {} } = person
      await db.query(
        `insert into recipients (id, locale, endpoints, choices) values ($1, $2, $3, $4) on conflict (id) do update set
           locale = excluded.locale, endpoints = excluded.endpoints, choices = excluded.choices`,
        [id, locale, JSON.stringify(endpoints), JSON.stringify(choices)],
      )
    },
    /** Writes a set whose every delivery is of one channel, and gives its batches. */
    write: (set: Written) => written(deps, set),
    deliver: async (batches: readonly ReadyBatch[]) => {
      for (const { id: batchId, ...batch } of batches) await deliver({ batchId, ...batch }, deps)
    },
    /** Last word on each recipient: the outcome, or `open`. */
    ends: async () => {
      const rows = await db.query<{ recipient: string; outcome: number | null }>(
        'select recipient, outcome from deliveries where outcome is distinct from 0 order by recipient, batch_id',
      )
      return Object.fromEntries(
        rows.map(({ recipient, outcome }) => [recipient, outcome === null ? 'open' : outcomeName(outcome)]),
      )
    },
    /** The batches that are to be worked on. */
    open: async (): Promise<ReadyBatch[]> => {
      const rows = await db.query<Omit<ReadyBatch, 'lane' | 'channel'> & { lane: number; channel: number }>(
        'select id, lane, channel, attempt, provider, n as size from batches where closed_at is null order by id',
      )
      return rows.map(row => ({ ...row, lane: lanes[row.lane]!, channel: channels[row.channel]! }))
    },
    /** Lets every lease end. */
    lapse: () =>
      db.query(`update batches set lease_until = now() - interval '1 ms' where lease_until > to_timestamp(0)`),
    /** The database judges due times by its own clock. */
    makeDue: () => db.query(`update batches set due_at = now() where closed_at is null`),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

/** The same, with the simulators, FCM among them as a provider. */
export async function worldWithFcm(options: Parameters<typeof createWorld>[0] = {}) {
  await using opened = new AsyncDisposableStack()
  const simulators = opened.use(await startSimulators())
  const { fcm, caFile } = simulators.credentials
  opened.defer(redirectGoogleApis({ port: simulators.ports.google, caFile }))
  const world = opened.use(await createWorld(options))
  world.use(fcmProvider(fcm))
  const running = opened.move()
  return { ...world, simulators, [Symbol.asyncDispose]: () => running.disposeAsync() }
}

export const phones = (...who: string[]) => ({
  channel: 'push' as const,
  provider: 'fcm',
  to: who.map(recipient => ({ recipient, endpoint: 'phone' })),
})
export const inboxes = (...who: string[]) => ({
  channel: 'in_app' as const,
  provider: 'inbox',
  to: who.map(recipient => ({ recipient, endpoint: 'inbox' })),
})

export type Written = {
  channel: Channel
  provider: string
  to: readonly {
    recipient: string
    endpoint: string
    key?: string
    type?: string
    reason?: string
    expiresAt?: EpochMs
    intent?: Partial<CarriedIntent>
  }[]
  lane?: Lane
  sensitive?: boolean
  intent?: Partial<CarriedIntent>
  routes?: Routes
}

async function written({ db, clock }: DeliverDeps, written: Written): Promise<ReadyBatch[]> {
  const { channel, provider, to, lane = 'default' } = written
  const now = clock.now()
  return db.transaction(async tx => {
    const set = newSetId()
    const decided = to.map(({ recipient, endpoint, key = 'k', type, reason, expiresAt, intent }) => ({
      intent: {
        ...intentOf(key, now),
        ...(expiresAt && { expiresAt }),
        ...(type !== undefined && { type }),
        ...written.intent,
        ...intent,
      },
      sensitive: written.sensitive ?? false,
      recipient: recipient as RecipientId,
      ...(reason !== undefined && { reason }),
      channel,
      verdict: { kind: 'deliver' as const, why: { rule: 'default' as const } },
      endpoints: [{ id: endpoint, provider }],
    }))
    const ids = [...new Set(decided.map(one => one.intent.id))]
    const { admissions } = await admitIntents(
      tx,
      set,
      ids.map(id => ({ id, bodyHash: 1n })),
    )
    const admitted = admissions.filter(one => one === 'admitted').length
    const intake = { admitted, duplicate: ids.length - admitted }
    return writeSet(tx, {
      id: set,
      lane,
      origin: 'messages',
      now,
      intake,
      decided,
      routes: written.routes,
      released: 0,
    })
  })
}

const intentOf = (key: string, now: EpochMs): CarriedIntent => ({
  id: intentId({ producer: 'test', key }),
  producer: 'test',
  type: 'test.greeting',
  category: 'social',
  catalogue: '1',
  occurredAt: now,
  data: { name: key },
})

export const device = (address: string, more: Partial<Endpoint> = {}): Endpoint => ({
  id: 'phone',
  channel: 'push',
  provider: 'fcm',
  address,
  state: 'active',
  since: 0,
  ...more,
})
export const mailbox = (address: string): Endpoint =>
  device(address, { id: 'mail', channel: 'email', provider: 'sendgrid' })

const of = (data: never): string => (data as { name: string }).name

/** A type that goes everywhere, in two languages. */
export const greeting: AnyNotificationType = {
  type: 'test.greeting',
  category: 'social',
  lane: 'default',
  owner: 'tests',
  value: 3,
  schema: { '~standard': { version: 1, vendor: 'test', validate: value => ({ value }) } },
  deliver: (['push', 'sms', 'email', 'in_app'] as const).map(channel => ({ channel })),
  templates: {
    en: {
      push: ({ data }) => ({ title: 'Hello', body: `Hello ${of(data)}` }),
      sms: ({ data }) => ({ text: `Hello ${of(data)}` }),
      email: ({ data }) => ({
        subject: 'Hello',
        html: { html: `<p>Hello ${of(data)}</p>` },
        text: `Hello ${of(data)}`,
      }),
      in_app: ({ data }) => ({ title: 'Hello', body: `Hello ${of(data)}` }),
    },
    de: {
      push: ({ data }) => ({ title: 'Hallo', body: `Hallo ${of(data)}` }),
      sms: ({ data }) => ({ text: `Hallo ${of(data)}` }),
      email: ({ data }) => ({
        subject: 'Hallo',
        html: { html: `<p>Hallo ${of(data)}</p>` },
        text: `Hallo ${of(data)}`,
      }),
      in_app: ({ data }) => ({ title: 'Hallo', body: `Hallo ${of(data)}` }),
    },
  },
}

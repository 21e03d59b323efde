import { generateKeyPairSync } from 'node:crypto'
import { catalogueOf } from '#contracts/catalogue.ts'
import { attemptId, type DeliveryId, deliveryId, intentId, newBatchId, type RecipientId } from '#contracts/ids.ts'
import { type Clock, systemClock } from '#runtime/clock.ts'
import { createHttp, type FastifyInstance, listen } from '#runtime/http.ts'
import { createLog } from '#runtime/log.ts'
import { createMetrics } from '#runtime/metrics.ts'
import { type Database, openPostgres } from '#runtime/postgres.ts'
import { postgresSignals } from '#runtime/signals.ts'
import { serveUsers, type Users } from '#runtime/user-requests.ts'
import { mintUserToken, type UserScope } from '#runtime/user-tokens.ts'
import { testDatabase } from '#tests/servers.ts'
import type { OutMessage } from '../provider.ts'
import { greeting } from '../world.fixture.ts'
import { inboxApi } from './inbox-api.ts'
import { openInboxStreams } from './inbox-streams.ts'
import { inboxProvider } from './inbox.ts'

/** What is written in a test: a key of its intent, and what it says. */
export type Said = {
  title?: string
  body?: string
  url?: string
  thread?: string
  reason?: string
  type?: string
  tenant?: string
}

export const itemId = (recipient: string, key: string): DeliveryId =>
  deliveryId({ intent: intentId({ producer: 'test', key }), recipient: recipient as RecipientId, endpoint: 'inbox' })

export function inboxMessage(recipient: string, key: string, said: Said = {}): OutMessage<'in_app'> {
  const { title = key, body = '', url, thread, reason = 'mention', type = 'test.greeting', tenant } = said
  return {
    ...{ recipient, reason, content: { title, body, ...(url !== undefined && { url }) } },
    intent: {
      id: intentId({ producer: 'test', key }),
      type,
      occurredAt: Date.now(),
      ...(thread && { thread }),
      ...(tenant && { tenant }),
    },
    ...{ deliveryId: itemId(recipient, key), place: 0, attemptId: attemptId({ batch: newBatchId(), slot: 0 }) },
  } as unknown as OutMessage<'in_app'>
}

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })

type Options = {
  clock?: Clock
  /** What a server has besides. */
  also?: (app: FastifyInstance, deps: { db: Database; clock: Clock; users: Users }) => void
}

/** The API of inboxes on a database of its own, and as many more processes of it as a test opens. */
export async function createInbox({ clock = systemClock, also = () => {} }: Options = {}) {
  await using opened = new AsyncDisposableStack()
  const database = opened.use(await testDatabase())
  const db = opened.use(await openPostgres({ url: database.url, connectionsMax: 6, name: 'test' }))
  const serve = async () => {
    const lines: string[] = []
    const log = createLog({ role: 'test', write: line => void lines.push(line) })
    const signals = postgresSignals({ db, directUrl: database.url }, { name: 'test_inbox', onError() {} })
    const app = createHttp({ log, metrics: createMetrics(), bodyLimitBytes: 64 * 1024 })
    const users = serveUsers(app, {
      ...{ keys: [{ kid: 'one', key: publicKey }], audience: 'carillon', clock, origins: ['https://app.example'] },
    })
    const catalogue = catalogueOf('1', [greeting, { ...greeting, type: 'test.build', category: 'builds' }])
    const streams = openInboxStreams({ db, signals, catalogue, clock, log })
    inboxApi(app, { db, clock, catalogue, users, streams, tell: signals.tell })
    also(app, { db, clock, users })
    const url = await listen(app, { port: 0, host: '127.0.0.1' })
    return {
      ...{ url, app, streams, lines, signals },
      async [Symbol.asyncDispose]() {
        await streams[Symbol.asyncDispose]()
        await app.close()
        await signals[Symbol.asyncDispose]()
      },
    }
  }
  const server = opened.use(await serve())
  const provider = inboxProvider(db, server.signals.tell)
  const tokenOf = (
    recipient: string,
    { tenant, ...claims }: { scopes?: UserScope[]; lifeS?: number; tenant?: string | undefined } = {},
  ) =>
    mintUserToken(
      { recipient, ...(tenant !== undefined && { tenant }) },
      { key: privateKey, kid: 'one', audience: 'carillon', scopes: ['inbox'], now: clock.now(), ...claims },
    )
  const running = opened.move()
  return {
    ...{ db, ...server, serve, tokenOf },
    /** Delivers as a worker does. */
    put: (messages: readonly OutMessage<'in_app'>[]) =>
      provider.send(messages, { lane: 'default', now: clock.now(), deadlineMs: 10_000 }),
    ask: async (
      recipient: string,
      path: string,
      { body, at = server.url, tenant }: { body?: unknown; at?: string; tenant?: string } = {},
    ) => {
      const response = await fetch(`${at}/v1/me/inbox${path}`, {
        headers: {
          authorization: `Bearer ${await tokenOf(recipient, { tenant })}`,
          ...(body !== undefined && { 'content-type': 'application/json' }),
        },
        ...(body !== undefined && { method: 'POST', body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(60_000),
      })
      return { status: response.status, headers: response.headers, body: (await response.json()) as never }
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

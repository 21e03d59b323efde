import path from 'node:path'
import { serveApi } from '#cli/api.ts'
import type { IntentId } from '#contracts/ids.ts'
import { openInstallation } from '#cli/installation.ts'
import { refuseMessages } from '#ledger/admit.ts'
import { type NewQuarantine, openQuarantines } from '#ledger/quarantine.ts'
import { startPubSubServer } from '#local/pubsub/server.ts'
import { catalogue } from '#producers/catalogue/catalogue.ts'
import { createProducerToken, type Scope } from '#producers/http/producer-tokens.ts'
import { createLog } from '#runtime/log.ts'
import { createMetrics } from '#runtime/metrics.ts'
import { testDatabase } from '../servers.ts'
import { temporaryFolder } from '../temporary-folder.ts'

export const addressKey = 'of a test'

/** Every API of an installation, as it is served. */
export async function setup() {
  await using opened = new AsyncDisposableStack()
  const folder = opened.use(await temporaryFolder())
  const { url: databaseUrl } = opened.use(await testDatabase())
  const { address } = opened.use(await startPubSubServer({ dataDir: path.join(folder.path, 'pubsub') }))
  const installation = opened.use(
    await openInstallation({
      addresses: {
        ...{ databaseUrl, databaseDirectUrl: databaseUrl, prefix: 'served' },
        pubsub: { projectId: 'carillon-test', emulator: address },
      },
      ...{ addressKey, catalogue, log: createLog({ role: 'test', write: () => {} }) },
    }),
  )
  const metrics = createMetrics()
  const { url } = opened.use(await serveApi(installation, { host: '127.0.0.1', port: 0, metrics }))
  const running = opened.move()
  return {
    db: installation.db,
    async tokenOf(...scopes: Scope[]) {
      const types = scopes.includes('intents') ? ['comment.created'] : []
      return createProducerToken(installation.db, { producer: 'docs', types, scopes })
    },
    tokenAs: (producer: string, ...scopes: Scope[]) =>
      createProducerToken(installation.db, { producer, types: [], scopes }),
    tenantToken: (tenant: string, ...scopes: Scope[]) =>
      createProducerToken(installation.db, { producer: 'eve', types: ['comment.created'], scopes, tenant }),
    quarantine: (id: string, more: Partial<NewQuarantine> = {}) =>
      openQuarantines(installation.db, [
        {
          ...{ intent: id as IntentId, type: 'comment.created', producer: 'docs', recipients: 10_000, more: true },
          ...{ guard: 'recipients', volume: 0, most: 1_000 },
          ...more,
        },
      ]),
    refuse: (messageId: string, message?: Buffer) =>
      refuseMessages(
        installation.db,
        [{ messageId, lane: 'default', reason: 'unknown', problems: ['it is new'], ...(message && { message }) }],
        Date.now(),
      ),
    async ask(token: string, route: string, body?: object) {
      const [method, path] = route.split(' ') as [string, string]
      const response = await fetch(url + path, {
        ...{
          method,
          headers: { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) },
        },
        ...(body && { body: JSON.stringify(body) }),
      })
      return { status: response.status, headers: response.headers, text: await response.text() }
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

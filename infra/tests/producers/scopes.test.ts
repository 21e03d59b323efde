import assert from 'node:assert/strict'
import path from 'node:path'
import { test } from 'node:test'
import { serveApi } from '#cli/api.ts'
import { openInstallation } from '#cli/installation.ts'
import { startPubSubServer } from '#local/pubsub/server.ts'
import { catalogue } from '#producers/catalogue/catalogue.ts'
import { createProducerToken, type Scope } from '#producers/http/producer-tokens.ts'
import { createLog } from '#runtime/log.ts'
import { createMetrics } from '#runtime/metrics.ts'
import { testDatabase } from '../servers.ts'
import { temporaryFolder } from '../temporary-folder.ts'

/** Every API of an installation, as it is served. */
async function setup() {
  await using opened = new AsyncDisposableStack()
  const folder = opened.use(await temporaryFolder())
  const { url: databaseUrl } = opened.use(await testDatabase())
  const { address } = opened.use(await startPubSubServer({ dataDir: path.join(folder.path, 'pubsub') }))
  const installation = opened.use(
    await openInstallation({
      addresses: {
        ...{ databaseUrl, databaseDirectUrl: databaseUrl, prefix: 'scopes' },
        pubsub: { projectId: 'carillon-test', emulator: address },
      },
      ...{ addressKey: 'of a test', catalogue, log: createLog({ role: 'test', write: () => {} }) },
    }),
  )
  const metrics = createMetrics()
  const { url } = opened.use(await serveApi(installation, { host: '127.0.0.1', port: 0, metrics }))
  const running = opened.move()
  return {
    async tokenOf(...scopes: Scope[]) {
      const types = scopes.includes('intents') ? ['comment.created'] : []
      return createProducerToken(installation.db, { producer: 'docs', types, scopes })
    },
    async ask(token: string, route: string) {
      const [method, path] = route.split(' ') as [string, string]
      const response = await fetch(url + path, { method, headers: { authorization: `Bearer ${token}` } })
      return { status: response.status, headers: response.headers, text: await response.text() }
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

const intent = '00000000-0000-8000-8000-000000000000'
/** What each scope opens, and what a request without a body gets that is let through. */
const routes: Record<Scope, Record<string, number>> = {
  intents: { 'POST /v1/intents': 400, 'GET /v1/intents/k/status': 200, 'POST /v1/events': 422 },
  people: {
    'PUT /v1/recipients/u1': 422,
    'GET /v1/recipients/u1': 200,
    'DELETE /v1/recipients/u1': 204,
    'PUT /v1/recipients/u1/endpoints': 422,
    'GET /v1/recipients/u2/preferences': 200,
    'PATCH /v1/recipients/u2/preferences': 422,
    'POST /v1/recipients/u2/read': 204,
    'POST /v1/recipients/u2/seen': 204,
    'PUT /v1/recipients/u2/presence': 422,
    'POST /v1/audiences/a/members': 422,
    'PUT /v1/audiences/a/members': 422,
    'DELETE /v1/audiences/a/members': 422,
    'POST /v1/audiences/a/members/remove': 422,
  },
  analytics: { 'GET /v1/analytics/funnel': 200, [`GET /v1/trace/${intent}`]: 404 },
}

test('a token opens what its scopes name and nothing else; the refusal names the scope', async () => {
  await using world = await setup()
  const scopes = Object.keys(routes) as Scope[]
  for (const scope of scopes) {
    const only = await world.tokenOf(scope)
    const others = await world.tokenOf(...scopes.filter(one => one !== scope))
    for (const [route, status] of Object.entries(routes[scope])) {
      const refused = await world.ask(others, route)
      assert.equal(refused.status, 403, route)
      assert.match(refused.headers.get('content-type')!, /^application\/problem\+json/)
      assert.match(JSON.parse(refused.text).detail, new RegExp(`lacks the scope ${scope}`))
      assert.match(refused.headers.get('www-authenticate')!, new RegExp(`error="insufficient_scope", scope="${scope}"`))
      assert.equal((await world.ask('unknown', route)).status, 401, route)
      const answer = await world.ask(only, route)
      assert.equal(answer.status, status, `${route}: ${answer.text}`)
    }
  }
})

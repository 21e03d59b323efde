import assert from 'node:assert/strict'
import { createHmac, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { test } from 'node:test'
import { temporaryFolder } from '#tests/temporary-folder.ts'
import { manualClock } from './clock.ts'
import { createHttp, listen } from './http.ts'
import { createLog } from './log.ts'
import { createMetrics } from './metrics.ts'
import { serveUsers } from './user-requests.ts'
import { mintUserToken, readUserKeys, type UserScope } from './user-tokens.ts'

const noon = Date.parse('2026-11-21T12:00:00Z')
const ecKey = () => generateKeyPairSync('ec', { namedCurve: 'P-256' })
const { privateKey, publicKey } = ecKey()

/** Two routes for people, one for each of two scopes. */
async function createServer() {
  const clock = manualClock(noon)
  const app = createHttp({
    log: createLog({ role: 'test', write() {} }),
    metrics: createMetrics(),
    bodyLimitBytes: 1_024,
  })
  const keys = [{ kid: 'one', key: publicKey }]
  const users = serveUsers(app, { keys, audience: 'carillon', clock, origins: ['https://app.example'] })
  for (const scope of ['inbox', 'preferences'] as const)
    app.get(`/v1/me/${scope}`, { onRequest: users.authorize(scope) }, async request => users.of(request))
  const url = await listen(app, { port: 0, host: '127.0.0.1' })
  const ask = async (
    token: string | undefined,
    { at = '/v1/me/inbox', ...init }: { at?: string; method?: string; headers?: Record<string, string> } = {},
  ) => {
    const headers = { ...(token !== undefined && { authorization: `Bearer ${token}` }), ...init.headers }
    const response = await fetch(`${url}${at}`, { ...init, headers, signal: AbortSignal.timeout(60_000) })
    const text = await response.text()
    return { status: response.status, headers: response.headers, body: text === '' ? {} : JSON.parse(text) }
  }
  return { clock, ask, [Symbol.asyncDispose]: () => app.close() }
}

const mint = (
  claims: {
    scopes?: readonly UserScope[]
    key?: KeyObject
    kid?: string
    audience?: string
    now?: number
    lifeS?: number
  } = {},
) =>
  mintUserToken(
    { recipient: 'ann', tenant: 'acme' },
    { key: privateKey, kid: 'one', audience: 'carillon', scopes: ['inbox'], now: noon, ...claims },
  )

const seconds = noon / 1_000
const sound = { sub: 'ann', aud: 'carillon', scope: 'inbox', iat: seconds, exp: seconds + 60 }
const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')

/** A token made by hand, as somebody does who does not use a library. */
function forged(header: object, claims: object, signature: (signed: string) => Buffer): string {
  const signed = `${part(header)}.${part(claims)}`
  return `${signed}.${signature(signed).toString('base64url')}`
}
const byKey = (signed: string) => sign('sha256', Buffer.from(signed), { key: privateKey, dsaEncoding: 'ieee-p1363' })
const handmade = (claims: object) => forged({ alg: 'ES256', kid: 'one' }, claims, byKey)

test('a token opens what its scope says, for its person', async () => {
  await using server = await createServer()
  const { status, body } = await server.ask(await mint())
  assert.deepEqual([status, body], [200, { recipient: 'ann', tenant: 'acme', through: 'person' }])
  assert.deepEqual((await server.ask(handmade(sound))).body, { recipient: 'ann', through: 'person' })
  const other = await server.ask(await mint(), { at: '/v1/me/preferences' })
  assert.equal(other.status, 403)
  assert.match(other.headers.get('www-authenticate')!, /insufficient_scope.*preferences/)
  const nobody = await server.ask(undefined)
  assert.deepEqual([nobody.status, nobody.headers.get('www-authenticate')], [401, 'Bearer realm="carillon"'])
  assert.match(nobody.body.detail, /^send the person’s token/)
})

test('no other token is believed, and each is told why in words that do not repeat it', async () => {
  await using server = await createServer()
  const pem = publicKey.export({ type: 'spki', format: 'pem' })
  const hmac = (secret: string | Buffer) => (signed: string) => createHmac('sha256', secret).update(signed).digest()
  const der = publicKey.export({ type: 'spki', format: 'der' })
  const refused: Record<string, string> = {
    'no signature': forged({ alg: 'none', kid: 'one' }, sound, () => Buffer.alloc(0)),
    'no signature, none in capitals': forged({ alg: 'None', kid: 'one' }, sound, () => Buffer.alloc(0)),
    'HMAC with the public key, PEM': forged({ alg: 'HS256', kid: 'one' }, sound, hmac(pem)),
    'HMAC with the public key, DER': forged({ alg: 'HS256', kid: 'one' }, sound, hmac(der)),
    'an empty signature': forged({ alg: 'ES256', kid: 'one' }, sound, () => Buffer.alloc(0)),
    'a signature of zeros': forged({ alg: 'ES256', kid: 'one' }, sound, () => Buffer.alloc(64)),
    'another key under the name': await mint({ key: ecKey().privateKey }),
    'an unknown kid': await mint({ kid: 'two' }),
    'no kid': forged({ alg: 'ES256' }, sound, byKey),
    'a key that it brings': forged({ alg: 'ES256', jwk: publicKey.export({ format: 'jwk' }) }, sound, byKey),
    'another audience': await mint({ audience: 'somebody' }),
    'no audience': handmade({ ...sound, aud: undefined }),
    expired: await mint({ now: noon - 16 * 60_000 }),
    'not yet valid': handmade({ ...sound, nbf: seconds + 60 }),
    'issued in the future': await mint({ now: noon + 60_000 }),
    'valid for too long': await mint({ lifeS: 15 * 60 + 1 }),
    'without an end': handmade({ ...sound, exp: undefined }),
    'without a beginning': handmade({ ...sound, iat: undefined }),
    nobody: handmade({ ...sound, sub: undefined }),
    'no name': handmade({ ...sound, sub: 'a\nb' }),
    'a list of people': handmade({ ...sound, sub: ['ann', 'bob'] }),
    'no scope': handmade({ ...sound, scope: undefined }),
    'a tenant that is no name': handmade({ ...sound, tenant: { id: 'acme' } }),
    'claims exchanged': (await mint()).replace(/\.[^.]+\./, `.${part({ ...sound, sub: 'bob' })}.`),
    'no token at all': 'hello',
    'two words': 'hello there',
  }
  for (const [what, token] of Object.entries(refused)) {
    const { status, body, headers } = await server.ask(token)
    assert.equal(status, 401, what)
    assert.match(headers.get('www-authenticate')!, /invalid_token/)
    assert.match(body.detail, /token|sub and tenant/, what)
    assert.ok(!JSON.stringify(body).includes(token))
  }
})

test('clocks may differ by half a minute', async () => {
  await using server = await createServer()
  for (const aheadMs of [-29_000, 29_000]) {
    server.clock.set(noon + aheadMs)
    assert.equal((await server.ask(await mint())).status, 200)
  }
  server.clock.set(noon + 15 * 60_000 + 29_000)
  assert.equal((await server.ask(await mint())).status, 200)
  server.clock.set(noon + 15 * 60_000 + 31_000)
  assert.match((await server.ask(await mint())).body.detail, /expired/)
})

test('a person who asks too much waits, and nobody else', async () => {
  await using server = await createServer()
  const token = await mint()
  const statuses = await Promise.all(Array.from({ length: 61 }, async () => (await server.ask(token)).status))
  assert.deepEqual([statuses.filter(one => one === 200).length, statuses.filter(one => one === 429).length], [60, 1])
  const { headers, body } = await server.ask(token)
  assert.deepEqual([headers.get('retry-after'), body.status], ['1', 429])
  const bob = handmade({ ...sound, sub: 'bob' })
  assert.equal((await server.ask(bob)).status, 200)
  server.clock.set(noon + 1_000)
  assert.equal((await server.ask(token)).status, 200)
})

test('browsers may call from the pages of the product, and from no others', async () => {
  await using server = await createServer()
  const call = (origin: string, method: string) => server.ask(undefined, { method, headers: { origin } })
  const asked = await call('https://app.example', 'OPTIONS')
  assert.equal(asked.status, 204)
  assert.match(asked.headers.get('access-control-allow-headers')!, /authorization.*if-match/)
  // What went wrong can be read there, too.
  for (const { headers } of [asked, await call('https://app.example', 'GET')])
    assert.equal(headers.get('access-control-allow-origin'), 'https://app.example')
  for (const origin of ['https://app.example.evil.example', 'http://app.example', 'null'])
    for (const method of ['OPTIONS', 'GET']) {
      const { headers } = await call(origin, method)
      assert.equal(headers.get('access-control-allow-origin'), null)
      assert.equal(headers.get('access-control-allow-credentials'), null)
    }
})

test('keys come from a JWKS or from PEM files that are called by their names; private ones are refused', async () => {
  await using folder = await temporaryFolder()
  const put = async (name: string, text: string | Buffer) => {
    const file = path.join(folder.path, name)
    await writeFile(file, text)
    return file
  }
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'set' }
  const pem = await put('2026-11.pem', publicKey.export({ type: 'spki', format: 'pem' }))
  const set = await put('keys.json', JSON.stringify({ keys: [jwk] }))
  const keys = await readUserKeys([pem, set])
  assert.deepEqual(
    keys.map(({ kid }) => kid),
    ['2026-11', 'set'],
  )
  for (const { key } of keys) assert.ok(key.equals(createPublicKey(privateKey)))
  await assert.rejects(readUserKeys([set, set]), /two keys are called "set"/)
  const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey
  const wrong = {
    'private.pem': privateKey.export({ type: 'pkcs8', format: 'pem' }),
    'private.json': JSON.stringify({ keys: [{ ...privateKey.export({ format: 'jwk' }), kid: 'x' }] }),
    'other-curve.pem': p384.export({ type: 'spki', format: 'pem' }),
    'nameless.json': JSON.stringify({ keys: [publicKey.export({ format: 'jwk' })] }),
    'empty.json': JSON.stringify({ keys: [] }),
    'symmetric.json': JSON.stringify({ keys: [{ kty: 'oct', k: 'c2VjcmV0', kid: 'x' }] }),
    'text.pem': 'hello',
  }
  for (const [name, text] of Object.entries(wrong))
    await assert.rejects(readUserKeys([await put(name, text)]), {
      message: new RegExp(`${name} must hold public keys`),
    })
})

import assert from 'node:assert/strict'
import { once } from 'node:events'
import http2 from 'node:http2'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { redirectGoogleApis } from '#local/redirect.ts'
import { setup } from '#local/simulators/test-setup.ts'
import type { Answer } from '#contracts/outcome.ts'
import type { OutMessage } from '../provider.ts'
import { messageTo, subjects } from '../providers.fixture.ts'
import { fcmProvider } from './fcm.ts'

const fcm = subjects.find(({ name }) => name === 'fcm')!

type Said = { status: number; body: object } | undefined

/** What becomes of a push when Google answers so, the requests in their order and then as the last; `undefined`: it hangs up. */
async function answerBeside(transport: 'official' | 'direct', ...answers: readonly Said[]) {
  await using simulators = await setup()
  const { server, caFile, fcm: account } = simulators.credentials
  const tls = { cert: server.certificate, key: server.key, allowHTTP1: true }
  const left = [...answers]
  const google = http2.createSecureServer(tls, (request, response) => {
    const said = left.length > 1 ? left.shift() : left[0]
    if (!said) {
      request.socket.destroy()
      return
    }
    response.writeHead(said.status, { 'content-type': 'application/json' }).end(JSON.stringify(said.body))
  })
  google.listen(0, '127.0.0.1')
  await once(google, 'listening')
  const undo = redirectGoogleApis({ port: (google.address() as AddressInfo).port, caFile })
  try {
    await using provider = fcmProvider({ serviceAccountFile: account.serviceAccountFile, transport })
    const options = { lane: 'default', now: Date.now(), deadlineMs: 20_000 } as const
    return (await provider.send([messageTo(fcm, 1) as OutMessage<'push'>], options))[0]!
  } finally {
    undo()
    google.close()
  }
}

const noToken = { kind: 'pause', reason: 'OAUTH_UNAVAILABLE', afterMs: 10_000, uncalled: true } satisfies Answer

for (const transport of ['official', 'direct'] as const)
  test(`without a token nothing is sent: what may pass costs no try, a refused key waits for us (${transport})`, async () => {
    assert.deepEqual(await answerBeside(transport, { status: 503, body: { error: 'unavailable' } }), noToken)
    assert.deepEqual(await answerBeside(transport, { status: 429, body: { error: 'rate_limit' } }), noToken)
    assert.deepEqual(await answerBeside(transport, undefined), noToken)
    const refused = { status: 400, body: { error: 'invalid_grant', error_description: 'Invalid JWT Signature.' } }
    const badKey = { kind: 'config', reason: 'app/invalid-credential', uncalled: true }
    assert.deepEqual(await answerBeside(transport, refused), badKey)
  })

for (const transport of ['official', 'direct'] as const)
  test(`what was refused for its token was called, whether or not there is another (${transport})`, async () => {
    const token = { status: 200, body: { access_token: 'a', expires_in: 3_600, token_type: 'Bearer' } }
    const refused = { status: 401, body: { error: { message: 'no' } } }
    const unavailable = { status: 503, body: { error: 'unavailable' } }
    const { uncalled: _, ...away } = noToken
    assert.deepEqual(await answerBeside(transport, token, refused, unavailable), away)
  })

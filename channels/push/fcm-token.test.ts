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

/** What becomes of a push when Google's token service answers so; `undefined`: it hangs up. */
async function answerBeside(transport: 'official' | 'direct', said: { status: number; body: object } | undefined) {
  await using simulators = await setup()
  const { server, caFile, fcm: account } = simulators.credentials
  const tls = { cert: server.certificate, key: server.key, allowHTTP1: true }
  const oauth = http2.createSecureServer(tls, (request, response) => {
    if (!said) {
      request.socket.destroy()
      return
    }
    response.writeHead(said.status, { 'content-type': 'application/json' }).end(JSON.stringify(said.body))
  })
  oauth.listen(0, '127.0.0.1')
  await once(oauth, 'listening')
  const undo = redirectGoogleApis({ port: (oauth.address() as AddressInfo).port, caFile })
  try {
    await using provider = fcmProvider({ serviceAccountFile: account.serviceAccountFile, transport })
    const options = { lane: 'default', now: Date.now(), deadlineMs: 20_000 } as const
    return (await provider.send([messageTo(fcm, 1) as OutMessage<'push'>], options))[0]!
  } finally {
    undo()
    oauth.close()
  }
}

const noToken: Answer = { kind: 'pause', reason: 'OAUTH_UNAVAILABLE', afterMs: 10_000 }

for (const transport of ['official', 'direct'] as const)
  test(`without a token nothing is sent: what may pass costs no try, a refused key waits for us (${transport})`, async () => {
    assert.deepEqual(await answerBeside(transport, { status: 503, body: { error: 'unavailable' } }), noToken)
    assert.deepEqual(await answerBeside(transport, { status: 429, body: { error: 'rate_limit' } }), noToken)
    assert.deepEqual(await answerBeside(transport, undefined), noToken)
    const refused = { status: 400, body: { error: 'invalid_grant', error_description: 'Invalid JWT Signature.' } }
    assert.deepEqual(await answerBeside(transport, refused), { kind: 'config', reason: 'app/invalid-credential' })
  })

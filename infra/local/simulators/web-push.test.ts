import assert from 'node:assert/strict'
import https from 'node:https'
import { test } from 'node:test'
import webpush from 'web-push'
import { localCredentials, type LocalCredentials, pushServiceHost } from '#local/credentials.ts'
import { subscriptionOf } from './browser.ts'
import { setup, temporaryFolder } from './test-setup.ts'
import { webPushAnswers } from './web-push.ts'

type Setup = Awaited<ReturnType<typeof setup>>
type Keys = LocalCredentials['webpush']

function sender({ ports, credentials }: Setup, keys: Keys = credentials.webpush) {
  const agent = new https.Agent({ host: '127.0.0.1', port: ports.webpush, ca: credentials.ca })
  const { publicKey, privateKey, subject } = keys
  return async (browser: string, options: webpush.RequestOptions = {}, payload = '{"nid":"d1","badge":2}') => {
    const subscription = JSON.parse(subscriptionOf(browser)) as webpush.PushSubscription
    const vapidDetails = { publicKey, privateKey, subject }
    return webpush.sendNotification(subscription, payload, { vapidDetails, topic: 'd1', agent, ...options }).then(
      ({ statusCode }) => statusCode,
      (error: webpush.WebPushError) => error.statusCode,
    )
  }
}
const address = (browser: string) => `https://${pushServiceHost}/push/${browser}`

test('the official library’s push is read by its browser and logged with our ids', async () => {
  await using simulators = await setup()
  assert.equal(await sender(simulators)('browser-1'), 201)
  const [line] = simulators.lines('webpush')
  assert.deepEqual(
    [line!.address, line!.deliveryId, line!.badge, line!.accepted],
    [address('browser-1'), 'd1', 2, true],
  )
})

test('what a push service would refuse is refused', async () => {
  await using dir = await temporaryFolder()
  await using simulators = await setup()
  const send = sender(simulators)
  const stranger = (await localCredentials(dir.path)).webpush
  const { webpush: own } = simulators.credentials
  assert.equal(await sender(simulators, stranger)('b'), 403, 'another sender')
  assert.equal(await sender(simulators, { ...own, privateKey: stranger.privateKey })('b'), 403, 'a forged signature')
  assert.equal(await send('b', { vapidDetails: null } as never), 401, 'no sender')
  assert.equal(await send('b', {}, 'x'.repeat(3_993)), 201)
  assert.equal(await send('b', {}, 'x'.repeat(3_994)), 413)
  assert.equal(await send('b', { contentEncoding: 'aesgcm' }), 401, 'the older scheme')
  assert.equal(simulators.log.counts().webpush!.accepted, 1)
})

test('every answer of a push service travels', async () => {
  await using simulators = await setup()
  const send = sender(simulators)
  for (const [answer, of] of Object.entries(webPushAnswers)) {
    simulators.script.set({ provider: 'webpush', address: address(answer), answer: answer as 'gone' })
    assert.equal(await send(answer), of({ index: 0 }).status, answer)
  }
  assert.equal(await send('dead-browser'), 410)
  assert.deepEqual([await send('flaky'), await send('flaky')], [503, 201])
})

import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import type { Answer } from '#contracts/outcome.ts'
import { parseRule } from '#local/simulators/control.ts'
import { setup } from '#local/simulators/test-setup.ts'
import { until } from '#tests/program.ts'
import type { OutMessage, Provider } from './provider.ts'
import { messageTo, subjects, undoRedirect } from './providers.fixture.ts'

afterEach(undoRedirect)

/** Sockets of this process, those of its simulators as well. */
const connections = (): number => process.getActiveResourcesInfo().filter(name => name === 'TCPSocketWrap').length
const reasonsIn = (answers: readonly Answer[]): string =>
  JSON.stringify(answers.map(answer => ('reason' in answer ? answer.reason : '')))

const send = (provider: Provider, messages: OutMessage[], deadlineMs = 20_000) =>
  provider.send(messages, { lane: 'default', now: Date.now(), deadlineMs })

for (const subject of subjects)
  test(`${subject.name} one bad address among many ends alone, in its place, and does not reject`, async () => {
    await using simulators = await setup()
    await using provider = subject.open(simulators.credentials, simulators.ports)
    const messages = Array.from({ length: Math.min(20, provider.callSizeMax) }, (_, n) => messageTo(subject, n + 1))
    const at = Math.floor(messages.length / 2)
    const strange = ['', ' ', '../../../x', 'a\r\nb: c', '\u0000', '\u202e', 'ü'.repeat(3_000), '{"endpoint":1}']
    for (const address of strange) {
      const one = messages[at]!
      const mixed = messages.with(at, { ...one, endpoint: { ...one.endpoint, address } })
      const answers = await send(provider, mixed)
      assert.equal(answers.length, mixed.length)
      const others = answers.filter((_, place) => place !== at)
      assert.ok(
        others.every(({ kind }) => kind === 'accepted'),
        `${JSON.stringify(address.slice(0, 20))}: ${JSON.stringify(others)}`,
      )
      assert.notEqual(answers[at]!.kind, 'accepted', JSON.stringify(address.slice(0, 20)))
      assert.notEqual(answers[at]!.kind, 'config', JSON.stringify(address.slice(0, 20)))
      for (const { endpoint } of messages) assert.ok(!reasonsIn(answers).includes(endpoint.address))
    }
  })

for (const subject of subjects)
  test(`${subject.name} says the same again for the same attempt, and sends what is over without a fault`, async () => {
    await using simulators = await setup()
    await using provider = subject.open(simulators.credentials, simulators.ports)
    const message = messageTo(subject, 1)
    const over = { ...message, intent: { ...message.intent, expiresAt: Date.now() - 1_000 } }
    for (const one of [message, message, over]) assert.equal((await send(provider, [one]))[0]!.kind, 'accepted')
    const ids = simulators.lines(subject.name).map(line => `${line.deliveryId} ${line.attemptId}`)
    assert.deepEqual(ids, Array(3).fill(ids[0]))
  })

for (const subject of subjects)
  test(`${subject.name} an answer that begins and does not end costs a caller its deadline`, async () => {
    await using simulators = await setup()
    await using provider = subject.open(simulators.credentials, simulators.ports)
    simulators.script.set(parseRule({ provider: subject.name, answer: 'slowBody', ms: 30_000 }))
    const begun = performance.now()
    const [answer] = await send(provider, [messageTo(subject, 1)], 400)
    const tookMs = performance.now() - begun
    assert.ok(['doubt', 'accepted'].includes(answer!.kind), answer!.kind)
    assert.ok(tookMs < 10_000, `took ${tookMs} ms`)
  })

for (const subject of subjects)
  test(`${subject.name} goes on after a connection broke`, async () => {
    await using simulators = await setup()
    await using provider = subject.open(simulators.credentials, simulators.ports)
    for (const answer of ['resetBefore', 'resetAfter', 'goaway', 'goawayAfter']) {
      simulators.script.set(parseRule({ provider: subject.name, answer, times: 1 }))
      await send(provider, [messageTo(subject, 1)])
      const [after] = await send(provider, [messageTo(subject, 2)])
      assert.equal(after!.kind, 'accepted', answer)
    }
  })

for (const subject of subjects)
  test(`${subject.name} leaves no connection behind it, but for the seconds that Node keeps idle ones`, async () => {
    await using simulators = await setup()
    const before = connections()
    const provider = subject.open(simulators.credentials, simulators.ports)
    await send(provider, [messageTo(subject, 1)])
    await provider[Symbol.asyncDispose]()
    undoRedirect()
    await until(() => connections() <= before)
  })

test('apns answers as many large pushes as may be under way at once', async () => {
  await using simulators = await setup()
  const apns = subjects.find(({ name }) => name === 'apns')!
  await using provider = apns.open(simulators.credentials, simulators.ports)
  const content = { title: 'title', body: 'long '.repeat(1_000) }
  const message = messageTo(apns, 1, content)
  const call = () => send(provider, Array(provider.callSizeMax).fill(message), 60_000)
  const answers = await Promise.all(Array.from({ length: provider.callsAtOnce }, call))
  assert.deepEqual(
    Map.groupBy(answers.flat(), ({ kind }) => kind)
      .keys()
      .toArray(),
    ['accepted'],
  )
})

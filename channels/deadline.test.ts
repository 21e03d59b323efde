import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import type { AddressInfo } from 'node:net'
import { afterEach, test } from 'node:test'
import type { Answer } from '#contracts/outcome.ts'
import { until } from '#runtime/link.fixture.ts'
import { parseRule } from '#local/simulators/control.ts'
import { setup } from '#local/simulators/test-setup.ts'
import { afterCall, type Breaker, closedBreaker, failing } from './pace/breaker.ts'
import { calledBy, messageTo, startSubject, subjects, undoRedirect } from './providers.fixture.ts'

afterEach(undoRedirect)

/** Takes connections and every byte, and says nothing. */
async function startMute() {
  const sockets = new Set<net.Socket>()
  let connections = 0
  const server = net.createServer(socket => {
    connections++
    sockets.add(socket.on('error', () => {}).resume())
    socket.on('close', () => sockets.delete(socket))
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    connections: () => connections,
    open: () => sockets.size,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}

const doubt: Answer = { kind: 'doubt', reason: 'deadline' }
const noToken: Answer = { kind: 'pause', reason: 'OAUTH_UNAVAILABLE', afterMs: 10_000, uncalled: true }
/** What cannot be stopped: those libraries, and the one that asks Google for tokens. */
const goesOn = ['fcm', 'fcm directly', 'apns']

for (const subject of subjects)
  test(`${subject.title}: a server that never says a word costs a caller its deadline, and no more`, async () => {
    await using simulators = await setup()
    await using mute = await startMute()
    const { port } = mute
    const ports = { google: port, apns: port, apnsSandbox: port, sendgrid: port, twilio: port, webpush: port }
    await using provider = subject.open(simulators.credentials, ports)
    const messages = Array.from({ length: provider.callSizeMax > 1 ? 3 : 1 }, (_, n) => messageTo(subject, n + 1))
    const begun = performance.now()
    const answers = await provider.send(messages, { lane: 'default', now: Date.now(), deadlineMs: 300 })
    const tookMs = performance.now() - begun
    // It asks for its token by itself, and knows that without one no message was written.
    const answer = subject.title === 'fcm directly' ? noToken : doubt
    assert.deepEqual(
      answers,
      messages.map(() => answer),
    )
    assert.ok(tookMs >= 295 && tookMs < 10_000, `took ${tookMs} ms`)
    // What goes on may get to its call later, on a busy machine.
    if (goesOn.includes(subject.title)) return await until(() => mute.connections() > 0, 'it is called')
    assert.ok(mute.connections() > 0, 'it was called')
    await until(async () => mute.open() === 0, 'the request ends')
    assert.ok(performance.now() - begun < 20_000, 'and with its call')
  })

for (const subject of subjects.filter(({ title }) => ['fcm', 'fcm directly', 'apns'].includes(title)))
  test(`${subject.title}: one that hangs is in doubt alone, what was said of the others by the deadline is told`, async () => {
    await using running = await startSubject(subject)
    const { simulators, provider } = running
    const messages = Array.from({ length: 5 }, (_, n) => messageTo(subject, n + 1))
    const rule = (n: number, answer: string) =>
      simulators.script.set(
        parseRule({
          provider: subject.name,
          address: calledBy(subject, messages[n - 1]!),
          answer,
          retryAfterSeconds: 61,
        }),
      )
    rule(1, 'hang')
    rule(3, subject.name === 'fcm' ? 'unregistered' : 'Unregistered')
    rule(4, subject.name === 'fcm' ? 'unavailable' : 'ServiceUnavailable')
    // More than one pushes the same device.
    messages.push({ ...messages[0]!, place: 6 })
    await provider.send([messages[1]!], { lane: 'default', now: Date.now(), deadlineMs: 20_000 })
    const answers = await provider.send(messages, { lane: 'default', now: Date.now(), deadlineMs: 3_000 })
    const told = answers.map(answer => (answer.kind === 'doubt' ? answer.reason : answer.kind))
    assert.deepEqual(told, ['deadline', 'accepted', 'addressDead', 'retry', 'accepted', 'deadline'])
  })

test('fcm directly: where calls that hang hold every stream, those that wait for one open the circuit with them', async () => {
  await using world = await startSubject(subjects.find(({ title }) => title === 'fcm directly')!)
  const { simulators, provider, send } = world
  const message = messageTo(subjects[0]!, 1)
  assert.equal((await send(message)).kind, 'accepted')
  simulators.script.set({ provider: 'fcm', answer: 'hang' })
  const options = { lane: 'default', now: Date.now(), deadlineMs: 1_000 } as const
  const call = Array.from({ length: provider.callSizeMax }, () => message)
  const said = await Promise.all(Array.from({ length: failing.callsMin }, () => provider.send(call, options)))
  const begun = said.filter(answers => answers.some(({ kind }) => kind === 'doubt'))
  assert.ok(begun.length < said.length / 2, `${begun.length} were begun`)
  const breaker = said.reduce<Breaker>(
    (state, answers) => afterCall(state, { answers, probe: false }, 0),
    closedBreaker,
  )
  assert.equal(breaker.kind, 'open')
})

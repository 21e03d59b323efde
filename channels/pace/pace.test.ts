import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createWorld, device } from '../world.fixture.ts'
import type { Answer } from '#contracts/outcome.ts'
import type { Provider } from '../provider.ts'

/** A provider that gives one answer to all. */
const answering = (sent: string[], answer: () => Answer): Provider => ({
  ...{ name: 'fcm', channel: 'push', callSizeMax: 500, callsAtOnce: 4, pauses: 'lane', mixes: () => true },
  send: async messages => {
    sent.push(...messages.map(({ recipient }) => recipient))
    return messages.map(answer)
  },
  async [Symbol.asyncDispose]() {},
})

test('refused settings open the circuit: what comes waits and spends nothing, a probe finds out that they are mended', async () => {
  await using world = await createWorld()
  const sent: string[] = []
  let answer: Answer = { kind: 'config', reason: 'PERMISSION_DENIED' }
  world.use(answering(sent, () => answer))
  const who = Array.from({ length: 12 }, (_, n) => `p${n}`)
  for (const one of who) await world.addPerson(one, { endpoints: [device(`token-${one}`)] })
  const write = (people: string[]) =>
    world.write({
      channel: 'push',
      provider: 'fcm',
      to: people.map(recipient => ({ recipient, endpoint: 'phone' })),
    })
  await world.deliver(await write(who.slice(0, 10)))
  assert.deepEqual(world.deps.pace.openCircuits(), [{ provider: 'fcm', cause: 'config' }])
  assert.match(world.lines.join(), /"level":"error".*refuses our settings/)
  await world.deliver(await write(who.slice(10)))
  assert.equal(sent.length, 10, 'nothing is asked while it is open')
  const rows = await world.db.query('select distinct tries, waits_for from batches where closed_at is null')
  assert.deepEqual(rows, [{ tries: 0, waits_for: 'circuit' }])

  answer = { kind: 'accepted', providerId: 'p' }
  world.clock.set(world.clock.now() + 30_000)
  await world.makeDue()
  await world.deliver(await world.open())
  assert.deepEqual(world.deps.pace.openCircuits(), [])
  await world.makeDue()
  await world.deliver(await world.open())
  assert.ok(Object.values(await world.ends()).every(end => end === 'sent'))
})

test('why a circuit opened is said in the words of what opened it', async () => {
  await using world = await createWorld()
  const { pace } = world.deps
  const long: Answer = { kind: 'messageDead', reason: 'no room for its texts', uncalled: true }
  const badKey: Answer = { kind: 'config', reason: 'app/invalid-credential', uncalled: true }
  const away: Answer = { kind: 'retry', afterMs: 0, reason: 'ECONNREFUSED' }
  const cases: [name: string, last: Answer, reason: string][] = [
    ['fcm', badKey, 'app/invalid-credential'],
    ['apns', away, 'ECONNREFUSED'],
    ['webpush', { kind: 'notBegun' }, 'not begun'],
  ]
  for (const [name, answer, reason] of cases) {
    const provider = { ...answering([], () => answer), name }
    const answers = [long, answer]
    while (pace.openCircuits().every(circuit => circuit.provider !== name)) {
      const entry = await pace.enter({ provider, lane: 'default', size: 2 })
      assert.ok('begin' in entry)
      using entered = entry
      const call = await entered.begin([1, 1], Infinity)
      call!.end(answers)
    }
    const { circuit } = pace.pacing(provider)
    assert.equal(circuit.state !== 'closed' && circuit.reason, reason)
  }
})

test('a setting that only some need is told when it is refused, and what is held for it earns no retries', async () => {
  await using world = await createWorld()
  const { pace } = world.deps
  const answer: Answer = { kind: 'config', reason: 'THIRD_PARTY_AUTH_ERROR', ofSome: true }
  const sent: string[] = []
  const provider = answering(sent, () => answer)
  world.use(provider)
  const who = Array.from({ length: 20 }, (_, n) => `p${n}`)
  for (const one of who) await world.addPerson(one, { endpoints: [device(`token-${one}`)] })
  await world.write({ channel: 'push', provider: 'fcm', to: who.map(recipient => ({ recipient, endpoint: 'phone' })) })
  const left = () => pace.pacing(provider).retries.map(one => one.left)
  await world.deliver(await world.open())
  const earned = left()
  for (let n = 0; n < 3; n++) {
    await world.makeDue()
    await world.deliver(await world.open())
  }
  assert.deepEqual([sent.length, left()], [80, earned])
  assert.deepEqual(pace.refusedOfSome(), [{ provider: 'fcm', reason: 'THIRD_PARTY_AUTH_ERROR' }])
  assert.equal(world.lines.filter(line => /"level":"error".*refuses our settings for some/.test(line)).length, 1)
  assert.deepEqual(pace.openCircuits(), [])
  world.clock.set(world.clock.now() + 20 * 60_000)
  assert.deepEqual(pace.refusedOfSome(), [])
})

test('a pause that is asked for some stops no lane', async () => {
  await using world = await createWorld()
  const provider = answering([], () => ({ kind: 'pause', afterMs: 60_000, reason: 'HTTP 406', ofSome: true }))
  const entry = await world.deps.pace.enter({ provider, lane: 'default', size: 1 })
  assert.ok(!('waitMs' in entry))
  const call = await entry.begin([1], performance.now() + 1_000)
  call!.end([{ kind: 'pause', afterMs: 60_000, reason: 'HTTP 406', ofSome: true }])
  assert.equal(world.deps.pace.wait({ provider, lane: 'default' }), undefined)
})

test('a pause of bulk leaves critical alone; one of critical stops both', async () => {
  await using world = await createWorld()
  let answer: Answer = { kind: 'pause', afterMs: 60_000, reason: 'QUOTA_EXCEEDED' }
  const provider = answering([], () => answer)
  const { pace } = world.deps
  const met = async (lane: 'critical' | 'bulk') => {
    const entry = await pace.enter({ provider, lane, size: 1 })
    assert.ok(!('waitMs' in entry))
    const call = await entry.begin([1], performance.now() + 1_000)
    call!.end([answer])
  }
  await met('bulk')
  assert.equal(pace.wait({ provider, lane: 'bulk' })?.reason, 'pause')
  assert.equal(pace.wait({ provider, lane: 'critical' }), undefined)
  answer = { ...answer, afterMs: 90_000 } as Answer
  await met('critical')
  assert.equal(pace.wait({ provider, lane: 'default' })?.waitMs, 90_000)
  assert.equal(pace.wait({ provider, lane: 'bulk' })?.waitMs, 90_000)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Answer } from '#contracts/outcome.ts'
import type { OutMessage, Provider } from './provider.ts'
import { send, type SendTerms } from './send.ts'

const accepted: Answer = { kind: 'accepted', providerId: 'p' }
const contents = [
  { title: 'a', body: '' },
  { title: 'b', body: '' },
]
const messages = Array.from({ length: 7 }, (_, place) => ({ place, content: contents[place % 2]! }) as OutMessage)

function recording(more: Partial<Provider> = {}) {
  const calls: number[][] = []
  let running = 0
  let most = 0
  const provider: Provider = {
    name: 'fcm',
    channel: 'push',
    callSizeMax: 3,
    callsAtOnce: 2,
    pauses: 'lane',
    mixes: () => true,
    async send(call) {
      calls.push(call.map(({ place }) => place))
      most = Math.max(most, ++running)
      await new Promise(resolve => setImmediate(resolve))
      running--
      return call.map(({ place }) => ({ kind: 'accepted', providerId: String(place) }))
    },
    async [Symbol.asyncDispose]() {},
    ...more,
  }
  return { provider, calls, most: () => most }
}
const terms: SendTerms = {
  lane: 'default',
  now: 0,
  deadlineMs: 1_000,
  tries: 0,
  begin: async ({ length }) => ({ count: length, end: () => {} }),
  onFault: () => {},
}

test('calls are of the provider’s size, as many at once as it takes, and answers come back in order', async () => {
  const { provider, calls, most } = recording()
  const answers = await send(messages, provider, terms)
  assert.deepEqual(calls, [[0, 1, 2], [3, 4, 5], [6]])
  assert.equal(most(), 2)
  assert.deepEqual(
    answers.map(answer => answer?.kind === 'accepted' && answer.providerId),
    messages.map(({ place }) => String(place)),
  )
})

test('where contents do not mix, messages go by content', async () => {
  const { provider, calls } = recording({ mixes: () => false })
  await send(messages, provider, terms)
  assert.deepEqual(calls, [[0, 2, 4], [6], [1, 3, 5]])
})

test('a message that has its content for itself goes with others of that kind', async () => {
  const { provider, calls } = recording({ mixes: content => content !== contents[0] })
  const lone = [3, 4, 5].map(place => ({ place, content: { title: String(place), body: '' } }) as OutMessage)
  await send([...messages.slice(0, 3), ...lone], provider, terms)
  assert.deepEqual(calls, [[0, 2], [1, 3, 4], [5]])
})

test('each retry makes smaller calls', async () => {
  const { provider, calls } = recording({ callSizeMax: 30 })
  await send(messages, provider, { ...terms, tries: 1 })
  assert.deepEqual(calls, [[0, 1, 2], [3, 4, 5], [6]])
  calls.length = 0
  await send(messages, provider, { ...terms, tries: 5 })
  assert.equal(calls.length, messages.length)
})

test('no call begins once it must not; what was not sent is told as not begun', async () => {
  const { provider, calls } = recording()
  const begin: SendTerms['begin'] = async ({ length }) =>
    calls.length < 2 ? { count: length, end: () => {} } : undefined
  const answers = await send(messages, provider, { ...terms, begin })
  assert.deepEqual(
    answers.map(answer => answer?.kind),
    [...Array.from({ length: 6 }, () => 'accepted'), 'notBegun'],
  )
})

test('a call may be allowed a part of its messages; the others go next', async () => {
  const { provider, calls } = recording()
  const ended: number[] = []
  await send(messages, provider, {
    ...terms,
    begin: async () => ({ count: calls.length === 0 ? 1 : 2, end: ({ length }) => void ended.push(length) }),
  })
  assert.deepEqual(
    calls.flat().toSorted((a, b) => a - b),
    [0, 1, 2, 3, 4, 5, 6],
  )
  assert.ok(calls.every(call => call.length <= 2))
  assert.equal(ended.length, calls.length)
})

test('a client that throws leaves a doubt, an outage of our database is thrown on', async () => {
  const faults: unknown[] = []
  const broken = recording({
    send: async call => (call[0]!.place === 3 ? assert.fail('bug') : call.map(() => accepted)),
  })
  const answers = await send(messages, broken.provider, { ...terms, onFault: error => void faults.push(error) })
  assert.deepEqual(
    answers.map(answer => answer?.kind),
    ['accepted', 'accepted', 'accepted', 'doubt', 'doubt', 'doubt', 'accepted'],
  )
  assert.equal(faults.length, 1)
  const short = recording({ send: async call => call.slice(1).map(() => accepted) })
  const left = await send(messages, short.provider, { ...terms, onFault: error => void faults.push(error) })
  assert.ok(
    left.every(({ kind }) => kind === 'doubt'),
    'what has no answer is never told as not begun',
  )
  assert.equal(faults.length, 4)
  const outage = Object.assign(new Error('gone'), { code: 'ECONNRESET' })
  const out = recording({ send: async () => Promise.reject(outage) })
  await assert.rejects(send(messages, out.provider, terms), outage)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { collect, type Collected, type Worked } from './collect.ts'

const message = (n: number, { recipients, orderingKey = '' }: { recipients?: number; orderingKey?: string } = {}) => ({
  ...{ n, publishedAt: n, data: { length: 100 }, orderingKey, nacked: false },
  attributes: (recipients === undefined ? {} : { recipients: String(recipients) }) as Collected['attributes'],
  nack() {
    this.nacked = true
  },
})
type Message = ReturnType<typeof message>

function recorder(options: { parallel: number; waitMs: number }) {
  const sets: Message[][] = []
  const waiting: ((worked: Worked) => void)[] = []
  const collector = collect<Message>({
    ...options,
    work: set => {
      sets.push(set)
      return new Promise<Worked>(done => void waiting.push(done))
    },
  })
  const finish = async (worked: Worked = 'done') => {
    waiting.shift()?.(worked)
    await new Promise(setImmediate)
  }
  return { collector, sets, finish }
}

test('a set is closed when it names 500 recipients, whatever the number of messages', async () => {
  const { collector, sets, finish } = recorder({ parallel: 9, waitMs: 60_000 })
  for (let n = 0; n < 5; n++) collector.push(message(n, { recipients: 200 }))
  assert.deepEqual(
    sets.map(set => set.length),
    [2, 2],
    'two of 200 fit, a third closes the set; the last one waits for more',
  )
  const closed = collector[Symbol.asyncDispose]()
  while (sets.flat().length < 5) await finish()
  for (let n = 0; n < 3; n++) await finish()
  await closed
  assert.ok(sets.every(set => set.reduce((sum, { attributes }) => sum + Number(attributes.recipients ?? 1), 0) <= 500))
})

test('a message that says less than its bytes imply is not believed', async () => {
  const { collector, sets, finish } = recorder({ parallel: 9, waitMs: 60_000 })
  for (let n = 0; n < 4; n++) collector.push({ ...message(n, { recipients: 0.001 }), data: { length: 250_000 } })
  assert.deepEqual(
    sets.map(set => set.length),
    [2, 2],
    'no set has more than 500 kB',
  )
  for (let n = 0; n < 500; n++) collector.push(message(n, { recipients: 0.001 }))
  assert.equal(sets.at(-1)!.length, 500, 'nor more than 500 messages')
  const closed = collector[Symbol.asyncDispose]()
  for (let n = 0; n < 3; n++) await finish()
  await closed
})

test('while all workers are busy the next set grows', async () => {
  const { collector, sets, finish } = recorder({ parallel: 1, waitMs: 0 })
  collector.push(message(0))
  await new Promise(done => setTimeout(done, 5))
  for (let n = 1; n <= 100; n++) collector.push(message(n))
  await new Promise(done => setTimeout(done, 5))
  assert.deepEqual(
    sets.map(set => set.length),
    [1],
  )
  await finish()
  assert.deepEqual(
    sets.map(set => set.length),
    [1, 100],
  )
  assert.equal(collector.oldest(), 1)
  await finish()
  assert.equal(collector.oldest(), undefined)
  await collector[Symbol.asyncDispose]()
})

test('what has an ordering key waits for the set that works on it, and keeps nobody else waiting', async () => {
  const { collector, sets, finish } = recorder({ parallel: 9, waitMs: 60_000 })
  const push = (n: number, orderingKey: string) =>
    collector.push(message(n, { recipients: orderingKey === '' ? 500 : 200, orderingKey }))
  for (const [n, key] of ['a', 'b', 'a', 'a', 'a', '', 'a', 'b', ''].entries()) push(n, key)
  const begun = () => sets.map(set => set.map(one => one.n))
  assert.deepEqual(begun(), [[0, 1], [5], [8]])
  assert.equal(collector.oldest(), 0)
  await finish()
  assert.deepEqual(begun().slice(3), [[2, 3], [7]], 'then the next of both, as many as a set takes')
  assert.equal(collector.oldest(), 2)
  const closed = collector[Symbol.asyncDispose]()
  while (sets.flat().length < 9) await finish()
  for (let n = 0; n < 9; n++) await finish()
  await closed
  const inOrder = (key: string) => sets.flat().filter(one => one.orderingKey === key)
  for (const key of ['a', 'b'])
    assert.deepEqual(
      inOrder(key).map(one => one.n),
      inOrder(key)
        .map(one => one.n)
        .sort((x, y) => x - y),
    )
})

test('what waits behind a message that was given back is given back with it', async () => {
  const { collector, sets, finish } = recorder({ parallel: 9, waitMs: 0 })
  const [first, second, other] = [
    message(1, { orderingKey: 'a', recipients: 500 }),
    message(2, { orderingKey: 'a' }),
    message(3, { orderingKey: 'b', recipients: 500 }),
  ]
  for (const one of [first, second, other]) collector.push(one)
  assert.deepEqual(sets, [[first], [other]])
  await finish('given back')
  await finish()
  await collector[Symbol.asyncDispose]()
  assert.deepEqual(sets.length, 2)
  assert.deepEqual(
    [first, second, other].map(one => one.nacked),
    [false, true, false],
  )
})

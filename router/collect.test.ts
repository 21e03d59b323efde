import assert from 'node:assert/strict'
import { test } from 'node:test'
import { collect, type Collected } from './collect.ts'

const message = (n: number, recipients?: number): { n: number } & Collected => ({
  n,
  publishedAt: n,
  data: { length: 100 },
  attributes: recipients === undefined ? {} : { recipients: String(recipients) },
})
type Message = ReturnType<typeof message>

function recorder(options: { parallel: number; waitMs: number }) {
  const sets: Message[][] = []
  const waiting: (() => void)[] = []
  const collector = collect<Message>({
    ...options,
    work: set => {
      sets.push(set)
      return new Promise(done => void waiting.push(done))
    },
  })
  const finish = async () => {
    waiting.shift()?.()
    await new Promise(setImmediate)
  }
  return { collector, sets, finish }
}

test('a set is closed when it names 500 recipients, whatever the number of messages', async () => {
  const { collector, sets, finish } = recorder({ parallel: 9, waitMs: 60_000 })
  for (let n = 0; n < 5; n++) collector.push(message(n, 200))
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

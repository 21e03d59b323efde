import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { catalogueOf } from '#contracts/catalogue.ts'
import { intentBytesMax } from '#contracts/intent.ts'
import { ask } from '#producers/sdk/ask.ts'
import { defineNotification } from '#producers/sdk/define-notification.ts'
import { makeIntent } from '#producers/sdk/make-intent.ts'
import { startWorld, type World } from '../world.ts'

const greeted = defineNotification({
  ...{ type: 'greeting.sent', category: 'social', lane: 'default', owner: 'docs', value: 3 },
  schema: z.object({ text: z.string() }),
  dedupe: {
    key: ({ text }) => {
      if (text === 'poison') throw new TypeError('a mistake in a catalogue')
      return text
    },
    within: '1m',
  },
  deliver: [{ channel: 'in_app' }],
  templates: { en: { in_app: ({ data }) => ({ title: data.text, body: '' }) } },
})
const catalogue = catalogueOf('1', [greeted])
const redeliveries = 2
/** A pull that gave bad messages back would wait longer than this for the good ones behind them. */
const goodWithinMs = 8_000
const each = 5
const named = (kind: string, text = kind) =>
  Array.from({ length: each }, (_, n) =>
    ask(greeted, { to: ['u1', 'u2'], data: { text: text === 'poison' ? text : `${text} ${n}` }, key: `${kind} ${n}` }),
  )

test('poison, oversized, unknown, conflicting and repeated messages delay no good one and are refused once', async () => {
  await using world = await startWorld({ catalogue, redeliveries })
  const known = await Promise.all(named('known').map(bytesOf))
  const others = await Promise.all(named('known', 'another').map(bytesOf))
  const event = JSON.parse(known[0]!.toString()) as object
  const bad = {
    poison: [text('{'), Buffer.from([0xff, 0xfe, 0]), text('null'), text('[]'), text({ specversion: '1.0' })],
    incomplete: [text({ ...event, data: {} }), text({ ...event, id: 'x' }), text({ ...event, source: '/' })],
    oversized: [text({ ...event, more: 'x'.repeat(intentBytesMax) }), Buffer.alloc(4 * 1024 * 1024, '[')],
    unknown: [text({ ...event, type: 'carillon.intent.v2' })],
  }
  await world.publish(known)
  await world.settle({ received: known.length * 3 })
  const wrong = [...Object.values(bad).flat(), ...others, ...known]
  await Promise.all([world.publish(wrong), world.notifier.notifyMany(named('good'))])
  const sentAt = performance.now()
  await world.settle()
  const tookMs = performance.now() - sentAt
  assert.ok(tookMs < goodWithinMs, `the good ones took ${Math.round(tookMs)} ms`)

  await world.settle({ received: (known.length + wrong.length + each) * (redeliveries + 1) })
  const malformed = bad.poison.length + bad.incomplete.length + bad.oversized.length
  assert.deepEqual(await refusedOf(world), { malformed, unknown: 1, conflict: each })
  const { problems, messages, outcomes } = await world.audit()
  assert.deepEqual(problems, [])
  assert.deepEqual([messages.admitted, outcomes], [2 * each, { delivered: 2 * 2 * each }])
})

test('a message that our own code fails on is parked alone; the rest of its set goes through', async () => {
  await using world = await startWorld({ catalogue, redeliveries })
  const poison = named('poison')
  await world.notifier.notifyMany([...named('before'), ...poison, ...named('after')])
  await world.settle({ received: 3 * each * (redeliveries + 1) })
  assert.deepEqual(await refusedOf(world), { parked: each })
  const { problems, messages, outcomes } = await world.audit()
  assert.deepEqual(problems, [])
  assert.deepEqual([messages.admitted, outcomes], [2 * each, { delivered: 2 * 2 * each }])
})

const text = (value: unknown): Buffer => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value))

async function bytesOf(asked: ReturnType<typeof ask>): Promise<Buffer> {
  const made = await makeIntent(asked, { producer: 'test', catalogue, now: Date.now() })
  if (!made.ok) throw new Error(made.problems.join('; '))
  return made.bytes
}

async function refusedOf({ installation }: World): Promise<Record<string, number>> {
  const rows = await installation.db.query<{ reason: string; n: number }>(
    'select reason, count(*)::int as n from refused group by 1',
  )
  return Object.fromEntries(rows.map(row => [row.reason, row.n]))
}

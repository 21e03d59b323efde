import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { catalogueOf } from '#contracts/catalogue.ts'
import { intentBytesMax } from '#contracts/intent.ts'
import { ask } from '#producers/sdk/ask.ts'
import { defineNotification } from '#producers/sdk/define-notification.ts'
import { makeIntent } from '#producers/sdk/make-intent.ts'
import { listRefused } from '#ledger/backlog.ts'
import { readActs } from '#ledger/operator-log.ts'
import { readmit } from '#operators/readmit-act.ts'
import { until } from '../program.ts'
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
const goodWithinMs = 30_000
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

  const { db } = world.installation
  const [one] = await listRefused(db)
  const name = { lane: 'default', message: one!.message } as const
  const why = { who: 'ada', why: 'a test' }
  assert.deepEqual(await Promise.all([readmit(db, why, name), readmit(db, why, name)]).then(all => all.sort()), [
    'again',
    'asked',
  ])
  assert.equal(await readmit(db, why, { ...name, message: 'x' }), 'not refused')
  // What our code fails on is parked again: as another message.
  await until(async () => (await listRefused(db)).some(again => again.intent === one!.intent))
  assert.equal(await readmit(db, why, name), 'again')
})

test('what came of a later version is kept, and admitted once by a build that reads it, however often it is asked for; what is malformed is not kept', async () => {
  await using world = await startWorld({ catalogue })
  const { db } = world.installation
  const [known] = await Promise.all(named('known').map(bytesOf))
  await world.publish([text({ ...(JSON.parse(known!.toString()) as object), type: 'carillon.intent.v2' }), text('{')])
  await until(async () => (await listRefused(db)).length === 2)
  const refused = await listRefused(db)
  const unknown = refused.find(one => one.reason === 'unknown')!
  const malformed = refused.find(one => one.reason === 'malformed')!
  assert.deepEqual([unknown.kept, malformed.kept], [true, false])
  const why = { who: 'ada', why: 'a test' }
  const nameOf = (one: typeof unknown) => ({ lane: 'default', message: one.message }) as const
  assert.equal(await readmit(db, why, nameOf(malformed)), 'not kept')
  // As this build reads it now.
  await db.query('update refused set message = $1 where message_id = $2', [known, unknown.message])
  assert.equal(await readmit(db, why, nameOf(unknown)), 'asked')
  await until(async () => (await world.audit()).outcomes.delivered === 2)
  assert.deepEqual(
    (await readActs(db, { limit: 9 })).map(one => [one.who, one.what, one.about]),
    [['ada', 'refused readmit', nameOf(unknown)]],
  )
  assert.deepEqual(await db.query('select from refused where message is not null'), [])
  assert.deepEqual((await world.audit()).problems, [])
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

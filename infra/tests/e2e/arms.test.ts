import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { funnel } from '#analytics/funnel-store.ts'
import { traceRecipient } from '#analytics/trace-store.ts'
import { armOf } from '#contracts/arms.ts'
import { catalogueOf } from '#contracts/catalogue.ts'
import { defineNotification } from '#producers/sdk/define-notification.ts'
import { startWorld } from '../world.ts'

const asked = defineNotification({
  ...{ type: 'question.asked', category: 'social', lane: 'default', owner: 'docs', value: 3 },
  schema: z.object({ by: z.string() }),
  holdout: 0.2,
  arms: { name: 'wording', split: { short: 50, long: 50 } },
  deliver: [{ channel: 'in_app' }, { channel: 'push', arm: 'long' }],
  templates: {
    en: {
      in_app: ({ data, arm }) => ({ title: { short: data.by, long: `${data.by} asked you something` }[arm], body: '' }),
      push: ({ arm }) => ({ title: arm, body: '' }),
    },
  },
})
const catalogue = catalogueOf('1', [asked])
const people = Array.from({ length: 60 }, (_, n) => `u${n}`)
const inArm = (arm: string) => people.filter(id => armOf(asked, id) === arm)

test('an arm decides the words and the channels, a holdout gets neither, and the funnel compares them', async () => {
  await using world = await startWorld({ catalogue })
  const { db } = world.installation
  const phone = { id: 'phone', channel: 'push', provider: 'fcm', state: 'active', since: 0 }
  for (const id of people)
    await db.query('insert into recipients (id, endpoints) values ($1, $2)', [
      ...[id, JSON.stringify([{ ...phone, address: `token-${id}` }])],
    ])
  await world.notifier.notify(asked, { to: people, data: { by: 'Ada' }, key: 'k' })
  await world.settle()
  const items = await db.query<{ recipient: string; content: string }>('select recipient, content from inbox_items')
  const told = new Map(
    items.map(({ recipient, content }) => [recipient, (JSON.parse(content) as { title: string }).title]),
  )
  const ghosts = people.filter(id => !told.has(id))
  assert.ok(ghosts.length > 2 && ghosts.length < 30, String(ghosts.length))
  for (const [id, title] of told) assert.equal(title, armOf(asked, id) === 'short' ? 'Ada' : 'Ada asked you something')
  const pushed = world.simulators.log.entries().filter(entry => entry.provider === 'fcm')
  const tokens = inArm('long').flatMap(id => (told.has(id) ? [`token-${id}`] : []))
  assert.deepEqual(pushed.map(entry => entry.address).sort(), tokens.sort())

  const rows = await funnel(db, { type: asked.type, by: 'arm' })
  const expected = (['short', 'long'] as const).map(arm => {
    const each = arm === 'long' ? 2 : 1
    const all = inArm(arm).length * each
    const held = inArm(arm).filter(id => ghosts.includes(id)).length * each
    return [`wording/${arm}`, all, all - held, [{ after: 'intended', what: 'holdout', n: held }]]
  })
  assert.deepEqual(
    new Set(rows.map(({ group, stages, rest }) => [group, stages.intended, stages.accepted, rest])),
    new Set(expected),
  )
  const events = await db.query<{ kind: string; named: boolean }>(
    'select distinct kind, arm is not null as named from delivery_events order by kind',
  )
  assert.deepEqual(events, [
    { kind: 'decided', named: true },
    { kind: 'settled', named: true },
  ])
  const ghost = ghosts.find(id => armOf(asked, id) === 'long')!
  assert.deepEqual(
    new Set((await traceRecipient(db, ghost)).lines.map(line => `${line.channel} ${line.what} ${line.sentence}`)),
    new Set(
      ['in_app', 'push'].map(
        channel => `${channel} holdout Not sent: the person is in a holdout group (question.asked, 20 %).`,
      ),
    ),
  )
  assert.deepEqual((await world.audit()).problems, [])
})

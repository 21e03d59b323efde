import assert from 'node:assert/strict'
import { test } from 'node:test'
import { event, mails, setup } from '#channels/receipts/webhooks.fixture.ts'
import { outcomeName } from '#contracts/outcome.ts'
import { changeChoices } from '#preferences/choice-store.ts'
import { deleteRecipient, upsertRecipients } from '#preferences/recipient-store.ts'
import { addSuppressions } from '#preferences/suppression-acts.ts'

const minuteMs = 60_000
const anna = { channel: 'email', address: 'anna@example.com' } as const

/** A person who has a mail, an hour later; `says` posts what SendGrid would, of so many minutes after the mail. */
async function mailed() {
  const world = await setup()
  // As products register people, so that it is known who has the address.
  await world.db.query(`delete from recipients where id = 'anna'`)
  const store = { ...world.deps, now: world.clock.now() - 1_000 }
  await upsertRecipients(store, [{ id: 'anna', endpoints: [{ ...anna, id: 'mail', provider: 'sendgrid' }] }])
  await world.deliver(await world.write(mails('anna')))
  const attempt = (await world.attempts()).anna!
  const sentAt = world.clock.now()
  world.clock.set(sentAt + 60 * minuteMs)
  let n = 0
  const says = async (...said: [minute: number, word: string, more?: object][]) => {
    const events = said.map(([minute, word, more]) =>
      event(attempt, word, {
        ...{ timestamp: Math.floor((sentAt + minute * minuteMs) / 1000), sg_event_id: `e${n++}` },
        ...(word.startsWith('group') && { asm_group_id: 7 }),
        ...more,
      }),
    )
    assert.equal((await world.events(events)).status, 200)
    await world.applied()
  }
  return {
    ...world,
    says,
    /** As it is known now, and as it would end if a mail were sent now. */
    stands: async () => {
      const [row] = await world.db.query<{ endpoints: string | null }>(
        `select endpoints from recipients where id = 'anna'`,
      )
      const known = (JSON.parse(row?.endpoints ?? '[]') as { id: string; state: string }[]).find(
        one => one.id === 'mail',
      )
      await world.deliver(
        await world.write({ ...mails(), to: [{ recipient: 'anna', endpoint: 'mail', key: `again ${n++}` }] }),
      )
      const [last] = await world.db.query<{ outcome: number }>(`select outcome from deliveries order by batch_id desc`)
      return [known?.state, outcomeName(last!.outcome) === 'sent' ? 'sent' : 'not sent']
    },
    consent: async () => {
      const rows = await world.db.query<{ line: string }>(
        `select concat_ws(' ', kind, endpoint, case when wish then 'yes' else 'no' end, source) as line from consent_log where kind <> 'endpoint' order by id`,
      )
      return rows.map(row => row.line)
    },
  }
}
const out = ['suppressed', 'not sent']
const back = ['active', 'sent']

test('who leaves an unsubscribe group gets no mails, and who comes back gets them again; both are in the log', async () => {
  await using world = await mailed()
  await world.says([1, 'group_unsubscribe'])
  assert.deepEqual(await world.stands(), out)
  await world.says([2, 'group_resubscribe'])
  assert.deepEqual(await world.stands(), back)
  assert.deepEqual(await world.consent(), ['suppression mail no provider', 'suppression mail yes provider'])
  await world.says([3, 'group_unsubscribe'], [3, 'group_unsubscribe'])
  assert.deepEqual(await world.stands(), out)
  await world.says([2, 'group_resubscribe'])
  assert.deepEqual(await world.stands(), out, 'what is older than the last word takes nothing back')
  await world.says([4, 'group_resubscribe'])
  assert.deepEqual(await world.stands(), back)
})

test('the later word counts, however late the earlier one comes', async () => {
  await using world = await mailed()
  await world.says([2, 'group_resubscribe'])
  await world.says([1, 'group_unsubscribe'])
  assert.deepEqual([await world.stands(), await world.consent()], [back, []])
  await world.says([4, 'group_resubscribe'], [3, 'group_unsubscribe'])
  assert.deepEqual(await world.stands(), back)
  await world.says([5, 'group_unsubscribe'], [5, 'group_resubscribe'])
  assert.deepEqual(await world.stands(), out, 'of two words of one second the one that withdraws')
})

for (const [title, ...said] of [
  ['a mailbox that bounced before', [1, 'bounce', { type: 'bounce' }], [2, 'group_unsubscribe']],
  ['a complaint that came after', [1, 'group_unsubscribe'], [2, 'spamreport']],
  ['who wants no mails at all', [1, 'group_unsubscribe'], [2, 'unsubscribe']],
  ['who has left another group as well', [1, 'group_unsubscribe'], [2, 'group_unsubscribe', { asm_group_id: 8 }]],
  ['who left a group that was not named', [1, 'group_unsubscribe', { asm_group_id: undefined }]],
] as [string, ...[number, string, object?][]][])
  test(`the way back into a group takes back nothing else: ${title}`, async () => {
    await using world = await mailed()
    await world.says(...said)
    for (const group of [7, 8]) {
      await world.says([3, 'group_resubscribe', { asm_group_id: group }])
      assert.deepEqual(await world.stands(), out, `back in ${group}`)
    }
  })

test('nor what an operator has said of the address meanwhile, even if only for a time', async () => {
  await using world = await mailed()
  await world.says([1, 'group_unsubscribe'])
  // What lasted longer does not end with it.
  const until = Date.now() - 1
  await addSuppressions(world.deps, [{ ...anna, reason: 'manual', until }], { now: Date.now(), source: 'operator' })
  await world.says([3, 'group_resubscribe'])
  assert.deepEqual(await world.stands(), out)
})

test('the way back brings back nobody who was erased, and overrules no choice of the person', async () => {
  await using world = await mailed()
  const { db } = world
  await world.says([1, 'group_unsubscribe'])
  await changeChoices({ db, now: world.clock.now() }, 'anna', { categories: { '*': { email: false } } })
  await world.says([2, 'group_resubscribe'])
  assert.deepEqual(await world.stands(), ['active', 'not sent'])
  await world.says([3, 'group_unsubscribe'])
  await deleteRecipient({ db, now: world.clock.now() }, 'anna')
  const row = () => db.query(`select * from recipients where id = 'anna'`)
  const before = await row()
  await world.says([4, 'group_resubscribe'])
  assert.deepEqual(await row(), before)
  assert.equal((await world.consent()).at(-1), 'erase no api')
  assert.deepEqual(await world.stands(), [undefined, 'not sent'])
  await world.says([3, 'group_unsubscribe'])
  assert.equal(await world.isSuppressed(anna), false, 'the word is remembered')
})

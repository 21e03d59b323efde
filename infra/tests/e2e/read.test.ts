import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inboxProvider } from '#channels/in-app/inbox.ts'
import { markInboxItems } from '#channels/in-app/inbox-store.ts'
import { device, phones, worldWithFcm } from '#channels/world.fixture.ts'
import { audit } from '#ledger/audit.ts'

import { claimBatch, recordBatch } from '#ledger/claim.ts'
import { look } from '#preferences/engagement.ts'
import { readWatermarks } from '#preferences/preferences.ts'
import { deleteRecipient } from '#preferences/recipient-store.ts'
import { startProgram } from '../program.ts'

async function setup(...people: string[]) {
  const world = await worldWithFcm()
  world.use(inboxProvider(world.db))
  for (const id of people) await world.addPerson(id, { endpoints: [device(`of-${id}`)] })
  const now = world.clock.now()
  return {
    ...world,
    now,
    read: (recipient: string, thread: string | undefined, upTo: number) =>
      look(
        { db: world.db, now, markInbox: markInboxItems },
        { recipient, what: 'read', upTo, ...(thread !== undefined && { thread }) },
      ),
    /** What the audit says of reads. */
    async unheeded() {
      const { problems } = await audit(world.db)
      return problems.filter(one => one.check === 'read').map(one => one.sentence)
    },
  }
}

test('what is read before the claim is not sent; what is read after it was, and what is newer is told', async () => {
  await using world = await setup('before', 'after', 'elsewhere', 'newer', 'all', 'none')
  const people = ['before', 'after', 'elsewhere', 'newer', 'all', 'none']
  const batches = await world.write({ ...phones(...people), intent: { thread: 't1', occurredAt: world.now } })
  await world.read('before', 't1', world.now)
  await world.read('elsewhere', 't2', world.now)
  await world.read('newer', 't1', world.now - 1)
  await world.read('all', undefined, world.now)
  world.deps.failpoint = async name => {
    if (name === 'after send before record') await world.read('after', 't1', world.now)
  }
  await world.deliver(batches)
  assert.deepEqual(await world.ends(), {
    ...{ before: 'suppressed_read', all: 'suppressed_read' },
    ...{ after: 'sent', elsewhere: 'sent', newer: 'sent', none: 'sent' },
  })
  assert.deepEqual(await world.unheeded(), [])
})

test('what must be told is told to who has read it', async () => {
  await using world = await setup('anna')
  const intent = { thread: 't1', occurredAt: world.now, ignoresReads: true } as const
  const batches = await world.write({ ...phones('anna'), intent })
  await world.read('anna', 't1', world.now)
  await world.read('anna', undefined, world.now)
  await world.deliver(batches)
  assert.deepEqual(await world.ends(), { anna: 'sent' })
  assert.deepEqual(await world.unheeded(), [])
})

test('a worker that does not look at what was read is found by the audit', async () => {
  await using world = await setup('anna', 'ben', 'cem')
  const batches = await world.write({
    ...phones('anna', 'ben', 'cem'),
    intent: { thread: 't1', occurredAt: world.now },
  })
  await world.read('anna', 't1', world.now)
  await world.read('ben', undefined, world.now)
  await world.read('cem', 't1', world.now - 1)
  for (const { id } of batches) {
    const batch = (await claimBatch(world.db, { id, now: world.now, leaseMs: 30_000 }))!
    const results = batch.slots.map(() => ({ kind: 'closed', outcome: 'sent' }) as const)
    await recordBatch(world.db, { batch, results, now: world.now })
  }
  assert.deepEqual(
    (await world.unheeded()).map(line => line.replace(/^intent \S+ /, '')).sort(),
    ['anna by push although t1', 'ben by push although everything'].map(
      who => `was sent to ${who} had been read, as its claim could see`,
    ),
  )
})

test('a mark never moves back, goes with its person, and marks the inbox: items until then, once', async () => {
  await using world = await setup('anna')
  const { db, now } = world
  const tell = async (key: string, thread: string, ago: number) =>
    world.deliver(
      await world.write({
        ...{ channel: 'in_app', provider: 'inbox', to: [{ recipient: 'anna', endpoint: 'inbox', key }] },
        intent: { thread, occurredAt: now - ago },
      }),
    )
  await tell('old', 't1', 2_000)
  await tell('new', 't1', 0)
  await tell('other', 't2', 2_000)
  const mark = async () => (await readWatermarks(db, [{ recipient: 'anna', thread: 't1' }]))[0]
  const items = async (what: string) =>
    (
      await db.query<{ content: string }>(`select content from inbox_items where ${what}_at is not null order by 1`)
    ).map(row => (JSON.parse(row.content) as { body: string }).body)
  await world.read('anna', 't1', now - 1_000)
  assert.deepEqual(
    [await mark(), await items('read'), await items('seen')],
    [now - 1_000, ['Hello old'], ['Hello old']],
  )
  await world.read('anna', 't1', now - 5_000)
  assert.equal(await mark(), now - 1_000)
  await look({ db, now, markInbox: markInboxItems }, { recipient: 'anna', what: 'seen', upTo: now })
  assert.deepEqual([await items('read'), (await items('seen')).length], [['Hello old'], 3])
  await world.read('anna', undefined, now)
  assert.deepEqual(await items('read'), ['Hello new', 'Hello old', 'Hello other'])
  await tell('late', 't1', 1_500)
  assert.deepEqual(await world.ends().then(ends => ends.anna), 'suppressed_read')
  await deleteRecipient({ db, now }, 'anna')
  assert.equal(await mark(), undefined)
})

test('the commands say the same, and refuse what makes no sense in a line', { timeout: 300_000 }, async () => {
  await using world = await setup()
  const { db, now } = world
  const run = async (...args: string[]) => {
    await using program = startProgram(args, { DATABASE_URL: world.url })
    return { code: await program.ended, said: program.said() }
  }
  const upTo = new Date(now - 60_000).toISOString()
  const [read, track] = await Promise.all([
    run('read', 'anna', '--thread', 't1', '--up-to', upTo),
    run('track', 'anna', 'nobody.waits'),
  ])
  assert.deepEqual([read.code, track.code], [0, 2], read.said)
  assert.match(track.said, /^carillon track: event must be what a type names as its success/)
  assert.deepEqual(await readWatermarks(db, [{ recipient: 'anna', thread: 't1' }]), [now - 60_000])
})

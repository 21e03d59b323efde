import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Channel } from '#contracts/channel.ts'
import type { EventPack, EventSlot } from '#contracts/event.ts'
import { type BatchId, newBatchId } from '#contracts/ids.ts'
import { ensurePartitions } from '#db/partitions.ts'
import { openPostgres } from '#runtime/postgres.ts'
import { at, day, decidedPack, engagedPack, intentFacts, settledPack } from '#tests/analytics/packs.fixture.ts'
import { testDatabase } from '#tests/servers.ts'
import { storePacks } from './event-store.ts'
import { traceIntent, traceRecipient } from './trace-store.ts'
import { printTrace } from './trace.ts'

const intent = intentFacts('comment-1').id

async function setup() {
  await using started = new AsyncDisposableStack()
  const { url } = started.use(await testDatabase())
  const db = started.use(await openPostgres({ url, connectionsMax: 2, name: 'test' }))
  await ensurePartitions(db, { from: day, days: 1 })
  const running = started.move()
  return { db, [Symbol.asyncDispose]: () => running.disposeAsync() }
}

type By = { channel: Channel; provider: string; batch?: BatchId }
const slot = (what: EventSlot['what'], channel: Channel) => ({
  slots: [{ i: 0, recipient: 'ada', channel, endpoint: `${channel} of ada`, what }],
})
/** What happened to one delivery, so many ms after the intent. */
const decided = (channel: Channel) =>
  decidedPack([], { ...slot('deliver', channel), slots: slot('deliver', channel).slots.map(one => ({ ...one, w: 0 })) })
const settled = (what: EventSlot['what'], after: number, { channel, ...by }: By) =>
  settledPack([], { ...by, ...slot(what, channel), at: at + after })
const reported = (what: EventSlot['what'], after: number, by: By): EventPack => ({
  ...settled(what, after, by),
  ...{ kind: 'standing', pack: `${by.channel}/${what}/${after}` },
})
const done = (what: EventSlot['what'], after: number, { channel, ...by }: By) =>
  engagedPack([], { ...by, ...slot(what, channel), at: at + after })

const mail = (): By => ({ channel: 'email', provider: 'sendgrid', batch: newBatchId() })

test('an arrival stands after the attempt that it is of, though its provider tells whole seconds', async () => {
  await using world = await setup()
  const [first, second] = [mail(), mail()]
  await storePacks(world.db, [
    decided('email'),
    settled('moved', 700, first),
    settled('sent', 1_900, second),
    // Of the second that the attempt was in: before it.
    reported('delivered', 1_000, second),
    done('seen', 1_000, second),
    done('opened', 2_400, second),
  ])
  for (const trace of [await traceIntent(world.db, intent), await traceRecipient(world.db, 'ada')])
    assert.deepEqual(
      trace.lines.map(({ what, at: when }) => [what, when - at]),
      [
        ['deliver', 0],
        ['moved', 700],
        ['sent', 1_900],
        ['delivered', 1_000],
        ['seen', 1_000],
        ['opened', 2_400],
      ],
    )
})

test('what was reported of one try is told before the next, whatever came of that', async () => {
  await using world = await setup()
  const [first, second] = [mail(), mail()]
  await storePacks(world.db, [
    settled('moved', 700, first),
    reported('delivered', 2_000, first),
    settled('sent', 600_000, second),
  ])
  const { lines } = await traceIntent(world.db, intent)
  assert.deepEqual(
    lines.map(({ what }) => what),
    ['moved', 'delivered', 'sent'],
  )
})

test('an arrival says what arrived where, and who said so', async () => {
  await using world = await setup()
  const push: By = { channel: 'push', provider: 'fcm', batch: newBatchId() }
  const text: By = { channel: 'sms', provider: 'twilio', batch: newBatchId() }
  const letter = mail()
  await storePacks(world.db, [
    ...[reported('delivered', 5_000, push), done('opened', 5_000, push)],
    ...[reported('delivered', 6_000, text), reported('undelivered', 7_000, text)],
    ...[reported('delivered', 8_001, letter), done('opened', 8_001, letter)],
    ...[reported('bounced', 9_000, letter), reported('complained', 10_000, letter)],
  ])
  const { lines } = await traceIntent(world.db, intent)
  assert.deepEqual(
    lines.filter(({ kind }) => kind === 'standing').map(({ sentence }) => sentence),
    [
      'The push arrived on the device: the device said so.',
      'The text arrived on the phone: twilio said so.',
      'It did not arrive, says twilio.',
      'The mail arrived in the mailbox: it was opened.',
      'It came back, says sendgrid: the mailbox does not take mail. The address is not used any more.',
      'The person called it spam, says sendgrid. The address is not used any more.',
    ],
  )
})

test('what was taken off a screen stands where it happened, and says why', async () => {
  await using world = await setup()
  const push: By = { channel: 'push', provider: 'fcm', batch: newBatchId() }
  await storePacks(world.db, [decided('push'), settled('sent', 900, push), done('dismissed', 120_000, push)])
  const note = (recipient: string, why: string) =>
    world.db.query(
      `insert into removals (intent_id, recipient, why, told, at, told_at, done_at)
       values ($1, $2, $3, '{phone}', to_timestamp($4 / 1000.0), to_timestamp($4 / 1000.0), now())`,
      [intent, recipient, why, at + 60_000],
    )
  await note('ada', 'read')
  assert.equal(
    printTrace(await traceIntent(world.db, intent), { width: 300, colour: false }),
    `intent ${intent}  comment.created
  ada · push
    2026-11-20 12:00:00.000Z  deliver       To be sent: nothing speaks against it. (push of ada)
    2026-11-20 12:00:00.900Z  sent          Sent, and accepted by fcm at 2026-11-20T12:00:00.900Z. (fcm push of ada)
    2026-11-20 12:01:00.000Z  taken_off     The person has read it elsewhere: devices were told to take it off the screen, unless it was read there (phone).
    2026-11-20 12:02:00.000Z  dismissed     Dismissed without being opened. (fcm push of ada)
`,
  )
  await note('bob', 'retracted')
  const ofBob = async () => (await traceIntent(world.db, intent, { recipient: 'bob' })).removals
  const [taken] = await ofBob()
  assert.deepEqual(
    [taken!.rule, taken!.sentence],
    ['retracted', 'Its producer took it back: devices were told to take it off the screen (phone).'],
  )
  await world.db.query(`insert into retractions (id, kind) values ($1, 'superseded')`, [intent])
  const [replaced] = await ofBob()
  assert.deepEqual(
    [replaced!.rule, replaced!.sentence],
    ['superseded', 'Something newer took its place: devices were told to take it off the screen (phone).'],
  )
  assert.deepEqual((await traceIntent(world.db, intent, { channel: 'email' })).removals, [])
})

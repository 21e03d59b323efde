import assert from 'node:assert/strict'
import { stripVTControlCharacters } from 'node:util'
import { test } from 'node:test'
import { storePacks } from '#analytics/event-store.ts'
import { isUnknown, printTrace } from '#analytics/trace.ts'
import { traceDelivery, traceIntent, traceRecipient } from '#analytics/trace-store.ts'
import type { Verdict } from '#contracts/decision.ts'
import type { EventPack } from '#contracts/event.ts'
import {
  type BatchId,
  dayOf,
  type EpochMs,
  type IntentId,
  intentId,
  newSetId,
  type RecipientId,
} from '#contracts/ids.ts'
import { ensurePartitions } from '#db/partitions.ts'
import { admitIntents, refuseMessages } from '#ledger/admit.ts'
import { claimBatch, recordBatch } from '#ledger/claim.ts'
import { openExpansion } from '#ledger/expansions.ts'
import { type Decided, writeSet } from '#ledger/set.ts'
import { openPostgres } from '#runtime/postgres.ts'
import { testDatabase } from '../servers.ts'
import { settledPack } from './packs.fixture.ts'

const key = { producer: 'docs', key: 'comment-1' }
const intent = intentId(key)
const leaseMs = 60_000

async function setup() {
  await using started = new AsyncDisposableStack()
  const { url } = started.use(await testDatabase())
  const db = started.use(await openPostgres({ url, connectionsMax: 4, name: 'test' }))
  await ensurePartitions(db, { from: dayOf(newSetId()), days: 2 })
  const running = started.move()
  return {
    db,
    /** The router's transaction: admits the intent and writes its decisions. */
    route: (verdicts: Record<string, Verdict>, of: { intent?: IntentId; tenant?: string; now: EpochMs }) =>
      db.transaction(async tx => {
        const set = newSetId()
        const id = of.intent ?? intent
        await admitIntents(tx, set, [{ id, bodyHash: 1n }])
        const decided = Object.entries(verdicts).map(([recipient, verdict]) =>
          decisionOf(recipient, verdict, { id, tenant: of.tenant }),
        )
        return writeSet(tx, {
          id: set,
          lane: 'default',
          origin: 'messages',
          now: of.now,
          intake: { admitted: 1 },
          decided,
          released: 0,
        })
      }),
    /** What the relay and the sink do: the outbox's packs become events. */
    collect: async () => {
      const rows = await db.query<{ payload: string }>('delete from outbox returning payload')
      await storePacks(
        db,
        rows.map(row => JSON.parse(row.payload) as EventPack),
      )
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

const decisionOf = (
  recipient: string,
  verdict: Verdict,
  { id, tenant }: { id: IntentId; tenant: string | undefined },
): Decided => ({
  intent: {
    id,
    producer: 'docs',
    type: 'comment.created',
    category: 'social',
    catalogue: '1',
    occurredAt: Date.now(),
    data: { secret: 'never shown' },
    ...(tenant !== undefined && { tenant }),
  },
  sensitive: false,
  recipient: recipient as RecipientId,
  channel: 'push',
  verdict,
  endpoints: verdict.kind === 'deliver' ? [{ id: `phone-of-${recipient}`, provider: 'fcm' }] : [],
})

const deliver: Verdict = { kind: 'deliver', why: { rule: 'default' } }

test('every decision with its reason, then what became of it, in order', async () => {
  await using world = await setup()
  const now = Date.now()
  const throttled: Verdict = { kind: 'refused', outcome: 'throttled', why: { rule: 'throttled', value: '10/1h' } }
  const [batch] = await world.route({ ada: deliver, bob: throttled }, { now })
  const claimed = await claimBatch(world.db, { id: batch!.id, now, leaseMs })
  await recordBatch(world.db, { batch: claimed!, results: [{ kind: 'closed', outcome: 'sent' }], now: now + 1000 })
  await world.collect()

  const trace = await traceIntent(world.db, key)
  assert.deepEqual(
    trace.lines.map(({ at, recipient, kind, what, sentence }) => [at - now, recipient, kind, what, sentence]),
    [
      [0, 'ada', 'decided', 'deliver', 'To be sent: nothing speaks against it.'],
      [0, 'bob', 'decided', 'throttled', 'Not sent: more than 10/1h for this person.'],
      [1000, 'ada', 'settled', 'sent', `Sent, and accepted by fcm at ${new Date(now + 1000).toISOString()}.`],
    ],
  )
  assert.deepEqual([trace.open, trace.more, trace.expanding], [[], false, undefined])
  assert.deepEqual(await traceIntent(world.db, intent), trace)
  assert.doesNotMatch(JSON.stringify(trace), /never shown/)

  const ofAda = await traceRecipient(world.db, 'ada', { since: now })
  assert.deepEqual(
    ofAda.lines,
    trace.lines.filter(line => line.recipient === 'ada'),
  )
  assert.deepEqual((await traceRecipient(world.db, 'ada', { since: now + 2000 })).lines, [])
})

test('of an intent what went to one person or endpoint is told alone, and a delivery by what its provider knows it by', async () => {
  await using world = await setup()
  const now = Date.now()
  const [batch] = await world.route({ ada: deliver, bob: deliver }, { now })
  const ofBob = [['bob', 'queued']]
  const told = ({ lines, open }: Awaited<ReturnType<typeof traceIntent>>) => [
    ...lines.map(line => [line.recipient, line.what]),
    ...open.map(line => [line.recipient, line.state]),
  ]
  assert.deepEqual(told(await traceIntent(world.db, key, { recipient: 'bob' })), ofBob)
  assert.deepEqual(told(await traceIntent(world.db, key, { recipient: 'bob', endpoint: 'phone-of-bob' })), ofBob)
  assert.deepEqual(told(await traceIntent(world.db, key, { recipient: 'bob', endpoint: 'tablet' })), [])
  assert.deepEqual(told(await traceDelivery(world.db, { batch: batch!.id, slot: 1 })), ofBob)
  assert.equal(isUnknown(await traceDelivery(world.db, { batch: batch!.id, slot: 2 })), true)

  const claimed = await claimBatch(world.db, { id: batch!.id, now, leaseMs })
  const results = [
    { kind: 'closed' as const, outcome: 'sent' as const },
    { kind: 'closed' as const, outcome: 'sent' as const },
  ]
  await recordBatch(world.db, { batch: claimed!, results, now })
  await world.collect()
  const whole = [
    ['bob', 'deliver'],
    ['bob', 'sent'],
  ]
  assert.deepEqual(told(await traceDelivery(world.db, { batch: batch!.id, slot: 1 })), whole)
  assert.deepEqual(told(await traceIntent(world.db, key, { recipient: 'bob', endpoint: 'tablet' })), [
    ['bob', 'deliver'],
  ])
})

test('what is queued says how much of its lane and channel is ahead of it', async () => {
  await using world = await setup()
  const now = Date.now()
  await world.route({ ada: deliver, bob: deliver }, { now })
  const later = intentId({ producer: 'docs', key: 'comment-2' })
  await world.route({ eve: deliver }, { now, intent: later })
  const aheadOf = async (id: IntentId) => (await traceIntent(world.db, id)).open.map(line => line.ahead)
  assert.deepEqual(await aheadOf(intent), [0, 0])
  assert.deepEqual(await aheadOf(later), [2])
  assert.match((await traceIntent(world.db, later)).open[0]!.sentence, /^Still queued: 2 are ahead of it\.$/)
})

test('what has not arrived is told by the ledger: queued, with a worker, waiting, in doubt, held, expanding', async () => {
  await using world = await setup()
  const now = Date.now()
  const until = now + 3_600_000
  const held: Verdict = { kind: 'held', reason: 'quiet_hours', until, why: { rule: 'quiet_hours', value: 'x' } }
  const [batch] = await world.route({ ada: deliver, bob: deliver, eve: held }, { now })
  const states = async (recipient?: string) => {
    const { open } =
      recipient === undefined ? await traceIntent(world.db, intent) : await traceRecipient(world.db, recipient)
    return Object.fromEntries(open.map(line => [line.recipient, line.state]))
  }
  assert.deepEqual(await states(), { ada: 'queued', bob: 'queued', eve: 'held' })
  const claimed = await claimBatch(world.db, { id: batch!.id, now, leaseMs })
  assert.deepEqual(await states(), { ada: 'leased', bob: 'leased', eve: 'held' })
  const results = [
    { kind: 'retry' as const, dueInMs: 600_000, spent: true },
    { kind: 'doubt' as const, dueInMs: 600_000, spent: true },
  ]
  await recordBatch(world.db, { batch: claimed!, results, now })
  assert.deepEqual(await states(), { ada: 'waiting', bob: 'doubt', eve: 'held' })
  assert.deepEqual(await states('bob'), { bob: 'doubt' })
  assert.deepEqual(await states('eve'), { eve: 'held' })
  assert.deepEqual(await states('nobody'), {})

  const { open } = await traceIntent(world.db, intent)
  const ada = open.find(line => line.recipient === 'ada')
  const dueAt = ada!.until
  assert.ok(dueAt >= now + 600_000 && dueAt < Date.now() + 600_000, 'waits from the record on')
  const iso = new Date(dueAt).toISOString()
  assert.deepEqual(ada, {
    intent,
    recipient: 'ada',
    channel: 'push',
    state: 'waiting',
    until: dueAt,
    sentence: `Waits until ${iso}, after 1 try.`,
    endpoint: 'phone-of-ada',
    provider: 'fcm',
  })
  assert.match(open[2]!.sentence, /^Held: quiet hours until 20/)

  const { intent: carried } = decisionOf('ada', deliver, { id: intent, tenant: undefined })
  const audiences = [{ audience: 'everybody' }]
  await world.db.transaction(tx =>
    openExpansion(tx, { set: newSetId(), lane: 'default', intent: carried, audiences, except: [], now }),
  )
  assert.equal((await traceIntent(world.db, intent)).expanding, 0)
})

test('of a tenant what is open is told of its intents alone, when their events are stored', async () => {
  await using world = await setup()
  const [now, until] = [Date.now(), Date.now() + 3_600_000]
  const held: Verdict = { kind: 'held', reason: 'quiet_hours', until, why: { rule: 'quiet_hours', value: 'x' } }
  const ids = ['acme', 'alien', undefined].map(tenant => ({
    tenant,
    id: intentId({ producer: 'docs', key: `of ${tenant}` }),
  }))
  const batches: { id: string }[] = []
  for (const { tenant, id } of ids)
    batches.push(
      ...(await world.route({ ada: deliver, bob: held, cem: held }, { intent: id, now, ...(tenant && { tenant }) })),
    )
  const crowd = Array.from({ length: 1001 }, (_, n) => [`cem-${n}`, { ...held, until: until - 60_000 }])
  await world.route(Object.fromEntries(crowd), { now, tenant: 'alien' })
  await world.db.query(`update holds set recipients = array_fill('cem'::text, array[1001]) where $1 = any(intents)`, [
    intent,
  ])
  const lone = { lane: 'default' as const, messageId: '1', reason: 'conflict' as const, problems: ['another body'] }
  await refuseMessages(world.db, [{ ...lone, intentId: ids[0]!.id }], now)
  const openOf = async (recipient: string, tenant?: string) =>
    (await traceRecipient(world.db, recipient, { tenant })).open.map(({ intent, ahead }) => [intent, ahead])
  const [acme, alien] = [ids[0]!.id, ids[1]!.id]
  assert.deepEqual(await openOf('ada', 'acme'), [], 'no event says whose they are')
  assert.equal(isUnknown(await traceIntent(world.db, acme, { tenant: 'acme' })), true)
  await world.collect()
  assert.equal((await openOf('ada')).length, 3)
  assert.deepEqual(await openOf('ada', 'acme'), [[acme, undefined]])
  assert.deepEqual(await openOf('bob', 'acme'), [[acme, undefined]])
  assert.deepEqual(await openOf('cem', 'acme'), [[acme, undefined]], 'however much others have to do for them')
  const own = await traceIntent(world.db, acme, { tenant: 'acme' })
  assert.deepEqual([own.lines.length, own.open.length, own.refused], [3, 3, []], 'of what was refused no event tells')
  const delivery = (at: number) =>
    traceDelivery(world.db, { batch: batches[at]!.id as BatchId, slot: 0 }, { tenant: 'acme' })
  assert.equal((await delivery(0)).open.length, 1)
  for (const trace of [
    ...[await delivery(1), await delivery(2), await traceIntent(world.db, alien, { tenant: 'acme' })],
    await traceIntent(world.db, ids[2]!.id, { tenant: 'acme' }),
  ])
    assert.deepEqual(trace, { refused: [], lines: [], open: [], removals: [], more: false })
})

test('an intent that was refused says why, beside what became of the one that has its key', async () => {
  await using world = await setup()
  const { db } = world
  const now = Date.UTC(2026, 10, 20, 12)
  const message = { lane: 'default', intentId: intent, type: 'comment.created' } as const
  await db.transaction(tx =>
    refuseMessages(
      tx,
      [{ ...message, messageId: '1', reason: 'conflict', problems: ['key is known with another body'] }],
      now,
    ),
  )
  const parked = { ...message, reason: 'parked' as const, catalogue: '2', problems: ['type is not in catalogue 1'] }
  await db.transaction(tx => refuseMessages(tx, [{ ...parked, messageId: '2' }], now + 1))
  const refused = await traceIntent(db, key)
  assert.equal(isUnknown(refused), false)
  assert.deepEqual(
    refused.refused.map(({ what, sentence }) => [what, sentence]),
    [
      ['conflict', 'Refused: key is known with another body.'],
      ['parked', 'Parked, to be routed by a build that can: type is not in catalogue 1.'],
    ],
  )
  assert.equal(
    printTrace(refused, { width: 100, colour: false }),
    `intent ${intent}  comment.created
    2026-11-20 12:00:00.000Z  conflict      Refused: key is known with another body.
    2026-11-20 12:00:00.001Z  parked        Parked, to be routed by a build that can: type is not in
                                            catalogue 1.
`,
  )
  await world.route({ ada: deliver }, { now })
  await world.collect()
  const { refused: still, lines } = await traceIntent(db, intent)
  assert.deepEqual([still, lines.map(line => line.what)], [refused.refused, ['deliver']])
})

test('an intent that nobody knows, and one too large to list', async () => {
  await using world = await setup()
  const none = await traceIntent(world.db, { producer: 'docs', key: "' or true --" })
  assert.deepEqual(none, { refused: [], lines: [], open: [], removals: [], more: false })
  assert.equal(isUnknown(none), true)
  assert.equal(printTrace(none, { width: 80, colour: false }), 'nothing is known of it\n')
  await world.route(Object.fromEntries(Array.from({ length: 1200 }, (_, n) => [`user-${n}`, deliver])), {
    now: Date.now(),
  })
  const counts = async (id = intent) => {
    const { lines, more, open, refused } = await traceIntent(world.db, id)
    return [lines.length, more, open.length, refused.length]
  }
  assert.deepEqual(await counts(), [0, true, 1000, 0])
  await world.collect()
  assert.deepEqual(await counts(), [1000, true, 1000, 0])
  const until = Date.now() + 3_600_000
  const held: Verdict = { kind: 'held', reason: 'quiet_hours', until, why: { rule: 'quiet_hours', value: 'x' } }
  const later = intentId({ producer: 'docs', key: 'comment-2' })
  const few = Array.from({ length: 1001 }, (_, n) => `user-${n}`)
  await world.route(Object.fromEntries(few.map(one => [one, held])), { intent: later, now: Date.now() })
  assert.deepEqual(await counts(later), [0, true, 1000, 0])
  const bad = intentId({ producer: 'docs', key: 'comment-3' })
  const message = { lane: 'default' as const, intentId: bad, reason: 'conflict' as const, problems: ['x'] }
  const refuse = (messages: readonly string[]) =>
    world.db.transaction(tx =>
      refuseMessages(
        tx,
        messages.map(messageId => ({ ...message, messageId })),
        Date.now(),
      ),
    )
  await refuse(few.slice(1))
  assert.deepEqual(await counts(bad), [0, false, 0, 1000])
  await refuse(few.slice(0, 1))
  assert.deepEqual(await counts(bad), [0, true, 0, 1000])
})

test('printed in any width, each entry is there with its sentence', async () => {
  await using world = await setup()
  const now = Date.UTC(2026, 10, 20, 12)
  const [batch] = await world.route({ ada: deliver, bob: deliver }, { now })
  const claimed = await claimBatch(world.db, { id: batch!.id, now, leaseMs })
  const results = [
    { kind: 'closed' as const, outcome: 'sent' as const },
    { kind: 'retry' as const, dueInMs: 0, spent: false },
  ]
  await recordBatch(world.db, { batch: claimed!, results, now })
  await world.collect()
  const trace = await traceIntent(world.db, intent)
  assert.equal(
    printTrace(trace, { width: 100, colour: false }),
    `intent ${intent}  comment.created
  ada · push
    2026-11-20 12:00:00.000Z  deliver       To be sent: nothing speaks against it.
    2026-11-20 12:00:00.000Z  sent          Sent, and accepted by fcm at 2026-11-20T12:00:00.000Z.
                                            (fcm phone-of-ada)
  bob · push
    2026-11-20 12:00:00.000Z  deliver       To be sent: nothing speaks against it.
    2026-11-20 12:00:00.000Z  moved         Not done yet: it is tried again. (fcm phone-of-bob)
    now                       queued        Still queued: nothing is ahead of it. (fcm phone-of-bob)
`,
  )
  for (const width of [20, 40, 60, 80, 300]) {
    const plain = printTrace(trace, { width, colour: false })
    assert.match(plain.replaceAll(/\s+/g, ' '), /Sent, and accepted by fcm at \S+\. \(fcm phone-of-ada\)/)
    assert.equal(stripVTControlCharacters(printTrace(trace, { width, colour: true })), plain)
  }
})

test('a text that nobody has reported on for 72 h is unknown, until a report comes', async () => {
  await using world = await setup()
  const hoursAgo = (hours: number) => Date.now() - hours * 3_600_000
  const sent = (recipient: string, hours: number, channel: 'sms' | 'push' = 'sms') =>
    settledPack([], {
      ...{ day: dayOf(newSetId()), at: hoursAgo(hours), provider: channel === 'sms' ? 'twilio' : 'fcm' },
      slots: [{ i: 0, recipient, channel, endpoint: channel, what: 'sent' }],
    })
  const reported = (recipient: string): EventPack => {
    const pack = sent(recipient, 1)
    return { ...pack, kind: 'standing', slots: pack.slots.map(slot => ({ ...slot, what: 'delivered' })) }
  }
  await storePacks(world.db, [
    sent('ann', 73),
    sent('bob', 73),
    sent('cat', 71),
    sent('dan', 73, 'push'),
    reported('bob'),
  ])
  const unknown = async () => {
    const { lines } = await traceIntent(world.db, { producer: 'docs', key: 'comment-1' })
    return lines.filter(({ sentence }) => sentence.endsWith(' No report came within 72 h: unknown.'))
  }
  assert.deepEqual(
    (await unknown()).map(({ recipient }) => recipient),
    ['ann'],
  )
  const { lines } = await traceRecipient(world.db, 'ann')
  assert.deepEqual(
    lines.map(({ sentence }) => sentence),
    [`Sent, and accepted by twilio at ${new Date(lines[0]!.at).toISOString()}. No report came within 72 h: unknown.`],
  )
  await storePacks(world.db, [reported('ann')])
  assert.deepEqual(await unknown(), [])
})

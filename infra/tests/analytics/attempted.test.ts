import assert from 'node:assert/strict'
import { test } from 'node:test'
import { storePacks } from '#analytics/event-store.ts'
import { funnel } from '#analytics/funnel-store.ts'
import { notBegun } from '#channels/answer-table.ts'
import { type BatchTerms, maybeSent, reroutedTo, settle, type SlotTerms } from '#channels/settle.ts'
import { toldBy } from '#channels/told-as-one.ts'
import { type IntentId, newBatchId, newSetId, type RecipientId } from '#contracts/ids.ts'
import type { Answer } from '#contracts/outcome.ts'
import { ensurePartitions } from '#db/partitions.ts'
import type { ClaimedBatch, SlotResult } from '#ledger/batch.ts'
import { settledPack } from '#ledger/outbox.ts'
import { openPostgres } from '#runtime/postgres.ts'
import { testDatabase } from '../servers.ts'
import { at, day, decidedPack, intentFacts } from './packs.fixture.ts'

const terms: BatchTerms = {
  ...{ lane: 'default', channel: 'push', now: at, leaseLeftMs: 90_000, tries: 0, jitter: 0.5 },
  ...{ holdMs: 60_000, unsent: undefined },
}
const settled = (answer: Answer, slot: Partial<SlotTerms> = {}, batch: Partial<BatchTerms> = {}) =>
  settle(answer, { doubt: 'resend', ...slot }, { ...terms, ...batch })

const reason = 'r'
const retry: Answer = { kind: 'retry', afterMs: 0, reason }
const pause = { kind: 'pause', afterMs: 7_000, reason } as const
const config: Answer = { kind: 'config', reason }
const dead: Answer = { kind: 'messageDead', reason }
const doubt: Answer = { kind: 'doubt', reason }
const soon = { expiresAt: at + 1 }
const last = { tries: 5 }
const elsewhere = { elsewhere: { unfit: 'b', refused: 'c' } }
const speaker = 'e0000000-0000-4000-8000-000000000001' as IntentId
const byAnother = (answer: Answer) => toldBy(speaker, answer, settled(answer))

const called: Record<string, SlotResult> = {
  accepted: settled({ kind: 'accepted', providerId: 'p' }),
  'refused for good': settled(dead),
  'a dead address': settled({ kind: 'addressDead', reason }),
  'opted out there': settled({ kind: 'suppress', reason }),
  'tried again': settled(retry),
  'tried again, too late': settled(retry, soon),
  'tried for the last time': settled(retry, {}, last),
  'put off': settled(pause),
  'put off for too long': settled(pause, soon),
  'met wrong settings': settled(config),
  'met wrong settings for too long': settled(config, soon),
  'goes by another account': settled(pause, {}, elsewhere),
  'refused, and goes by another account': settled(config, {}, elsewhere),
  'in doubt': settled(doubt),
  'in doubt for good': settled(doubt, { doubt: 'never' }),
  'waits for its receipt': settled(doubt, { doubt: 'await_receipt' }, { channel: 'sms' }),
  'in doubt, and not called again': maybeSent({ kind: 'closed', outcome: 'killed', why: { rule: 'killed' } }),
  'told by another': byAnother({ kind: 'accepted', providerId: 'p' }),
  'told by another, tried again': byAnother(retry),
  'told by another, to a dead address': byAnother({ kind: 'addressDead', reason }),
  'told by another, refused': byAnother(dead),
}
const uncalled: Record<string, SlotResult> = {
  'not begun': settled(notBegun),
  'not begun in time': settled(notBegun, soon, { unsent: { waitMs: 9_000, reason: 'rate' } }),
  'not begun, and goes by another account': settled(notBegun, {}, elsewhere),
  'its account is not to be called': reroutedTo('b', 'unfit'),
  'no address by what it is': settled({ kind: 'addressDead', reason, uncalled: true }),
  'has no room': settled({ kind: 'messageDead', reason, uncalled: true }),
  'put off unasked': settled({ ...pause, uncalled: true }),
  'put off unasked for too long': settled({ ...pause, uncalled: true }, soon),
  'put off unasked, and goes by another account': settled({ ...pause, uncalled: true }, {}, elsewhere),
  'told by another, to no address': byAnother({ kind: 'addressDead', reason, uncalled: true }),
  'told by another, put off unasked': byAnother({ ...pause, uncalled: true }),
  'told by another, not begun': byAnother(notBegun),
  'taken back': settled({ kind: 'takenBack', end: { outcome: 'retracted', why: { rule: 'retracted' } } }),
  'ended before': { kind: 'closed', outcome: 'suppressed_preference', why: { rule: 'opted_out', value: 'social' } },
}
const all = { ...called, ...uncalled }

/** The events of a batch in which each person's delivery came to another result. */
function packOf(results: Record<string, SlotResult>) {
  const { id, type, category, producer, occurredAt } = intentFacts('comment-1')
  const batch: ClaimedBatch = {
    ...{ id: newBatchId(), set: newSetId(), lane: 'default', channel: 'push', provider: 'fcm', sensitive: false },
    ...{ tries: 0, maybeSent: false, moved: false, attempt: 1, lapsed: false },
    ...{ claimedAt: at, stops: [], tombstones: new Map() },
    intents: [{ id, type, category, producer, occurredAt, catalogue: '1', data: {} }],
    slots: Object.keys(results).map(who => ({ recipient: who as RecipientId, endpoint: 'device-1', intent: 0 })),
  }
  return { ...settledPack({ batch, results: Object.values(results), now: at + 1000 }), day }
}

async function setup() {
  await using started = new AsyncDisposableStack()
  const { url } = started.use(await testDatabase())
  const db = started.use(await openPostgres({ url, connectionsMax: 2, name: 'test' }))
  await ensurePartitions(db, { from: day, days: 1 })
  await storePacks(db, [decidedPack(Object.keys(all)), packOf(all)])
  const running = started.move()
  return { db, [Symbol.asyncDispose]: () => running.disposeAsync() }
}

test('what a provider was called for, or may have been, is attempted, whatever it came to: in funnels and in the view', async () => {
  await using world = await setup()
  const { db } = world
  const rows = await db.query<{ recipient: string }>(
    'select recipient from analytics_notifications where attempted_at is not null',
  )
  assert.deepEqual(rows.map(row => row.recipient).toSorted(), Object.keys(called).toSorted())
  const [row] = await funnel(db)
  const { intended, decided, attempted, accepted } = row!.stages
  assert.deepEqual(
    { intended, decided, attempted, accepted },
    {
      ...{ intended: Object.keys(all).length, decided: Object.keys(all).length },
      ...{ attempted: Object.keys(called).length, accepted: 1 },
    },
  )
})

test('what was accepted says nothing more of itself', () => {
  const { slots } = packOf({
    accepted: called.accepted!,
    dead: called['a dead address']!,
    'not begun': settled(notBegun),
  })
  assert.deepEqual(
    slots.map(slot => slot.called),
    [undefined, true, undefined],
  )
})

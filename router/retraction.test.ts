import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { catalogueOf } from '#contracts/catalogue.ts'
import { lanes } from '#contracts/channel.ts'
import { type EpochMs, intentId } from '#contracts/ids.ts'
import type { Intent } from '#contracts/intent.ts'
import { endFollowUp, hastenHolds, placeTombstone, takeFollowUps } from '#ledger/retractions.ts'
import { createLog } from '#runtime/log.ts'
import { expandPage } from './expand.ts'
import { releaseDue } from './release.ts'
import { emptyLedger, intentOf, routeAt, typeOf } from './routing.fixture.ts'

const minute = 60_000
const now: EpochMs = Date.now()
const types = [typeOf('order.changed')]
const catalogue = catalogueOf('1', types)
const log = createLog({ role: 'test', write: () => {} })
const idOf = (key: string) => intentId({ producer: 'test', key })
const to = (...ids: string[]) => ids.map(id => ({ kind: 'recipient' as const, id }))
const about = (key: string, more: Partial<Intent> = {}) =>
  intentOf({ type: 'order.changed', to: to('u1'), occurredAt: now, key, ...more })

let ledger: Awaited<ReturnType<typeof emptyLedger>>
before(async () => void (ledger = await emptyLedger()))
after(() => ledger[Symbol.asyncDispose]())
const route = (...intents: Intent[]) => routeAt(now, intents, { db: ledger.db, types })

/** What was decided last for an intent, and by which rule. */
async function decided(key: string): Promise<string[]> {
  const rows = await ledger.db.query<{ payload: string }>(`select payload from outbox order by id`)
  return rows.flatMap(({ payload }) => {
    const pack = JSON.parse(payload) as {
      intents: { id: string }[]
      whys: { rule: string; value?: string }[]
      slots: { i: number; w: number; recipient: string; what: string }[]
    }
    return pack.slots.flatMap(slot => {
      const why = pack.whys[slot.w]!
      const mine = pack.intents[slot.i]!.id === idOf(key)
      return mine ? [[slot.recipient, slot.what, why.rule, why.value].filter(Boolean).join(' ')] : []
    })
  })
}

test('what was retracted before it came is refused, and nothing of its company', async () => {
  await placeTombstone(ledger.db, idOf('before'))
  await route(about('before', { sendAt: now + minute }), about('beside'))
  assert.deepEqual(await decided('before'), ['u1 retracted retracted'])
  assert.deepEqual(await decided('beside'), ['u1 deliver default'])
  const [kept] = await ledger.db.query<{ n: number }>('select count(*)::int as n from holds')
  assert.equal(kept!.n, 0)
})

test('what is worth nothing any more has expired, whoever retracts it', async () => {
  await placeTombstone(ledger.db, idOf('late'))
  await route(about('late', { expiresAt: now - 1 }))
  assert.match((await decided('late')).join(), /^u1 expired/)
})

test('a later intent takes the place of an earlier that has not come, in one set or over several, in a chain', async () => {
  const later = about('c2', { supersedes: 'c1', occurredAt: now - 1 })
  await route(about('c3', { supersedes: 'c2' }))
  await route(later, about('c1', { occurredAt: now - 2 }))
  assert.deepEqual(await decided('c3'), ['u1 deliver default'])
  assert.deepEqual(await decided('c2'), [`u1 superseded superseded ${idOf('c3')}`])
  assert.deepEqual(await decided('c1'), [`u1 superseded superseded ${idOf('c2')}`])
})

test('an older intent that comes late does not take the place of a newer, and the latest successor is named', async () => {
  await route(about('new'))
  await route(about('old', { supersedes: 'new', occurredAt: now - minute }))
  assert.deepEqual(await ended('new', now), [])
  await route(about('newest', { supersedes: 'first' }), about('newer', { supersedes: 'first', occurredAt: now - 1 }))
  await route(about('middle', { supersedes: 'first', occurredAt: now - 2 }))
  await route(about('first', { occurredAt: now - minute }))
  assert.deepEqual(await decided('first'), [`u1 superseded superseded ${idOf('newest')}`])
})

test('somebody else’s key is another one, and what was retracted stays so when it is superseded', async () => {
  await route({ ...about('mine', { supersedes: 'theirs' }) })
  await route({ ...about('theirs'), producer: 'other', id: intentId({ producer: 'other', key: 'theirs' }) })
  const theirs = await ledger.db.query('select from retractions where id = $1', [
    intentId({ producer: 'other', key: 'theirs' }),
  ])
  assert.equal(theirs.length, 0)
  await placeTombstone(ledger.db, idOf('gone'))
  await route(about('instead', { supersedes: 'gone' }))
  await route(about('gone', { occurredAt: now - 1 }))
  assert.deepEqual(await decided('gone'), ['u1 retracted retracted'])
})

test('what waits ends at once, and what waits beside it waits on, until when it did', async () => {
  const sendAt = now + 30 * 86_400_000
  const [one, other] = [about('waits', { sendAt, data: { text: 'secret 4711' } }), about('waits too', { sendAt })]
  await route(one, other)
  assert.equal((await openHolds()).length, 1, 'both are in one row')
  await placeTombstone(ledger.db, one.id)
  await hastenHolds(ledger.db, { ids: [one.id], now })
  await releaseDue(ledger.db, { lane: 'default', catalogue, log, now })
  assert.deepEqual((await decided('waits')).slice(1), ['u1 retracted retracted'])
  const [held, again] = await decided('waits too')
  assert.deepEqual(again, held)
  const [hold, ...rest] = await openHolds()
  assert.deepEqual(rest, [])
  assert.ok(hold!.due_at.getTime() >= sendAt && hold!.due_at.getTime() < sendAt + minute)
  assert.deepEqual(hold!.intents, [other.id])
  const left = await ledger.db.query<{ text: string | null }>(
    'select payload as text from holds union all select payload from batches',
  )
  assert.ok(!left.some(({ text }) => text?.includes('4711')), 'its data is gone')
  await releaseDue(ledger.db, { lane: 'default', catalogue, log, now: sendAt + minute })
  assert.match((await decided('waits too')).at(-1)!, /^u1 deliver/)
})

const openHolds = () =>
  ledger.db.query<{ due_at: Date; intents: string[] }>('select due_at, intents from holds where released_at is null')

test('the pages of an audience that are not made yet are refused', async () => {
  const { db } = ledger
  await db.query(
    `insert into audience_members select 'team', 'm' || lpad(n::text, 4, '0') from generate_series(1, 600) n`,
  )
  const intent = about('page', { to: [{ kind: 'audience', audience: 'team' }] })
  await route(intent)
  const page = () => expandPage({ db, lanes, catalogue, log, sources: [], now, trustEventTime: false })
  await page()
  await placeTombstone(db, intent.id)
  await page()
  const counts = Map.groupBy(await decided('page'), line => line.split(' ').slice(1).join(' '))
  assert.deepEqual(Object.fromEntries([...counts].map(([what, those]) => [what, those.length])), {
    'deliver default': 500,
    'retracted retracted': 100,
  })
})

test('each tombstone is followed up twice, and no more', async () => {
  const { db } = ledger
  await db.query('delete from retractions')
  await placeTombstone(db, idOf('follow'))
  assert.deepEqual(await takeFollowUps(db, { limit: 10 }), [], 'not at once')
  for (const turn of ['first', 'second', 'third']) {
    await db.query(`update retractions set at = at - interval '61 s', follow_up_at = follow_up_at - interval '61 s'`)
    const taken = await takeFollowUps(db, { limit: 10 })
    assert.deepEqual(
      taken.map(({ id }) => id),
      turn === 'third' ? [] : [idOf('follow')],
      turn,
    )
    for (const one of taken) await endFollowUp(db, one)
  }
})

test('a follow-up that takes longer than one process may have it ends all the same', async () => {
  const { db } = ledger
  await db.query('delete from retractions')
  await placeTombstone(db, idOf('long'))
  await db.query(`update retractions set at = at - interval '61 s', follow_up_at = follow_up_at - interval '61 s'`)
  const [first] = await takeFollowUps(db, { limit: 10 })
  await db.query(`update retractions set follow_up_at = now()`)
  const [second] = await takeFollowUps(db, { limit: 10 })
  await endFollowUp(db, first!)
  await endFollowUp(db, second!)
  assert.deepEqual(await db.query('select from retractions where follow_up_at is not null'), [])
})

/** Its tombstone, as far as it ends what happened at that time. */
const ended = (key: string, at: EpochMs) =>
  ledger.db.query(
    `select from retractions where id = $1 and (occurred_until is null or occurred_until >= to_timestamp($2 / 1000.0))`,
    [idOf(key), at],
  )

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { storePacks } from '#analytics/event-store.ts'
import { dropPartitions, ensurePartitions } from '#db/partitions.ts'
import { catalogueOf } from '#contracts/catalogue.ts'
import { lanes } from '#contracts/channel.ts'
import type { EventPack } from '#contracts/event.ts'
import type { BatchId } from '#contracts/ids.ts'
import type { Intent } from '#contracts/intent.ts'
import type { HearingPatch } from '#contracts/preferences.ts'
import { audit, type Published } from '#ledger/audit.ts'
import { claimBatch, recordBatch } from '#ledger/claim.ts'
import { purgeAdmitted, purgeDone } from '#ledger/purge.ts'
import { placeTombstone, supersede } from '#ledger/retractions.ts'
import { relayOutbox } from '#ledger/outbox.ts'
import { changeChoices } from '#preferences/choice-store.ts'
import type { ChoicesPatch } from '#preferences/choices.ts'
import { markEndpoint } from '#preferences/preferences.ts'
import { deleteRecipient, upsertRecipients } from '#preferences/recipient-store.ts'
import { expandPage } from '#router/expand.ts'
import { emptyLedger, intentOf, routeAt, typeOf } from '#router/routing.fixture.ts'
import { createLog } from '#runtime/log.ts'
import type { Database } from '#runtime/postgres.ts'

const now = Date.now()
const types = [
  typeOf('comment.created'),
  typeOf('terms.changed', { category: 'legal', mandatory: true }),
  typeOf('login.code', {
    ...{ category: 'security', sensitive: true, deliver: [{ channel: 'push' }] },
    templates: { en: { push: () => ({ title: '', body: '' }) } },
  }),
]
const to = (...ids: string[]) => ids.map(id => ({ kind: 'recipient' as const, id }))
const told = (about: Partial<Intent> = {}) =>
  intentOf({ type: 'comment.created', to: to('u1'), occurredAt: now, ...about })
const later = now + 3_600_000

/** Delivers whatever is ready, as a worker that asks nobody, and stores all events. */
async function deliverAll(db: Database, but?: Intent): Promise<void> {
  const open = 'select id from batches where closed_at is null and not intents @> array[$1::uuid]'
  for (const { id } of await db.query<{ id: BatchId }>(open, [but?.id ?? null])) {
    const batch = (await claimBatch(db, { id, now: Date.now(), leaseMs: 30_000 }))!
    const results = batch.slots.map(() => ({ kind: 'closed', outcome: 'delivered' }) as const)
    await recordBatch(db, { batch, results, now: Date.now() })
  }
  await storeEvents(db)
}

async function storeEvents(db: Database): Promise<void> {
  const packs: EventPack[] = []
  await relayOutbox(db, async payload => packs.push(JSON.parse(payload) as EventPack))
  await storePacks(db, packs)
}

async function problemsOf(db: Database, published?: Published[]): Promise<string[]> {
  const lines = async function* () {
    yield* published!
  }
  const { problems } = await audit(db, published && lines())
  return problems.map(({ check, intent, recipient }) => [check, intent, recipient].filter(Boolean).join(' '))
}

/** Done behind the ledger's back. */
const tamperings: { what: string; sql: string; found: (intent: Intent, held: Intent) => string }[] = [
  { what: 'a key is deleted', sql: 'delete from admitted', found: ({ id }) => `key ${id}` },
  { what: 'a hold is deleted', sql: 'delete from holds', found: (_, { id }) => `decisions ${id} u1` },
  { what: 'a journal row is deleted', sql: 'delete from sets where held > 0', found: () => 'journal' },
  {
    what: 'an outcome is changed',
    sql: `update batches set outcomes = '{2,3}'`,
    found: ({ id }) => `settled ${id} u2`,
  },
  {
    what: 'a batch is there twice',
    sql: `insert into batches select (jsonb_populate_record(b, jsonb_build_object('id', gen_random_uuid()))).* from batches b`,
    found: ({ id }) => `once ${id} u1`,
  },
  {
    what: 'a batch is closed by hand',
    sql: 'update batches set claim_snapshot = null',
    found: ({ id }) => `closed ${id}`,
  },
]
const tables = ['admitted', 'sets', 'batches', 'holds']

test('whatever is changed behind the back of the ledger turns the audit red and is named', async () => {
  await using ledger = await emptyLedger()
  const { db } = ledger
  const intent = told({ to: to('u1', 'u2') })
  const held = told({ sendAt: later })
  for (const one of [intent, held]) await routeAt(now, [one], { db, types })
  await deliverAll(db)
  for (const table of tables) await db.query(`create table kept_${table} as table ${table}`)
  for (const { what, sql, found } of tamperings) {
    assert.deepEqual(await problemsOf(db), [])
    await db.query(sql)
    const problems = await problemsOf(db)
    assert.ok(problems.includes(found(intent, held)), `${what}: ${problems.join(', ')}`)
    for (const table of tables) await db.query(`delete from ${table}`)
    for (const table of tables) await db.query(`insert into ${table} select * from kept_${table}`)
  }
})

test('an audience that lost a page, or that nobody reads, is missed', async () => {
  await using ledger = await emptyLedger()
  const { db } = ledger
  await db.query(`insert into audience_members values ('team', 'u1')`)
  const intent = told({ to: [{ kind: 'audience', audience: 'team' }] })
  const published = [{ intent: intent.id, recipients: [], audiences: ['team'] }]
  await routeAt(now, [intent], { db, types })
  const log = createLog({ role: 'test', write: () => {} })
  await expandPage({ db, lanes, catalogue: catalogueOf('1', types), log, sources: [], now, trustEventTime: false })
  await deliverAll(db)
  assert.deepEqual(await problemsOf(db, published), [])
  await db.query('update expansions set pages = 2')
  assert.deepEqual(await problemsOf(db, published), [`pages ${intent.id}`])
  await db.query('delete from expansions')
  assert.deepEqual((await problemsOf(db, published)).sort(), [`pages ${intent.id}`, `published ${intent.id}`])
})

test('of many problems a hundred are listed and all are counted', async () => {
  await using ledger = await emptyLedger()
  const { db } = ledger
  const people = Array.from({ length: 250 }, (_, n) => `u${n}`)
  await routeAt(now, [told({ to: to(...people) })], { db, types })
  await deliverAll(db)
  await db.query('delete from batches')
  const { balanced, problems, more } = await audit(db)
  assert.equal(balanced, false)
  assert.equal(problems.length, 100)
  assert.ok(more >= 2 * 250 - 100, String(more))
})

test('a ledger that lost all of its days is missed', async () => {
  await using ledger = await emptyLedger()
  const { db } = ledger
  const intent = told()
  await routeAt(now, [intent], { db, types })
  await deliverAll(db)
  for (const table of ['sets', 'batches', 'admitted']) await db.query(`delete from ${table}`)
  assert.deepEqual(await problemsOf(db), [`decisions ${intent.id} u1`, `settled ${intent.id} u1`])
})

test('the books balance after each day that is dropped, and under a key that was forgotten', async () => {
  await using ledger = await emptyLedger()
  const { db } = ledger
  await ensurePartitions(db, { from: dayBefore(41), days: 5 })
  const [waiting, intent] = [told(), told({ to: to('u1', 'u2') })]
  for (const one of [waiting, intent, told({ sendAt: later })]) await routeAt(now, [one], { db, types })
  await storeEvents(db)
  await age(db, 1)
  const [{ id }] = (await db.query<{ id: BatchId }>('select id from batches where n = 2')) as [{ id: BatchId }]
  const batch = (await claimBatch(db, { id, now, leaseMs: 30_000 }))!
  const retry = { kind: 'retry', dueInMs: 0, spent: true } as const
  await recordBatch(db, { batch, results: [{ kind: 'closed', outcome: 'delivered' }, retry], now })
  await deliverAll(db, waiting)
  await routeAt(now, [told()], { db, types })
  await deliverAll(db, waiting)
  await age(db, 38)

  const seen: string[] = []
  const watched: Pick<Database, 'query'> = {
    async query<Row extends object>(text: string, values?: readonly unknown[]) {
      const rows = await db.query<Row>(text, values)
      if (/^(alter|drop) table/.test(text)) seen.push(text)
      assert.deepEqual(await problemsOf(db), [], text)
      return rows
    },
  }
  await forget(watched)
  assert.ok(seen.length >= 6, seen.join('; '))
  assert.deepEqual(
    await db.query('select n from batches order by n'),
    [{ n: 1 }, { n: 2 }],
    'one of that day is still open',
  )
  await routeAt(now, [intent], { db, types })
  await deliverAll(db)
  assert.equal((await db.query('select from deliveries where intent_id = $1', [intent.id])).length, 4)
  assert.deepEqual(await problemsOf(db), [])
})

const dayMs = 86_400_000
const dayBefore = (days: number) => new Date(now - days * dayMs).toISOString().slice(0, 10)

/** What the router does each hour. */
async function forget(db: Pick<Database, 'query'>): Promise<void> {
  await dropPartitions(db, { ledgerBefore: dayBefore(34), eventsBefore: dayBefore(90) })
  await purgeDone(db, { before: Date.parse(dayBefore(34)), refusedBefore: now - 90 * dayMs })
  await purgeAdmitted(db, { before: now - 35 * dayMs })
}

/** As if all that is there had been written days earlier. */
async function age(db: Database, days: number): Promise<void> {
  const hex = (id: string) => `replace(${id}::text, '-', '')`
  const id = (name: string) =>
    `${name} = (lpad(to_hex(('x' || left(${hex(name)}, 12))::bit(48)::bigint - ${days * dayMs}), 12, '0') || substr(${hex(name)}, 13))::uuid`
  const day = `day = day - ${days}`
  for (const [table, ...columns] of [
    ['sets', day, id('id')],
    ['batches', day, ...['id', 'set_id', 'from_batch'].map(id)],
    ['holds', ...['id', 'set_id'].map(id)],
    ['admitted', id('set_id')],
    ['intent_sets', id('set_id')],
    ['expansions', id('set_id'), `done_at = done_at - interval '${days} days'`],
    ['delivery_events', day, ...['set_id', 'batch_id'].map(id)],
  ])
    await db.query(`update ${table} set ${columns.join(', ')}`)
}

test('an audience is told again under a key that was forgotten', async () => {
  await using ledger = await emptyLedger()
  const { db } = ledger
  await db.query(`insert into audience_members values ('team', 'u1')`)
  const intent = told({ to: [{ kind: 'audience', audience: 'team' }] })
  const log = createLog({ role: 'test', write: () => {} })
  const tell = async () => {
    await routeAt(now, [intent], { db, types })
    await expandPage({ db, lanes, catalogue: catalogueOf('1', types), log, sources: [], now, trustEventTime: false })
    await deliverAll(db)
  }
  await ensurePartitions(db, { from: dayBefore(41), days: 3 })
  await tell()
  await age(db, 40)
  await forget(db)
  await tell()
  const [row] = await db.query<{ n: number }>('select count(*)::int as n from batches')
  assert.equal(row!.n, 1)
  assert.deepEqual(await problemsOf(db), [])
})

test('what is sent against a choice or a mute is found, and nothing else', async () => {
  await using ledger = await emptyLedger()
  const { db } = ledger
  const choose = (id: string, patch: ChoicesPatch) => changeChoices({ db, now: Date.now() }, id, patch)
  const wish = (category: string, in_app: boolean | null): ChoicesPatch => ({ categories: { [category]: { in_app } } })
  // They say no after the decision; this worker does not ask again.
  const withdrawals: Record<string, ChoicesPatch[]> = {
    category: [wish('social', false)],
    everything: [wish('*', false)],
    'category last': [wish('*', true), wish('social', false)],
    'taken back to a no for all': [wish('*', false), wish('social', true), wish('social', null)],
    muted: [{ threads: { t1: true } }],
  }

  const allowed: Record<string, ChoicesPatch[]> = {
    'another category': [wish('legal', false)],
    'the nearer wish': [wish('*', false), wish('social', true)],
    'taken back': [wish('social', false), wish('social', null)],
    'another thread': [{ threads: { t2: true } }],
    'muted no more': [{ threads: { t1: true } }, { threads: { t1: null } }],
    'a mute that is over': [{ threads: { t1: Date.now() - 1 } }],
  }
  const people = [...Object.keys(withdrawals), ...Object.keys(allowed), 'mandatory', 'back again']
  const intent = told({ to: to(...people.filter(id => id !== 'mandatory')), thread: 't1' })
  const mandatory = told({ type: 'terms.changed', to: to('mandatory') })
  for (const one of [intent, mandatory]) await routeAt(now, [one], { db, types })
  for (const [id, patches] of Object.entries({ ...withdrawals, ...allowed }))
    for (const patch of patches) await choose(id, patch)
  await choose('mandatory', wish('legal', false))
  await choose('back again', wish('social', false))
  await deleteRecipient({ db, now: Date.now() }, 'back again')
  await upsertRecipients({ db, addressKey: 'k', now: Date.now() }, [{ id: 'back again' }])
  await deliverAll(db)
  const expected = Object.keys(withdrawals).map(id => `choice ${intent.id} ${id}`)
  assert.deepEqual((await problemsOf(db)).sort(), expected.sort())
})

test('what is sent against a level or a switch of mentions is found, and nothing else', async () => {
  await using ledger = await emptyLedger()
  const { db } = ledger
  const room = (r1: HearingPatch<number> | null): ChoicesPatch => ({ levels: { room: { r1 } } })
  const server = (s1: HearingPatch<number>): ChoicesPatch => ({ levels: { tenant: { s1 } } })
  const thread = (t1: HearingPatch<number>): ChoicesPatch => ({ levels: { thread: { t1 } } })
  const hour = 3_600_000
  const over = { level: 'none', until: Date.now() - 1 } as const
  const withdrawals: Record<string, [reason: string | undefined, ...ChoicesPatch[]]> = {
    'nothing of the room': ['mention', room({ level: 'none' })],
    'of the server': ['mention', server({ level: 'none' })],
    'only mentions': [undefined, room({ level: 'mentions' })],
    'only mentions, takes part': ['participating', room({ level: 'mentions' })],
    'for a while': ['mention', room({ level: 'none', until: Date.now() + hour })],
    'for a while again': ['mention', room({ level: 'mentions' }), room({ level: 'none', until: Date.now() + hour })],
    'the nearer level': ['mention', server({ level: 'all' }), thread({ level: 'none' })],
    'a while is over': ['participating', room({ level: 'mentions' }), room(over)],
    'everyone off': ['everyone', server({ everyone: false })],
    'taken back': ['mention', server({ level: 'none' }), room({ level: 'all' }), room(null)],
  }
  const allowed: Record<string, [reason: string | undefined, ...ChoicesPatch[]]> = {
    'a mention': ['mention', room({ level: 'mentions' })],
    'a call of everyone': ['everyone', room({ level: 'mentions', role: false })],
    'nearer than no': ['participating', server({ level: 'none' }), room({ level: 'all' })],
    'another room': ['participating', { levels: { room: { r2: { level: 'none' } } } }],
    'was for a while': ['participating', room(over)],
    'mentions of everyone off': ['mention', server({ everyone: false })],
    'the nearer switch': ['everyone', server({ everyone: false }), thread({ everyone: true })],
    'said anew': [undefined, room({ level: 'none' }), room({ level: 'all' })],
  }
  const said = Object.entries({ ...withdrawals, ...allowed })
  const named = said.map(([id, [reason]]) => ({ kind: 'recipient' as const, id, ...(reason && { reason }) }))
  const intent = told({ to: named, tenant: 's1', room: 'r1', thread: 't1' })
  await routeAt(now, [intent], { db, types })
  for (const [id, [, ...patches]] of said)
    for (const patch of patches) await changeChoices({ db, now: Date.now() }, id, patch)
  await deliverAll(db)
  const expected = Object.keys(withdrawals).map(id => `choice ${intent.id} ${id}`)
  assert.deepEqual((await problemsOf(db)).sort(), expected.sort())
})

test('a pause counts until it ends, and a suppression until its endpoint has another address, and that one may be suppressed as well', async () => {
  await using ledger = await emptyLedger()
  const { db } = ledger
  const by = [{ channel: 'email' as const }]
  const mailed = typeOf('mail.sent', {
    deliver: by,
    templates: { en: { email: () => ({ subject: '', text: '', html: { html: '' } }) } },
  })
  const known = async (...given: [id: string, address: string][]) => {
    const profiles = given.map(([id, address]) => {
      const endpoint = { id: 'mail', channel: 'email', provider: 'sendgrid', address } as const
      return { id, endpoints: [endpoint] }
    })
    await upsertRecipients({ db, addressKey: 'k', now: Date.now() }, profiles)
  }
  await known(['moved', 'a@mail.example'], ['still', 'b@mail.example'], ['again', 'c@mail.example'])
  await known(['paused', 'd@mail.example'], ['resumed', 'e@mail.example'])
  const intent = told({ type: 'mail.sent', to: to('moved', 'still', 'again', 'paused', 'resumed') })
  await routeAt(now, [intent], { db, types: [mailed] })
  // Complaints come after the decision; this worker does not ask again.
  const marks = (['a', 'b', 'c'] as const).map((name, at) => ({
    ...{ recipient: ['moved', 'still', 'again'][at]!, endpoint: 'mail', reason: 'complaint' },
    ...{ channel: 'email' as const, address: `${name}@mail.example` },
  }))
  await markEndpoint(
    { db, addressKey: 'k' },
    marks.map(mark => ({ ...mark, state: 'suppressed', at: Date.now() + 1 })),
  )
  const pause = (id: string, paused: true | null) => changeChoices({ db, now: Date.now() }, id, { paused })
  for (const id of ['paused', 'resumed']) await pause(id, true)
  await pause('resumed', null)
  await known(['moved', 'new@mail.example'], ['again', 'b@mail.example'])
  await deliverAll(db)
  assert.deepEqual((await problemsOf(db)).sort(), [
    `choice ${intent.id} paused`,
    `wish ${intent.id} again`,
    `wish ${intent.id} still`,
  ])
})

test('of what is sensitive nothing is left but its facts', async () => {
  await using ledger = await emptyLedger()
  const { db } = ledger
  const secret = 'secret 4711'
  const phone = { channel: 'push', provider: 'fcm', address: 'token-1' } as const
  await upsertRecipients({ db, addressKey: 'k', now }, [{ id: 'u1', endpoints: [phone] }])
  const intent = told({ type: 'login.code', data: { code: secret }, thread: 't1' })
  await routeAt(now, [intent, told({ ...intent, key: 'other', sendAt: later })], { db, types })
  await deliverAll(db)
  const [{ payload } = { payload: '' }] = await db.query<{ payload: string }>('select payload from batches')
  assert.deepEqual([payload.includes(secret), payload.includes('security')], [false, true])
  assert.deepEqual(await problemsOf(db), [])
})

test('what is sent although it was retracted or superseded is found, unless it is newer than its successor', async () => {
  await using ledger = await emptyLedger()
  const { db } = ledger
  const [taken, replaced, newer, sent] = [told(), told(), told(), told()]
  await routeAt(now, [taken, replaced, newer, sent], { db, types })
  // This worker does not ask again.
  await placeTombstone(db, taken.id)
  const by = told().id
  await supersede(db, [
    { id: replaced.id, by, until: now },
    { id: newer.id, by, until: now - 1 },
  ])
  await deliverAll(db)
  await placeTombstone(db, sent.id)
  const expected = [taken, replaced].map(({ id }) => `retraction ${id} u1`)
  assert.deepEqual((await problemsOf(db)).sort(), expected.sort())
})

test('what is told by another is told, and only where that one is', async () => {
  await using ledger = await emptyLedger()
  const { db } = ledger
  const [alone, gone, speaker] = [told({ to: to('u2') }), told(), told()]
  await routeAt(now, [alone, gone, speaker], { db, types })
  await placeTombstone(db, gone.id)
  const [{ id }] = (await db.query<{ id: BatchId }>('select id from batches')) as [{ id: BatchId }]
  const batch = (await claimBatch(db, { id, now: Date.now(), leaseMs: 30_000 }))!
  const results = batch.slots.map(slot => {
    const outcome = batch.intents[slot.intent]!.id === speaker.id ? ('delivered' as const) : ('digested' as const)
    return { kind: 'closed' as const, outcome }
  })
  await recordBatch(db, { batch, results, now: Date.now() })
  await storeEvents(db)
  const found = [`retraction ${gone.id} u1`, `told ${alone.id} u2`]
  assert.deepEqual((await problemsOf(db)).sort(), found.sort())
})

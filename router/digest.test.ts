import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type AnyNotificationType, catalogueOf, type DigestRule, type DigestType } from '#contracts/catalogue.ts'
import { type EpochMs, intentId } from '#contracts/ids.ts'
import type { Intent } from '#contracts/intent.ts'
import { readBacklog } from '#ledger/backlog.ts'
import { createLog } from '#runtime/log.ts'
import { releaseDue } from './release.ts'
import { releaseDigests } from './release-digests.ts'
import { decisionsIn, emptyLedger, intentOf, messagesIn, routeAt, typeOf } from './routing.fixture.ts'

const minute = 60_000
const log = createLog({ role: 'test', write: () => {} })
const now = Date.now()
/** The next noon: nobody is in quiet hours. */
const noon = Date.parse(`${new Date(now + 86_400_000).toISOString().slice(0, 10)}T12:00:00Z`)

let ledger: Awaited<ReturnType<typeof emptyLedger>>
before(async () => void (ledger = await emptyLedger()))
after(() => ledger[Symbol.asyncDispose]())

/** People, types and a clock of one test's own, on the one ledger. */
async function world(
  digest: DigestRule,
  more: { person?: { zone?: string; quiet?: string }; types?: AnyNotificationType[]; shared?: DigestType[] } = {},
) {
  const { db } = ledger
  await db.query('truncate recipients, digests, holds, windows, batches, outbox, sets')
  const phone = [{ id: 'p', channel: 'push', provider: 'fcm', address: 'x', state: 'active', since: 0 }]
  await db.query(`insert into recipients (id, zone, quiet, endpoints) values ('u1', $1, $2, $3), ('u2', $1, $2, $3)`, [
    ...[more.person?.zone ?? null, more.person?.quiet ?? null, JSON.stringify(phone)],
  ])
  const words = () => ({ title: '', body: '' })
  const shared = more.shared ?? [{ name: 'summary', templates: { en: { push: words } } }]
  const types = [
    typeOf('comment.created', { deliver: [{ channel: 'push' }], digest }),
    typeOf('comment.liked', { deliver: [{ channel: 'push' }], digest }),
    typeOf('comment.plain', { deliver: [{ channel: 'push' }] }),
    ...(more.types ?? []),
  ]
  const options = { digests: shared }
  const catalogue = catalogueOf('1', types, options)
  return {
    db,
    tell: (at: EpochMs, about: Partial<Intent> & { who?: string } = {}) => {
      const { who = 'u1', ...intent } = about
      const to = [{ kind: 'recipient' as const, id: who }]
      return routeAt(at, [intentOf({ type: 'comment.created', to, occurredAt: at, ...intent })], { db, types, options })
    },
    release: async (at: EpochMs, known = catalogue) => {
      while (await releaseDigests(db, { lane: 'default', catalogue: known, log, now: at }));
    },
    releaseHolds: async (at: EpochMs) => {
      while (await releaseDue(db, { lane: 'default', catalogue, log, now: at }));
    },
    /** As a process decides that does not know these types. */
    without: (...names: string[]) =>
      catalogueOf(
        '2',
        types.filter(({ type }) => !names.includes(type)),
        options,
      ),
    decided: () => decisionsIn(db),
    told: () => messagesIn(db),
  }
}

/** How many intents each message tells. */
const sizes = (messages: readonly unknown[][]): number[] => messages.map(told => told.length)

test('what comes within the time is told as one, by its last, with what the others said', async () => {
  const { tell, release, decided, told } = await world({ every: '10m' })
  for (const n of [1, 2, 3]) await tell(noon + n * minute, { data: { n } })
  await release(noon + 10 * minute)
  assert.deepEqual(await decided(), ['u1 held', 'u1 held', 'u1 held'])
  await release(noon + 11 * minute)
  assert.deepEqual((await decided()).slice(3), ['u1 deliver', 'u1 deliver', 'u1 deliver'])
  const [one, ...others] = await told()
  assert.deepEqual(others, [])
  assert.deepEqual(
    one!.map(intent => intent.data),
    [{ n: 1 }, { n: 2 }, { n: 3 }],
  )
  await tell(noon + 12 * minute)
  await release(noon + 21 * minute)
  assert.equal((await decided()).length, 7, 'the next one opens a digest of its own time')
  await release(noon + 22 * minute)
  assert.equal((await decided()).at(-1), 'u1 deliver')
  assert.equal((await told()).at(-1)![0]!.digest, undefined, 'one alone speaks for itself')
})

test('the first is told at once where the type says so; what follows within the time is told together', async () => {
  const { tell, release, decided, told } = await world({ every: '10m', sendFirst: true })
  for (const n of [0, 1, 2]) await tell(noon + n * minute)
  assert.deepEqual(await decided(), ['u1 deliver', 'u1 held', 'u1 held'])
  await release(noon + 10 * minute)
  assert.deepEqual(sizes(await told()), [1, 2])
  await tell(noon + 11 * minute)
  await release(noon + 21 * minute)
  assert.deepEqual((await decided()).slice(5), ['u1 deliver'])
  await tell(noon + 22 * minute)
  assert.deepEqual((await decided()).slice(6), ['u1 deliver'], 'a digest that nobody joined is over in silence')
})

test('a first one that has to wait for the end of quiet hours has opened the digest all the same', async () => {
  const { tell, release, releaseHolds, told } = await world(
    { every: '10m', sendFirst: true },
    { person: { quiet: '11:00-13:00' } },
  )
  for (const n of [0, 1, 2]) await tell(noon + n * minute)
  await releaseHolds(noon + 61 * minute)
  await release(noon + 61 * minute)
  assert.deepEqual(sizes(await told()), [1, 2])
})

test('a first one that is held out has opened the digest, as if it had been told', async () => {
  const digest = { every: '10m', sendFirst: true } as const
  const types = [typeOf('comment.ghost', { deliver: [{ channel: 'push' }], digest, holdout: 0.999999 })]
  const { tell, release, decided } = await world({ every: '10m' }, { types })
  for (const n of [0, 1, 2]) await tell(noon + n * minute, { type: 'comment.ghost' })
  await release(noon + 10 * minute)
  assert.deepEqual((await decided()).toSorted(), ['u1 digested', 'u1 held', 'u1 held', 'u1 holdout', 'u1 holdout'])
})

test('each one puts the end off, up to the ceiling', async () => {
  const { tell, release, told } = await world({ every: '10m', atMost: '25m' })
  await tell(noon)
  await tell(noon + 8 * minute)
  await release(noon + 17 * minute)
  assert.deepEqual(await told(), [])
  await tell(noon + 17 * minute)
  await tell(noon + 24 * minute)
  await release(noon + 25 * minute - 1)
  assert.deepEqual(await told(), [])
  await release(noon + 25 * minute)
  assert.deepEqual(sizes(await told()), [4])
})

test('so many are enough: the digest is told at once, and the next opens another, also in one set', async () => {
  const { db, tell, release, told } = await world({ every: '10m', maxItems: 2 })
  const to = [{ kind: 'recipient' as const, id: 'u1' }]
  const types = [typeOf('comment.created', { deliver: [{ channel: 'push' }], digest: { every: '10m', maxItems: 2 } })]
  const five = Array.from({ length: 5 }, () => intentOf({ type: 'comment.created', to, occurredAt: noon }))
  await routeAt(noon, five, { db, types })
  await release(noon)
  assert.deepEqual(sizes(await told()), [2, 2])
  await tell(noon + minute)
  await release(noon + minute)
  assert.deepEqual(sizes(await told()), [2, 2, 2])
})

test('what never ends joins a digest that ends: one takes no more than a process can tell', async () => {
  const { db, tell, decided } = await world({ at: '08:00' }, { person: { quiet: '12:30-13:00' } })
  await tell(noon)
  await tell(noon + 31 * minute, { type: 'comment.plain', thread: 't1' })
  await db.query('update digests set n = 19999')
  await tell(noon + 32 * minute)
  await tell(noon + 33 * minute, { type: 'comment.plain', thread: 't1' })
  const full = await db.query('select from digests where n = 20000 and is_full')
  assert.equal(full.length, 2)
  await tell(noon + 34 * minute)
  await tell(noon + 35 * minute, { type: 'comment.plain', thread: 't1' })
  assert.equal((await db.query('select from digests')).length, 4)
  assert.equal((await decided()).length, 6)
})

test('what waits for quiet hours to end with something of a more urgent lane leaves in that lane', async () => {
  const urgent = typeOf('comment.plain', { deliver: [{ channel: 'push' }] })
  const bulk = typeOf('news.told', { deliver: [{ channel: 'push' }], lane: 'bulk' })
  for (const lanes of [['bulk', 'default'] as const, ['default', 'bulk'] as const]) {
    const { db, release } = await world({ every: '10m' }, { person: { quiet: '11:00-13:00' }, types: [bulk] })
    const to = [{ kind: 'recipient' as const, id: 'u1' }]
    for (const [n, lane] of lanes.entries()) {
      const { type } = lane === 'bulk' ? bulk : urgent
      const intent = intentOf({ type, to, lane, occurredAt: noon + n, thread: 't1' })
      await routeAt(noon + n, [intent], { db, types: [urgent, bulk] })
    }
    await release(noon + 61 * minute)
    const told = await db.query('select lane from batches where closed_at is null')
    assert.deepEqual(told, [{ lane: 1 }], lanes.join())
  }
})

test('daily and weekly digests leave at the hour on the wall', async () => {
  const zone = 'Asia/Kolkata'
  const eight = Temporal.Instant.fromEpochMilliseconds(noon)
    .toZonedDateTimeISO(zone)
    .with({ hour: 8, minute: 0, second: 0 })
    .add({ days: 1 })
  const daily = await world({ at: '08:00' }, { person: { zone } })
  await daily.tell(noon)
  await daily.release(eight.epochMilliseconds - 1)
  assert.deepEqual(await daily.decided(), ['u1 held'])
  await daily.release(eight.epochMilliseconds)
  assert.deepEqual(await daily.decided(), ['u1 held', 'u1 deliver'])

  const weekly = await world({ at: '08:00', on: 'mon' }, { person: { zone } })
  await weekly.tell(noon)
  const [row] = await weekly.db.query<{ due_at: Date }>('select due_at from digests')
  const due = Temporal.Instant.fromEpochMilliseconds(row!.due_at.getTime()).toZonedDateTimeISO(zone)
  assert.deepEqual([due.dayOfWeek, due.hour, due.minute], [1, 8, 0])
  assert.ok(due.epochMilliseconds > noon && due.epochMilliseconds <= noon + 7 * 86_400_000)
})

test('who has no zone lives in that of the tenant: for a daily digest, and for quiet hours', async () => {
  const { db, tell } = await world({ at: '08:00' }, { person: { quiet: '17:00-19:00' } })
  await db.query(
    `insert into tenants (id, settings) values ('delhi', '{"zone":"Asia/Kolkata"}') on conflict do nothing`,
  )
  // Half past five in Kolkata.
  await tell(noon, { tenant: 'delhi' })
  await tell(noon, { tenant: 'delhi', type: 'comment.plain', who: 'u2' })
  const wallOf = (at: Date) => Temporal.Instant.fromEpochMilliseconds(at.getTime()).toZonedDateTimeISO('Asia/Kolkata')
  const digests = await db.query<{ due_at: Date }>('select due_at from digests')
  assert.deepEqual(
    digests.map(({ due_at }) => wallOf(due_at).toPlainTime().toString({ smallestUnit: 'minute' })),
    ['08:00'],
  )
  const [held] = await db.query<{ reason: string; due_at: Date }>(
    `select reason, due_at from holds where digest_id is null`,
  )
  assert.deepEqual([held!.reason, wallOf(held!.due_at).hour], ['quiet_hours', 19])
})

test('types that name one digest are told together, by its templates', async () => {
  const { tell, release, told } = await world({ every: '10m', into: 'summary' })
  await tell(noon)
  await tell(noon + 1, { type: 'comment.liked' })
  await release(noon + 10 * minute)
  const [one] = await told()
  assert.deepEqual(
    one!.map(({ type, digest }) => [type, digest?.into]),
    [
      ['comment.created', 'summary'],
      ['comment.liked', 'summary'],
    ],
  )
})

test('what is of a type that is not known keeps nobody waiting, and is told when somebody knows it', async () => {
  const { db, tell, release, without, decided } = await world({ every: '10m', into: 'summary' })
  const retired = without('comment.liked')
  await tell(noon)
  await tell(noon + 1, { type: 'comment.liked' })
  await release(noon + 10 * minute, retired)
  assert.deepEqual((await decided()).slice(2), ['u1 deliver', 'u1 held'])
  for (const later of [12, 14, 16]) await release(noon + later * minute, retired)
  assert.equal((await decided()).length, 4)
  await tell(noon + 17 * minute)
  await release(noon + 26 * minute, retired)
  assert.equal((await decided()).length, 5, 'who comes later does not wait with it')
  await release(noon + 27 * minute)
  assert.deepEqual((await decided()).slice(5).toSorted(), ['u1 deliver', 'u1 deliver'])
  const [open] = await db.query<{ n: number }>('select count(*)::int as n from holds where released_at is null')
  assert.equal(open!.n, 0)
})

test('what belongs together is by thread, by key, and always by person', async () => {
  const by = async (rule: DigestRule['by'], abouts: (Partial<Intent> & { who?: string })[]) => {
    const { tell, release, told } = await world({ every: '10m', ...(rule && { by: rule }) })
    for (const about of abouts) await tell(noon, about)
    await release(noon + 10 * minute)
    return (await told()).length
  }
  const threads = [{ thread: 't1' }, { thread: 't2' }, { thread: 't1' }]
  assert.equal(await by('thread', threads), 2)
  assert.equal(await by('recipient', threads), 1)
  assert.equal(await by(data => (data as { repo: string }).repo, [{ data: { repo: 'a' } }, { data: { repo: 'b' } }]), 2)
  assert.equal(await by('recipient', [{ who: 'u1' }, { who: 'u2' }]), 2)
})

test('each item is decided again when the digest is due, and drops out by itself', async () => {
  const { db, tell, release, decided, told } = await world({ every: '10m' })
  await tell(noon, { thread: 'muted', data: { n: 1 } })
  await tell(noon, { thread: 'heard', data: { n: 2 } })
  await tell(noon, { thread: 'heard', data: { n: 3 }, expiresAt: noon + minute })
  await db.query(`update recipients set choices = '{"threads":{"muted":true}}' where id = 'u1'`)
  await release(noon + 10 * minute)
  assert.deepEqual((await decided()).slice(3).toSorted(), ['u1 deliver', 'u1 expired', 'u1 suppressed_mute'])
  assert.equal((await told())[0]![0]!.digest, undefined)
})

test('a digest that is due in quiet hours waits for their end, whole, and goes on being joined', async () => {
  const { db, tell, release, decided, told } = await world({ every: '10m' }, { person: { quiet: '12:05-13:00' } })
  await tell(noon)
  await release(noon + 10 * minute)
  const { held } = await readBacklog(db)
  assert.ok(held[0]!.nextDue.getTime() >= noon + 60 * minute, 'operators see when it is told')
  await tell(noon + 20 * minute)
  await release(noon + 59 * minute)
  assert.deepEqual(await decided(), ['u1 held', 'u1 held'])
  await release(noon + 61 * minute)
  assert.deepEqual(sizes(await told()), [2])
})

test('what quiet hours hold of a thread wakes its person once; other threads and the inbox do not wait for each other', async () => {
  const { tell, release, decided, told } = await world(
    { every: '10m' },
    {
      person: { quiet: '11:00-13:00' },
      types: [typeOf('comment.both', { deliver: [{ channel: 'in_app' }, { channel: 'push' }] })],
    },
  )
  for (const thread of ['t1', 't1', 't2']) await tell(noon, { type: 'comment.both', thread })
  await tell(noon + 1, { type: 'comment.plain', thread: 't1' })
  assert.deepEqual((await decided()).filter(one => one === 'u1 deliver').length, 3, 'the inbox interrupts nobody')
  await release(noon + 59 * minute)
  assert.equal((await decided()).length, 7)
  await release(noon + 61 * minute)
  assert.deepEqual((await decided()).slice(7), Array(4).fill('u1 deliver'))
  const pushed = (await told()).filter(([one]) => one!.thread === 't1' && one!.digest)
  assert.deepEqual(
    pushed.map(told => told.map(intent => intent.type)),
    [['comment.both', 'comment.both', 'comment.plain']],
  )
})

test('what is told of several waits for who is active, as one, and what is read meanwhile drops out of it', async () => {
  const deliver = [{ channel: 'push', unless: 'active', after: '30s' }] as const
  const types = [typeOf('comment.aside', { deliver, digest: { every: '10m' } })]
  const { db, tell, release, releaseHolds, decided, told } = await world({ every: '10m' }, { types })
  await db.query('truncate presence, watermarks, engagements')
  const last = intentId({ producer: 'test', key: 'last' })
  for (const n of [0, 1]) await tell(noon + n, { type: 'comment.aside', thread: 't1' })
  await tell(noon + 1, { type: 'comment.aside', thread: 't2', key: 'last', id: last })
  const at = (ms: EpochMs) => new Date(ms).toISOString()
  await db.query(`insert into presence values ('u1', $1)`, [at(noon + 12 * minute)])
  await release(noon + 10 * minute)
  assert.deepEqual((await decided()).slice(3), ['u1 held', 'u1 held', 'u1 held'])
  await db.query(`update recipients set read_xid = pg_current_xact_id() where id = 'u1'`)
  await db.query(`insert into watermarks (recipient, thread, up_to) values ('u1', 't2', $1)`, [at(noon + minute)])
  await db.query(`insert into engagements values ('u1', $1, 'read', '', $2)`, [last, at(noon + minute)])
  await releaseHolds(noon + 13 * minute)
  await release(noon + 13 * minute)
  assert.deepEqual((await decided()).slice(6).toSorted(), ['u1 deliver', 'u1 deliver', 'u1 suppressed_read'])
  assert.deepEqual(sizes(await told()), [2])
})

test('a digest takes one place in a throttle, whatever its members took before, by however many channels and holds it leaves', async () => {
  const deliver = [{ channel: 'in_app' }, { channel: 'push', unless: 'active' }, { channel: 'sms' }] as const
  const digest = { every: '10m' } as const
  const types = [typeOf('comment.few', { deliver, digest, throttle: { limit: 4, per: '1h' } })]
  const { db, tell, release, decided, told } = await world({ every: '10m' }, { types })
  const endpoints = [
    { id: 'p', channel: 'push', provider: 'fcm', address: 'x', state: 'active', since: 0 },
    { id: 'm', channel: 'sms', provider: 'twilio', address: 'x', state: 'active', since: 0 },
  ]
  await db.query(`update recipients set endpoints = $1 where id = 'u1'`, [JSON.stringify(endpoints)])
  await db.query('truncate presence')
  await db.query(`insert into presence values ('u1', $1)`, [new Date(noon + 12 * minute).toISOString()])
  const instants = async () => {
    const [row] = await db.query<{ state: string }>(`select state from windows where recipient = 'u1'`)
    return (JSON.parse(row!.state) as { t: Record<string, [EpochMs, EpochMs[]]> }).t['comment.few']![1]
  }
  // The inbox is told of each at once; the last is not for phones, so that another speaks there.
  await db.query(`insert into tenants (id, settings) values ('acme', '{"locks":{"social":{"push":false}}}')`)
  for (const n of [0, 1]) await tell(noon + n, { type: 'comment.few' })
  await tell(noon + 2, { type: 'comment.few', tenant: 'acme' })
  const counted = [noon, noon + 1, noon + 2, noon + 11 * minute]
  await release(noon + 11 * minute)
  assert.deepEqual(sizes(await told()), [1, 1, 1, 3])
  assert.deepEqual(await instants(), counted)
  await release(noon + 13 * minute)
  assert.deepEqual(sizes(await told()), [1, 1, 1, 3, 2])
  assert.deepEqual(await instants(), counted)
  for (const n of [0, 1]) await tell(noon + 14 * minute + n, { type: 'comment.few' })
  await release(noon + 25 * minute)
  assert.deepEqual((await decided()).slice(-4), Array(4).fill('u1 throttled'))
})

test('how often a person wants to hear of a category comes before what the type says', async () => {
  const { db, tell, release, decided, told } = await world({ every: '10m', sendFirst: true, maxItems: 2 })
  const wants = (cadence: string) =>
    db.query(`update recipients set choices = $1`, [JSON.stringify({ cadence: { social: cadence } })])
  await wants('instant')
  for (const n of [0, 1, 2]) await tell(noon + n)
  assert.deepEqual(await decided(), ['u1 deliver', 'u1 deliver', 'u1 deliver'])
  await wants('hourly')
  for (const n of [0, 1, 2]) await tell(noon + n * minute)
  await release(noon + 59 * minute)
  assert.deepEqual((await decided()).slice(3), ['u1 held', 'u1 held', 'u1 held'])
  await release(noon + 60 * minute)
  assert.deepEqual(sizes(await told()), [1, 1, 1, 3])
  await wants('daily')
  await tell(noon + 70 * minute)
  const [open] = await db.query<{ due_at: Date }>('select due_at from digests where closed_at is null')
  assert.equal(open!.due_at.toISOString().slice(11, 16), '08:00')
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type AnyNotificationType, catalogueOf } from '#contracts/catalogue.ts'
import type { ResumePolicy } from '#contracts/stop.ts'
import { audit } from '#ledger/audit.ts'
import { type CarriedIntent, splitJson } from '#ledger/batch.ts'
import { endStop, freeStopped, openStop } from '#ledger/stops.ts'
import { createLog } from '#runtime/log.ts'
import { releaseDigests } from './release-digests.ts'
import { releaseDue } from './release.ts'
import { emptyLedger, intentOf, routeAt, typeOf } from './routing.fixture.ts'

const minute = 60_000
const words = () => ({ title: '', body: '' })
const both = { deliver: [{ channel: 'in_app' }, { channel: 'push' }] } as const
const into = { deliver: [{ channel: 'push' }], digest: { every: '10m', into: 'summary' } } as const
const types: readonly AnyNotificationType[] = [
  typeOf('comment.created', both),
  typeOf('comment.liked', both),
  typeOf('password.changed', { ...both, mandatory: true }),
  typeOf('in.summary', into),
  typeOf('also.in', into),
]
const options = { digests: [{ name: 'summary', templates: { en: { push: words } } }] }
const catalogue = catalogueOf('1', types, options)
const now = Date.now()

/** One person with a phone, whom a test tells and for whom it lets time pass. */
async function world() {
  const ledger = await emptyLedger()
  const { db } = ledger
  const phone = [{ id: 'p', channel: 'push', provider: 'fcm', address: 'x', state: 'active', since: 0 }]
  await db.query(`insert into recipients (id, endpoints) values ('u1', $1), ('u2', $1)`, [JSON.stringify(phone)])
  const log = createLog({ role: 'test', write: () => {} })
  return {
    db,
    tell: (type: string, at: number, who = 'u1') =>
      routeAt(at, [intentOf({ type, occurredAt: at, to: [{ kind: 'recipient', id: who }] })], { db, types, options }),
    stop: (resume: ResumePolicy, name = 'social', scope: 'category' | 'type' = 'category') =>
      openStop(db, { scope, name, resume, who: 'ada', why: 'a test' }),
    goOn: async (id: string, at: number) => {
      await endStop(db, { id, who: 'ada' })
      await freeStopped(db, { now: at })
    },
    pass: async (at: number) => {
      const due = { lane: 'default' as const, catalogue, log, now: at }
      while (await releaseDue(db, due));
      while (await releaseDigests(db, due));
    },
    /** What pushes tell: whom, of how many intents, and the type of the last. */
    pushes: async () => {
      const rows = await db.query<{ recipients: string[]; picks: number[] | null; payload: string }>(
        `select recipients, picks, payload from batches where closed_at is null and channel = 0 order by id`,
      )
      const slots = rows.flatMap(({ recipients, picks, payload }) => {
        const intents = splitJson<CarriedIntent>(payload)
        return recipients.map((who, at) => ({ who, intent: intents[picks?.[at] ?? 0]! }))
      })
      const told = Map.groupBy(slots, ({ who, intent }) => `${who} ${intent.digest?.id ?? intent.id}`)
      return [...told.values()].map(all => `${all[0]!.who} ${all.length} ${all.at(-1)!.intent.type}`).sort()
    },
    [Symbol.asyncDispose]: () => ledger[Symbol.asyncDispose](),
  }
}

test('what a stop held that ends in a digest is one message for each person; the inbox shows each, what must be told goes by itself', async () => {
  await using told = await world()
  const { db, tell, stop, goOn, pass, pushes } = told
  const id = await stop('digest')
  for (const [at, type] of ['comment.created', 'comment.liked', 'comment.created', 'password.changed'].entries())
    await tell(type, now + at)
  await tell('comment.liked', now, 'u2')
  await pass(now + minute)
  assert.deepEqual(await pushes(), [])
  await goOn(id, now + minute)
  await pass(now + minute + 20_000)
  assert.deepEqual(await pushes(), ['u1 1 password.changed'])
  const inbox = await db.query(`select from batches where channel = 3 and closed_at is null`)
  assert.ok(inbox.length > 0)
  await pass(now + 3 * minute)
  const all = ['u1 1 password.changed', 'u1 3 comment.created', 'u2 1 comment.liked']
  assert.deepEqual(await pushes(), all)

  // Whoever still saw the stop wrote its hold after the others were told.
  await db.query(`update stops set ended_at = null where id = $1`, [id])
  await tell('comment.liked', now + 3 * minute)
  await goOn(id, now + 3 * minute)
  await pass(now + 4 * minute)
  await pass(now + 6 * minute)
  assert.deepEqual(await pushes(), ['u1 1 comment.liked', ...all])
  assert.deepEqual(await db.query('select from holds where released_at is null'), [])
  assert.deepEqual((await audit(db)).problems, [])
})

test('what is stopped again before it is told waits on, and is told together still', async () => {
  await using told = await world()
  const { tell, stop, goOn, pass, pushes } = told
  const first = await stop('digest')
  await tell('comment.created', now)
  await tell('comment.liked', now)
  await goOn(first, now)
  await pass(now + 20_000)
  const again = await stop('send')
  await pass(now + 3 * minute)
  assert.deepEqual(await pushes(), [])
  await goOn(again, now + 3 * minute)
  await pass(now + 10 * minute)
  assert.deepEqual(
    (await pushes()).map(push => push.slice(0, 4)),
    ['u1 2'],
  )
})

test('of a digest of several types only those wait that are stopped, and are told together when the stop ends', async () => {
  await using told = await world()
  const { db, tell, stop, goOn, pass, pushes } = told
  for (const type of ['in.summary', 'also.in', 'in.summary', 'also.in', 'also.in']) await tell(type, now)
  const id = await stop('send', 'in.summary', 'type')
  await pass(now + 11 * minute)
  assert.deepEqual(await pushes(), ['u1 3 also.in'])
  await tell('also.in', now + 12 * minute)
  await pass(now + 17 * minute)
  assert.deepEqual(await pushes(), ['u1 3 also.in'], 'asked again it waits again, and takes nothing more')
  await goOn(id, now + 17 * minute)
  await pass(now + 23 * minute)
  assert.deepEqual(await pushes(), ['u1 1 also.in', 'u1 2 in.summary', 'u1 3 also.in'])
  assert.deepEqual((await audit(db)).problems, [])
})

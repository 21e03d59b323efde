import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type AnyNotificationType, type Catalogue, catalogueOf } from '#contracts/catalogue.ts'
import { type Lane, lanes } from '#contracts/channel.ts'
import type { EpochMs } from '#contracts/ids.ts'
import { audit } from '#ledger/audit.ts'
import { hastenHolds, placeTombstone } from '#ledger/retractions.ts'
import { endStop, freeStopped, openStop } from '#ledger/stops.ts'
import { createLog } from '#runtime/log.ts'
import type { Database } from '#runtime/postgres.ts'
import { releaseDigests } from './release-digests.ts'
import { releaseDue } from './release.ts'
import { emptyLedger, intentOf, routeAt, typeOf } from './routing.fixture.ts'

const minute = 60_000
const words = () => ({ title: '', body: '' })
const templates = { en: { in_app: words, push: words, sms: () => ({ text: '' }) } }
const two = [{ channel: 'in_app' }, { channel: 'push' }] as const
const three = [
  { channel: 'in_app' },
  { channel: 'push', unless: 'active', after: '30s' },
  { channel: 'sms', after: '5m', unless: 'seen' },
] as const
/** Of each rule one, and some of several. */
const types: readonly AnyNotificationType[] = [
  typeOf('first.told', { deliver: two, digest: { every: '10m', sendFirst: true } }),
  typeOf('until.full', {
    ...{ deliver: two, throttle: { limit: 2, per: '1h' } },
    digest: { by: 'thread', every: '5m', atMost: '20m', maxItems: 3 },
  }),
  typeOf('in.summary', { deliver: two, digest: { every: '10m', into: 'summary' }, value: 5 }),
  typeOf('also.in', { deliver: two, digest: { every: '10m', into: 'summary', channels: ['in_app', 'push'] } }),
  typeOf('told.once', { deliver: two, value: 1, dedupe: { key: data => JSON.stringify(data), within: '10m' } }),
  typeOf('later.steps', { deliver: three }),
  typeOf('steps.together', { deliver: three, digest: { every: '10m' }, throttle: { limit: 1, per: '30m' } }),
  typeOf('less.urgent', { deliver: two, lane: 'bulk', value: 2 }),
  typeOf('any.time', { deliver: two, quietHours: 'ignore', holdout: 0.3 }),
  typeOf('must.hurry', { deliver: two, lane: 'critical' }),
].map(type => ({ ...type, templates }))
const options = {
  digests: [{ name: 'summary', templates }],
  budgets: [
    { name: 'push', channel: 'push', limit: 3, per: '30m', wait: '2h', afterwards: 'digest' },
    { name: 'inbox', channel: 'in_app', limit: 6, per: '20m', wait: '30m', afterwards: 'expire' },
  ],
} as const
const catalogue = catalogueOf('1', types, options)
const older = catalogueOf(
  '0',
  types.filter(({ type }) => type !== 'also.in' && type !== 'told.once'),
  options,
)

function randomness(seed: number) {
  const random = (): number => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647
  return { random, pick: <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)]! }
}

async function addPeople(db: Database): Promise<void> {
  const endpoints = JSON.stringify([
    { id: 'p', channel: 'push', provider: 'fcm', address: 'x', state: 'active', since: 0 },
    { id: 'm', channel: 'sms', provider: 'twilio', address: 'x', state: 'active', since: 0 },
  ])
  await db.query(
    `insert into recipients (id, quiet, endpoints)
     select * from unnest(array['u1', 'u2', 'u3'], array['12:30-13:00', '12:10-12:40', null]) as u(id, quiet), (values ($1)) e`,
    [endpoints],
  )
}

/** What producers, people and operators may do next, drawn by chance. */
function doings(db: Database, { random, pick }: ReturnType<typeof randomness>) {
  const stops: string[] = []
  const told: ReturnType<typeof intentOf>[] = []
  const now = { at: Date.parse(`${new Date().toISOString().slice(0, 10)}T12:00:00Z`) }
  const tell = async () => {
    const { at } = now
    const lane: Lane = pick(['default', 'default', 'default', 'bulk', 'critical'])
    const some = Array.from({ length: 1 + Math.floor(random() * 4) }, () =>
      intentOf({
        ...{ type: pick(types.filter(type => type.lane === lane)).type, lane, thread: pick(['t1', 't2']) },
        ...{ to: [{ kind: 'recipient', id: pick(['u1', 'u2', 'u3']) }], data: { n: pick([1, 2, 3]) } },
        occurredAt: at - Math.floor(random() * 1_000),
        ...(random() < 0.2 && { expiresAt: at + Math.floor(random() * 60 * minute) }),
        ...(random() < 0.15 && { sendAt: at + 5 * minute }),
        ...(random() < 0.1 && lane !== 'critical' && { spreadOverMs: 10 * minute }),
        ...(random() < 0.1 && told.length > 0 && { supersedes: pick(told).key }),
        ...(random() < 0.05 && { dryRun: true }),
      }),
    )
    told.push(...some)
    // Told twice at once, in another order: each counts once.
    await Promise.all([some, some.toReversed()].map(those => routeAt(at, those, { db, types, options })))
  }
  const retract = async () => {
    if (told.length === 0) return
    const { id } = pick(told)
    await placeTombstone(db, id)
    await db.transaction(tx => hastenHolds(tx, { ids: [id], now: now.at }))
  }
  const stop = async () => {
    const [scope, name] = pick([
      ...([['type', 'in.summary'] as const, ['type', 'steps.together']] as const),
      ...([['channel', 'push'] as const, ['channel', 'in_app'], ['category', 'social']] as const),
    ])
    stops.push(
      await openStop(db, { scope, name, resume: pick(['send', 'send', 'digest', 'drop']), who: 'ada', why: 'a test' }),
    )
  }
  const goOn = async () => void (stops.length > 0 && (await endStop(db, { id: stops.shift()!, who: 'ada' })))
  const stayActive = async () =>
    void (await db.query(
      `insert into presence values ($1, $2) on conflict (recipient) do update set active_until = excluded.active_until`,
      [pick(['u1', 'u3']), new Date(now.at + 10 * minute).toISOString()],
    ))
  return { now, told, stops, goOn, next: () => pick([tell, tell, tell, tell, retract, stop, goOn, stayActive])() }
}

async function release(db: Database, { catalogue, now }: { catalogue: Catalogue; now: EpochMs }): Promise<void> {
  const log = createLog({ role: 'test', write: line => assert.doesNotMatch(line, /"level":"error"/) })
  for (const lane of lanes) {
    const due = { lane, catalogue, log, now }
    while (await releaseDue(db, due));
    while (await releaseDigests(db, due));
  }
}

test('whatever meets whatever, everything that was taken in ends once, and nothing waits for ever', async () => {
  const seed = 1 + (Date.now() % 1_000_000)
  const chance = randomness(seed)
  await using ledger = await emptyLedger()
  const { db } = ledger
  await addPeople(db)
  const { now, told, stops, goOn, next } = doings(db, chance)
  for (let n = 0; n < 80; n++) {
    now.at += Math.floor(chance.random() * 2 * minute)
    const schedulers = chance.pick([[], [catalogue], [older, catalogue, catalogue]])
    await Promise.all([next(), ...schedulers.map(known => release(db, { catalogue: known, now: now.at }))])
    await freeStopped(db, { now: now.at })
  }
  while (stops.length > 0) await goOn()
  for (let n = 0; n < 60; n++) {
    now.at += 10 * minute
    await freeStopped(db, { now: now.at })
    await release(db, { catalogue, now: now.at })
  }
  const waiting = await db.query(`select reason, due_at, whys from holds where released_at is null`)
  assert.deepEqual(waiting, [], `seed ${seed}`)
  assert.deepEqual(await db.query('select key from digests where closed_at is null'), [], `seed ${seed}`)
  const ends = await db.query(`select from deliveries group by intent_id, recipient, channel`)
  const asked = told.map(({ type }) => types.find(one => one.type === type)!.deliver.length)
  assert.equal(
    ends.length,
    asked.reduce((sum, n) => sum + n, 0),
    `seed ${seed}`,
  )
  assert.deepEqual((await audit(db)).problems, [], `seed ${seed}`)
})

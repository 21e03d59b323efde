import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { catalogueOf, type CatalogueOptions } from '#contracts/catalogue.ts'
import type { RecipientId } from '#contracts/ids.ts'
import type { To } from '#contracts/intent.ts'
import { openStop } from '#ledger/stops.ts'
import { createLog } from '#runtime/log.ts'
import type { Database, Queryable } from '#runtime/postgres.ts'
import { expandPage } from './expand.ts'
import { explain } from './explain.ts'
import { simulate } from './simulate.ts'
import { emptyLedger, intentOf, routeAt, typeOf } from './routing.fixture.ts'

const channels = ['push', 'in_app'] as const
const entry = typeOf('comment.created', {
  deliver: [{ channel: 'push' }, { channel: 'in_app' }, { channel: 'sms', arm: 'b' }],
  holdout: 0.2,
  arms: { name: 'sms', split: { a: 50, b: 50 } },
  dedupe: { key: data => (data as { about: string }).about, within: '10m' },
  throttle: { limit: 2, per: '1h' },
})
const liked = { ...entry, type: 'comment.liked', digest: { by: 'thread', every: '10m' } } as const
/** Everything that one person's decisions can look at of another. */
const types = [entry, liked, { ...entry, type: 'comment.stopped' }]
const options: CatalogueOptions = {
  budgets: [{ name: 'day', channel: 'push', limit: 1, per: '24h', wait: '1h', afterwards: 'expire' }],
}
const noon = Date.parse('2026-11-21T12:00:00Z')

const told = (...words: string[]) => words.join(' ')

/** What the router decided about an intent, from its events. */
async function decidedAbout(db: Queryable, intent: string): Promise<string[]> {
  const rows = await db.query<{ payload: string }>(`select payload from outbox where payload like '%' || $1 || '%'`, [
    intent,
  ])
  type Pack = { slots: { recipient: string; channel: string; what: string; w?: number }[]; whys: { rule: string }[] }
  const packs = rows.map(row => JSON.parse(row.payload) as Pack)
  return packs.flatMap(pack =>
    pack.slots.map(({ recipient, channel, what, w }) => told(recipient, channel, what, pack.whys[w ?? 0]!.rule)),
  )
}

const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined })
/** Every other person wishes for nothing: what wishes refuse meets no rule after them. */
const person = fc.record({
  choices: fc.oneof(
    fc.constant({}),
    fc.record(
      {
        categories: fc.dictionary(
          fc.constantFrom('social', '*'),
          fc.dictionary(fc.constantFrom(...channels), fc.boolean()),
        ),
        paused: fc.constantFrom(true as const, noon - 1, noon + 1),
        threads: fc.constantFrom({ t1: true }, { t1: noon }, { t2: true }),
        levels: fc.constantFrom(
          { room: { r1: { level: 'mentions', everyone: false } } },
          { thread: { t1: { level: 'none' } } },
        ),
      },
      { requiredKeys: [] },
    ),
  ),
  quiet: maybe(fc.constantFrom('22:00-08:00', '11:00-13:00')),
  zone: maybe(fc.constantFrom('UTC', 'Asia/Tokyo', 'America/New_York')),
  device: fc.constantFrom('active', 'dead', 'suppressed', undefined),
})
const addressed = {
  room: maybe(fc.constant('r1')),
  reason: maybe(fc.constantFrom('mention', 'everyone', 'author')),
}
const stated = fc.array(
  fc.record({
    type: fc.constantFrom(entry.type, entry.type, entry.type, liked.type, 'comment.stopped'),
    about: fc.constantFrom('a', 'b'),
    minute: fc.nat(70),
    thread: maybe(fc.constant('t1')),
    ...addressed,
  }),
  { minLength: 1, maxLength: 8 },
)

test('what is explained and simulated is what the router then decides, whoever it is and whatever was told before', async () => {
  await using ledger = await emptyLedger()
  const { db } = ledger
  await db.query('insert into tenants (id, settings) values ($1, $2), ($3, $4)', [
    ...['acme', JSON.stringify({ locks: { social: { push: false } } })],
    ...['other', JSON.stringify({ defaults: { '*': { in_app: false } }, zone: 'Asia/Tokyo' })],
  ])
  await openStop(db, { scope: 'type', name: 'comment.stopped', resume: 'drop', who: 'eve', why: 'a test' })
  const seen = new Set<string>()
  let n = 0
  await fc.assert(
    fc.asyncProperty(person, stated, async (who, statements) => {
      const [recipient, other, member] = [`u${++n}`, `v${n}`, `w${n}`] as RecipientId[]
      const audience = `a${n}`
      const tenant = ['acme', 'other'][n % 10]
      const phone = { id: 'd', channel: 'push', provider: 'fcm', address: 't', state: who.device, since: 0 }
      for (const id of [recipient, member])
        await db.query('insert into recipients (id, choices, quiet, zone, endpoints) values ($1, $2, $3, $4, $5)', [
          ...[id, JSON.stringify(who.choices), who.quiet, who.zone],
          who.device === undefined ? null : JSON.stringify([phone]),
        ])
      await db.query('insert into audience_members (audience, recipient) select $1, unnest($2::text[])', [
        ...[audience, [recipient, member, other]],
      ])
      const inOrder = statements.toSorted((a, b) => a.minute - b.minute)
      for (const { type, about, minute, thread, room, reason } of inOrder) {
        const entry = catalogueOf('1', types, options).types.get(type)!
        const at = noon + minute * 60_000
        const said = { data: { about }, ...(thread && { thread }), ...(room && { room }), ...(tenant && { tenant }) }
        const to: To[] = [
          { kind: 'recipient', id: recipient!, ...(reason && { reason }) },
          { kind: 'audience', audience },
        ]
        const intent = intentOf({ type: entry.type, to, occurredAt: at, ...said, actor: other! })
        const explained = await explain(db, { entry, recipient: recipient!, at, reason, ...said })
        const { lines, members } = await simulate({ db, addressKey: '' }, { intent, entry, now: at })
        assert.deepEqual(members, { n: 1, shown: 1, more: false })
        assert.deepEqual(
          explained,
          lines.filter(line => line.recipient === recipient),
        )
        await routeAt(at, [intent], { db, types, options })
        await expandAll(at, db)
        const expected = lines.map(({ recipient, channel, verdict, rule }) => told(recipient, channel, verdict, rule))
        assert.deepEqual((await decidedAbout(db, intent.id)).sort(), expected.sort())
        for (const one of expected) seen.add(one.split(' ')[3]!)
      }
    }),
    { numRuns: 50, seed: 4711 },
  )
  const wanted =
    'default opted_in opted_out muted_thread level mention_off tenant_locked tenant_default paused no_endpoint endpoint_suppressed deduplicated throttled quiet_hours holdout digest budget killed'
  for (const rule of wanted.split(' ')) assert.ok(seen.has(rule), `no case of ${rule}`)
})

const expandAll = async (now: number, db: Database) => {
  const catalogue = catalogueOf('1', types, options)
  const log = createLog({ role: 'test', level: 'error' })
  while (await expandPage({ db, lanes: ['default'], catalogue, log, sources: [], now, trustEventTime: false }));
}

test('without data nothing is said of repeats, and asking leaves nothing behind', async () => {
  await using ledger = await emptyLedger()
  const { db } = ledger
  const recipient = 'u1' as RecipientId
  const to = [{ kind: 'recipient' as const, id: recipient }]
  const { holdout: _, ...toAll } = entry
  await routeAt(noon, [intentOf({ type: entry.type, to, occurredAt: noon, data: { about: 'a' } })], {
    ...{ db, types: [toAll] },
  })
  const before = await db.query('select * from windows')
  const ask = {
    entry: { ...entry, holdout: 0, deliver: channels.map(channel => ({ channel })) },
    recipient,
    at: noon + 1,
  }
  const rules = async (data?: { about: string }) =>
    (await explain(db, { ...ask, ...(data && { data }) })).map(({ rule }) => rule)
  assert.deepEqual(await rules({ about: 'a' }), ['no_endpoint', 'deduplicated'])
  assert.deepEqual(await rules(), ['no_endpoint', 'default'])
  assert.deepEqual(await db.query('select * from windows'), before)
})

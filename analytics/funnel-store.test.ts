import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EventPack, EventSlot } from '#contracts/event.ts'
import { ensurePartitions } from '#db/partitions.ts'
import { openPostgres } from '#runtime/postgres.ts'
import { at, day, decidedPack, engagedPack, intentFacts, people, settledPack } from '#tests/analytics/packs.fixture.ts'
import { testDatabase } from '#tests/servers.ts'
import { storePacks } from './event-store.ts'
import { funnel } from './funnel-store.ts'
import type { FunnelRow } from './funnel.ts'
import { parseEventPack } from './pack.ts'
import { recomputeHour } from './rollup-store.ts'
import type { Stage } from './stages.ts'

const minute = 60_000

async function setup(packs: readonly EventPack[]) {
  await using started = new AsyncDisposableStack()
  const { url } = started.use(await testDatabase())
  const db = started.use(await openPostgres({ url, connectionsMax: 2, name: 'test' }))
  await ensurePartitions(db, { from: day, days: 3 })
  await storePacks(db, packs)
  const running = started.move()
  return { db, [Symbol.asyncDispose]: () => running.disposeAsync() }
}

const counts = ({ stages }: FunnelRow): number[] => Object.values(stages)
const slot = (recipient: string, what: EventSlot['what'], more: Partial<EventSlot> = {}): EventSlot => ({
  i: 0,
  recipient,
  channel: 'push',
  endpoint: 'device-1',
  what,
  ...more,
})

test('who has two devices is one notification: accepted by one of them is accepted', async () => {
  const slots = [
    slot('user-0', 'address_dead'),
    slot('user-0', 'sent', { endpoint: 'device-2' }),
    slot('user-1', 'address_dead'),
    slot('user-1', 'rejected', { endpoint: 'device-2' }),
  ]
  await using world = await setup([decidedPack(people(3)), settledPack([], { slots })])
  const [row] = await funnel(world.db)
  assert.deepEqual(counts(row!), [3, 3, 2, 1, 0, 0, 0, 0])
  assert.deepEqual(row!.rest, [
    { after: 'decided', what: 'queued', n: 1 },
    { after: 'attempted', what: 'rejected', n: 1 },
  ])
})

test('where the rest went: refused, held, retrying, closed by a rule before a call, closed by the provider after it', async () => {
  const decided = decidedPack(people(7))
  decided.whys = [{ rule: 'default' }, { rule: 'throttled', value: '10/1h' }, { rule: 'quiet_hours', value: '08:00' }]
  Object.assign(decided.slots[0]!, { what: 'throttled', w: 1 })
  Object.assign(decided.slots[1]!, { what: 'held', w: 2 })
  const whys = [{ rule: 'expired' as const }]
  const slots = [
    slot('user-2', 'moved'),
    slot('user-3', 'expired', { w: 0 }),
    slot('user-4', 'moved'),
    slot('user-5', 'suppressed_address'),
    slot('user-6', 'sent'),
  ]
  const later = settledPack([], { at: at + minute, whys, slots: [slot('user-4', 'expired', { w: 0 })] })
  await using world = await setup([decided, settledPack([], { whys, slots }), later])
  const [row] = await funnel(world.db)
  assert.deepEqual(counts(row!), [7, 5, 4, 1, 0, 0, 0, 0])
  assert.deepEqual(row!.rest, [
    { after: 'intended', what: 'held', reason: 'quiet_hours', n: 1 },
    { after: 'intended', what: 'throttled', n: 1 },
    { after: 'decided', what: 'expired', n: 1 },
    { after: 'attempted', what: 'expired', n: 1 },
    { after: 'attempted', what: 'retrying', n: 1 },
    { after: 'attempted', what: 'suppressed_address', n: 1 },
  ])
})

test('attempted is what a provider was called for, or may have been called for', async () => {
  const whys = [{ rule: 'not_called' as const }, { rule: 'maybe_sent' as const, value: 'expired' }]
  const slots = [slot('user-0', 'moved'), slot('user-1', 'moved', { w: 0 }), slot('user-2', 'in_doubt', { w: 1 })]
  await using world = await setup([decidedPack(people(3)), settledPack([], { whys, slots })])
  const [row] = await funnel(world.db)
  assert.deepEqual(counts(row!), [3, 3, 2, 0, 0, 0, 0, 0])
})

test('what an account has answered is attempted, whatever becomes of it by another one', async () => {
  const whys = ['refused', 'called', 'unfit'].map(why => ({ rule: 'rerouted' as const, value: `twilio_b ${why}` }))
  const moved = people(3).map((one, w) => slot(one, 'moved', { w }))
  const slots = people(3).map(one => slot(one, 'expired', { w: 0 }))
  const over = settledPack([], { at: at + minute, whys: [{ rule: 'expired', value: 'noon' }], slots })
  await using world = await setup([decidedPack(people(3)), settledPack([], { whys, slots: moved }), over])
  const [row] = await funnel(world.db)
  assert.deepEqual(counts(row!), [3, 3, 2, 0, 0, 0, 0, 0])
  assert.deepEqual(row!.rest, [
    { after: 'decided', what: 'expired', n: 1 },
    { after: 'attempted', what: 'expired', n: 2 },
  ])
})

test('what was held counts as what it became, and the same event twice counts once', async () => {
  const held = decidedPack(people(2), { whys: [{ rule: 'scheduled', value: 'noon' }] })
  for (const one of held.slots) one.what = 'held'
  const released = decidedPack(['user-0'], { at: at + minute })
  const refused = decidedPack(['user-1'], { at: at + minute, whys: [{ rule: 'opted_out', value: 'social' }] })
  refused.slots[0]!.what = 'suppressed_preference'
  await using world = await setup([held, released, refused])
  const [row] = await funnel(world.db)
  assert.deepEqual(counts(row!), [2, 1, 0, 0, 0, 0, 0, 0])
  assert.deepEqual(row!.rest, [
    { after: 'intended', what: 'suppressed_preference', n: 1 },
    { after: 'decided', what: 'queued', n: 1 },
  ])
})

test('engagement counts once each stage before it was passed; what is simulated only when it is asked for', async () => {
  const engaged = engagedPack([
    { recipient: 'user-0', what: 'opened' },
    { recipient: 'user-0', what: 'opened' },
    { recipient: 'user-0', what: 'acted' },
    { recipient: 'user-1', what: 'seen' },
    { recipient: 'user-2', what: 'acted' },
    { recipient: 'user-9', what: 'opened' },
  ])
  const simulated = engagedPack([{ recipient: 'user-3', what: 'read' }], { simulated: true })
  await using world = await setup([decidedPack(people(5)), settledPack(people(4)), engaged, simulated])
  assert.deepEqual(counts((await funnel(world.db))[0]!), [5, 5, 4, 4, 0, 2, 1, 1])
  assert.deepEqual(counts((await funnel(world.db, { includeSimulated: true }))[0]!), [5, 5, 4, 4, 0, 3, 2, 1])
})

test('who could not have acted is in no base of it: where the type names no success, nobody tells of one', async () => {
  const decided = (key: string, type: string, success?: boolean) =>
    decidedPack(people(2), { intents: [intentFacts(key, { type, ...(success !== undefined && { success }) })] })
  const opened = (key: string, type: string) =>
    engagedPack([{ recipient: 'user-0', what: 'opened' }], { intents: [intentFacts(key, { type })] })
  const sent = (key: string, type: string) => settledPack(people(2), { intents: [intentFacts(key, { type })] })
  const of = (key: string, type: string, success?: boolean) => [
    ...[decided(key, type, success), sent(key, type), opened(key, type)],
  ]
  const packs = [...of('invite', 'invite.created', true), ...of('like', 'post.liked', false), ...of('old', 'old.one')]
  const acted = engagedPack([{ recipient: 'user-0', what: 'acted' }], {
    ...{ at: at + 2 * minute, intents: [intentFacts('invite', { type: 'invite.created' })] },
  })
  await using world = await setup([...packs, acted])
  while (await recomputeHour(world.db));
  for (const source of ['raw', 'rollup'] as const) {
    const times = { since: at, until: at + 60 * minute }
    const rows = await funnel(world.db, { by: 'type', source, ...times })
    assert.deepEqual(
      rows.map(({ group, stages, bases }) => [group, stages.opened, stages.acted, bases.acted]),
      [
        ['invite.created', 1, 1, { first: 2, previous: 1 }],
        ['old.one', 1, 0, { first: 2, previous: 1 }],
        ['post.liked', 1, 0, { first: 0, previous: 0 }],
      ],
      source,
    )
    const [all] = await funnel(world.db, { source, ...times })
    assert.deepEqual([all!.stages.acted, all!.bases.acted], [1, { first: 4, previous: 2 }], source)
  }
  const [one] = await funnel(world.db, { unit: 'recipient' })
  assert.deepEqual(one!.bases.acted, { first: 2, previous: 1 }, 'who was told of something that names one could act')
  const furthest = await world.db.query(
    `select type, furthest, sum(n)::int as n from analytics_hours where furthest in ('opened', 'acted') group by 1, 2 order by 1`,
  )
  assert.deepEqual(furthest, [
    ...[
      { type: 'invite.created', furthest: 'acted', n: 1 },
      { type: 'old.one', furthest: 'opened', n: 1 },
    ],
    { type: 'post.liked', furthest: 'opened', n: 1 },
  ])
})

test('what a machine opened is told apart, and not where a person opened it, too', async () => {
  const machine = (recipient: string) => ({ recipient, channel: 'email' as const, what: 'machine_opened' as const })
  const engaged = engagedPack([
    ...['user-0', 'user-0', 'user-1', 'user-9'].map(machine),
    { recipient: 'user-1', channel: 'email', what: 'opened' },
  ])
  const made = engagedPack([machine('user-2')], { simulated: true })
  await using world = await setup([byMail(decidedPack(people(4))), byMail(settledPack(people(4))), engaged, made])
  while (await recomputeHour(world.db));
  for (const query of [{}, { source: 'rollup', since: at, until: at + 60 * minute }] as const) {
    const [row] = await funnel(world.db, query)
    assert.deepEqual([row!.stages.opened, row!.machineOpened], [1, 1])
  }
  assert.equal((await funnel(world.db, { unit: 'recipient' }))[0]!.machineOpened, 1)
  assert.equal((await funnel(world.db, { includeSimulated: true }))[0]!.machineOpened, 2)
})

const naughty = [
  ...["'; drop table delivery_events; --", '${7*7}', '{{7*7}}', '<script>alert(1)</script>', '=1+1', '%s%n', 'null'],
  ...['𝕿𝖍𝖊 🇩🇪👩‍👩‍👧', 'الْعَرَبِيَّة', '\u202etest\u202c', '田中さん', 'a\u200bb', '\ufeff', "O'Brien, {x}", ' ', '__proto__'],
]

test('names are told as they were given, whatever stands in them', async () => {
  const packs = naughty.map((type, n) => {
    const facts = { type, category: type, producer: type, tenant: type, success: false }
    const pack = decidedPack([type], { intents: [intentFacts(String(n), facts)] })
    const parsed = parseEventPack(Buffer.from(JSON.stringify(pack)))
    assert.ok(parsed.ok, type)
    return parsed.pack
  })
  await using world = await setup(packs)
  while (await recomputeHour(world.db));
  for (const source of ['raw', 'rollup'] as const)
    for (const by of ['type', 'category', 'producer', ...(source === 'raw' ? (['tenant'] as const) : [])] as const) {
      const times = { since: at, until: at + 60 * minute, source }
      const rows = await funnel(world.db, { by, ...times })
      assert.deepEqual(new Set(rows.map(row => row.group)), new Set(naughty), `${source} ${by}`)
      for (const name of naughty) {
        const [row] = await funnel(world.db, { [by]: name, ...times })
        assert.equal(row!.stages.intended, 1, `${source} ${by} ${name}`)
      }
    }
})

test('late events change the answer', async () => {
  await using world = await setup([settledPack(people(2))])
  assert.equal((await funnel(world.db))[0]!.stages.intended, 0)
  await storePacks(world.db, [decidedPack(people(3))])
  assert.deepEqual(counts((await funnel(world.db))[0]!), [3, 3, 2, 2, 0, 0, 0, 0])
})

const byMail = (pack: EventPack): EventPack => ({
  ...pack,
  slots: pack.slots.map(one => ({ ...one, channel: 'email' as const })),
})

test('by type, channel, category, provider, lane, outcome, and filters', async () => {
  const security = [
    intentFacts('sign-in', {
      type: 'account.sign_in',
      category: 'security',
      lane: 'critical',
      occurredAt: at + minute,
    }),
  ]
  const packs = [
    decidedPack(people(4)),
    settledPack(people(1)),
    settledPack(['user-1'], { provider: 'apns' }),
    byMail(decidedPack(people(2), { intents: security })),
    byMail(settledPack(people(2), { intents: security, provider: 'sendgrid' })),
  ]
  await using world = await setup(packs)
  const by = async (query: Parameters<typeof funnel>[1], stage: Stage = 'accepted') =>
    (await funnel(world.db, query)).map(row => [row.group, row.stages[stage]])
  assert.deepEqual(await by({ by: 'type' }, 'intended'), [
    ['comment.created', 4],
    ['account.sign_in', 2],
  ])
  assert.deepEqual(await by({ by: 'channel' }), [
    ['push', 2],
    ['email', 2],
  ])
  assert.deepEqual(await by({ by: 'category' }), [
    ['social', 2],
    ['security', 2],
  ])
  assert.deepEqual(await by({ by: 'lane' }), [
    ['default', 2],
    ['critical', 2],
  ])
  assert.deepEqual(await by({ by: 'provider' }), [
    [null, 0],
    ['sendgrid', 2],
    ['apns', 1],
    ['fcm', 1],
  ])
  assert.deepEqual(await by({ by: 'outcome' }, 'intended'), [
    ['sent', 4],
    ['queued', 2],
  ])
  for (const query of [
    { type: 'account.sign_in' },
    { category: 'security' },
    { channel: 'email' as const },
    { since: at + 1 },
  ])
    assert.deepEqual(await by(query, 'intended'), [[undefined, 2]], JSON.stringify(query))
  assert.deepEqual(await by({ until: at + minute }, 'intended'), [[undefined, 4]])
  assert.deepEqual(await by({ since: at + 2 * minute, by: 'type' }), [])
  assert.deepEqual(await by({ type: "x' or true --" }, 'intended'), [[undefined, 0]])
})

test('by what devices run, by language and country: of what accepted it, of the decision', async () => {
  const decided = decidedPack(people(4))
  const locales = ['de-AT', 'de-DE', 'zh-Hant-TW', undefined]
  decided.slots.forEach((one, at) => locales[at] !== undefined && (one.locale = locales[at]))
  const slots = [
    slot('user-0', 'address_dead', { platform: 'android', version: '7.9' }),
    slot('user-0', 'sent', { endpoint: 'device-2', platform: 'ios', version: '8.0' }),
    slot('user-1', 'sent', { platform: 'android', version: '8.0' }),
    slot('user-2', 'rejected', { platform: 'web' }),
  ]
  await using world = await setup([decided, settledPack([], { slots })])
  const by = async (query: Parameters<typeof funnel>[1]) =>
    (await funnel(world.db, query))
      .map(row => `${row.group ?? '-'} ${row.stages.intended} ${row.stages.accepted}`)
      .toSorted()
  assert.deepEqual(await by({ by: 'platform' }), ['- 1 0', 'android 1 1', 'ios 1 1', 'web 1 0'])
  assert.deepEqual(await by({ by: 'app_version' }), ['- 2 0', '8.0 2 2'])
  assert.deepEqual(await by({ by: 'country' }), ['- 1 0', 'AT 1 1', 'DE 1 1', 'TW 1 0'])
  assert.deepEqual(await by({ by: 'locale' }), ['- 1 0', 'de-AT 1 1', 'de-DE 1 1', 'zh-Hant-TW 1 0'])
  for (const [query, found] of [
    [{ platform: 'ios' }, '- 1 1'],
    [{ app_version: '8.0' }, '- 2 2'],
    [{ country: 'TW' }, '- 1 0'],
    [{ locale: 'de-AT' }, '- 1 1'],
    [{ locale: "de' or true --" }, '- 0 0'],
  ] as const)
    assert.deepEqual(await by(query), [found], JSON.stringify(query))
})

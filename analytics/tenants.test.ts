import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Why } from '#contracts/decision.ts'
import type { EventPack, IntentFacts } from '#contracts/event.ts'
import { dayOf } from '#contracts/ids.ts'
import { ensurePartitions } from '#db/partitions.ts'
import { openPostgres } from '#runtime/postgres.ts'
import { at, decidedPack, engagedPack, intentFacts, settledPack } from '#tests/analytics/packs.fixture.ts'
import { inBrowser } from '#tests/browser.ts'
import { testDatabase } from '#tests/servers.ts'
import { storePacks } from './event-store.ts'
import { pagesInBrowser } from './open-page.fixture.ts'
import type { Reader } from './questions-api.ts'
import { recomputeHour } from './rollup-store.ts'
import { serveAnalytics } from './served.fixture.ts'
import type { Look } from './trace-api.ts'
import type { Trace } from './trace.ts'

/** Whose name is anything but a name, and whose people are told by another tenant and by none, too. */
const mine = `acme' or '1'='1'; drop table delivery_events; -- %_ \u202e${'ß'.repeat(9)} {"tenant":null}`.replaceAll(
  '"',
  '',
)
const theirs = 'alien'
const both = ['ada', 'bob', 'cem']

/** What a tenant told, all of it under its own names, for people who are told by all of them. */
function packsOf(name: string, tenant: string | undefined): EventPack[] {
  const intents = [
    intentFacts(`${name}-1`, {
      ...{ type: `${name}.type`, category: `${name}-category`, producer: `${name}-producer` },
      ...(tenant !== undefined && { tenant }),
    }),
  ]
  const decided = decidedPack([...both, `${name}-person`], { intents })
  for (const slot of decided.slots.slice(2)) slot.what = 'holdout'
  for (const slot of decided.slots) {
    slot.arm = `${name}/arm`
    slot.locale = name === 'own' ? 'de-AT' : 'fr-CH'
  }
  const settled = settledPack(['ada', 'bob'], { intents, provider: `${name}-provider` })
  for (const slot of settled.slots) Object.assign(slot, { platform: `${name}-platform`, version: `${name}-9` })
  return [decided, settled, engagedPack([{ recipient: 'ada', what: 'opened' }], { intents })]
}
/** The day before, when people were told together, or once, what several tenants said. */
const earlier = at - 86_400_000
const together = (name: string, tenant: string) =>
  intentFacts(name, { ...{ type: 'together.type', tenant, occurredAt: earlier }, producer: 'docs' })
const [spoken, digested, replaced, repeated] = ['own-spoken', 'own-digested', 'own-replaced', 'own-repeated'].map(
  name => together(name, mine),
) as [IntentFacts, IntentFacts, IntentFacts, IntentFacts]
const speaker = together('alien-speaker', theirs)

/** Of each rule that names others what is of this tenant, then what is of another. */
function namingPacks(): EventPack[] {
  const when = { day: new Date(earlier).toISOString().slice(0, 10), at: earlier }
  const [own, other] = ['dee', 'eli']
  const decided = (recipient: string, intents: IntentFacts[]) => decidedPack([recipient], { ...when, intents })
  const dropped = (intent: IntentFacts, recipient: string, why: Why) => {
    const pack = { ...decidedPack([recipient], { ...when, intents: [intent] }), whys: [why] }
    for (const slot of pack.slots) slot.what = why.rule as 'digested'
    return pack
  }
  const since = `10m since ${new Date(earlier).toISOString()}`
  return [
    ...[decided(own, [spoken]), decided(other, [speaker])],
    ...[[own, spoken] as const, [other, speaker] as const].flatMap(([recipient, by]) => [
      dropped(digested, recipient, { rule: 'digested', value: by.id }),
      dropped(replaced, recipient, { rule: 'superseded', value: by.id }),
      dropped(repeated, recipient, { rule: 'deduplicated', value: since }),
    ]),
  ]
}

/** Of one type, to the same people at the same instants, whoever says it. */
function sharedPacks(name: string, tenant: string | undefined): EventPack[] {
  const facts = { type: 'shared.type', occurredAt: earlier, ...(tenant !== undefined && { tenant }) }
  const of = { day: new Date(earlier).toISOString().slice(0, 10), intents: [intentFacts(`${name}-shared`, facts)] }
  const decided = decidedPack(both, { ...of, at: earlier })
  for (const slot of decided.slots)
    Object.assign(slot, { arm: `${name}/arm`, locale: name === 'own' ? 'de-AT' : 'fr-CH' })
  return [decided, settledPack(both, { ...of, at: earlier + 1000 })]
}

const intentOf = (name: string) => intentFacts(`${name}-1`).id
const told = [
  { name: 'own', tenant: mine, batch: batchOf(0) },
  { name: 'alien', tenant: theirs, batch: batchOf(1) },
  { name: 'none', tenant: undefined, batch: batchOf(2) },
] as const
/** A batch of the day that is asked for. */
function batchOf(n: number): string {
  const ms = at.toString(16).padStart(12, '0')
  return `${ms.slice(0, 8)}-${ms.slice(8)}-7000-8000-00000000000${n}`
}

/** A word of what others told. */
const foreign = /alien|none[-./]|fr-CH|"CH"/

const opened = new AsyncDisposableStack()
let looks: Look[]
let reader: Reader = { name: 'eve' }
let paths: string[]
let ask: (url: string) => Promise<{ status: number; type: string; text: string }>

before(async () => {
  const { url } = opened.use(await testDatabase())
  const db = opened.use(await openPostgres({ url, connectionsMax: 2, name: 'test' }))
  await ensurePartitions(db, { from: new Date(earlier).toISOString().slice(0, 10), days: 3 })
  for (const { name, tenant, batch } of told) {
    await storePacks(db, [...packsOf(name, tenant), ...sharedPacks(name, tenant)])
    await db.query(
      `insert into batches (day, id, set_id, lane, channel, provider, sensitive, tries, maybe_sent, due_at, closed_at, n, recipients, endpoints, intents)
       values ($1, $2, $2, 1, 0, 'fcm', false, 1, false, now(), now(), 1, '{ada}', '{device-1}', array[$3::uuid])`,
      [dayOf(batch), batch, intentOf(name)],
    )
  }
  await storePacks(db, namingPacks())
  await db.query(
    `insert into retractions (id, kind, successor, occurred_until, follow_up_at) values ($1, 'superseded', $3, now(), now()), ($2, 'superseded', $4, now(), now())`,
    [replaced.id, repeated.id, speaker.id, spoken.id],
  )
  while (await recomputeHour(db));
  await db.query(
    `insert into consent_log (at, recipient, kind, wish, source, tenant) select to_timestamp($1 / 1000.0), 'ada', 'level', false, 'api', $2`,
    [at + 1, theirs],
  )
  const served = serveAnalytics({ db, readerOf: async () => reader, groupMin: 1 })
  const { app } = served
  opened.defer(() => app.close())
  looks = served.looks
  paths = served.paths.filter(path => path !== '/v1/analytics/openapi.json')
  ask = async url => {
    const answer = await app.inject({ url })
    return { status: answer.statusCode, type: String(answer.headers['content-type']), text: answer.payload }
  }
})
after(() => opened.disposeAsync())

const ofDay = 'since=2026-11-20&until=2026-11-21'
/** What each path is asked, in so many ways as it answers in. */
const questions: Record<string, readonly string[]> = {
  '/v1/analytics/funnel': [
    ...[ofDay, `${ofDay}&source=raw&unit=recipient&by=producer`, `${ofDay}&by=type`, `${ofDay}&by=tenant`],
    ...[`${ofDay}&by=platform&times=true`, `${ofDay}&by=country&with_simulated=true`, `${ofDay}&by=outcome`],
    'since=2026-11-21&until=2026-11-22&by=type&compare=previous',
  ],
  '/v1/analytics/series': [`${ofDay}&by=type`, `${ofDay}&by=provider&bucket=day&zone=Europe/Berlin`],
  '/v1/analytics/outcomes': [ofDay, `${ofDay}&unit=recipient`],
  '/v1/analytics/export': ['funnel', 'series', 'outcomes'].map(
    of => `${ofDay}&of=${of}${of === 'outcomes' ? '' : '&by=type'}`,
  ),
  '/v1/analytics/tail': ['', 'channel=push'],
  '/v1/analytics/lift': [
    `${ofDay}&type=own.type&event=joined`,
    `${ofDay}&type=own.type&event=joined&compare=arm&by=channel`,
  ],
  '/v1/trace/examples': [`${ofDay}&stage=accepted`, `${ofDay}&what=holdout`],
  '/v1/trace': [
    'recipient=ada',
    `intent=${intentOf('own')}`,
    `intent=docs/own-1&recipient=bob`,
    `delivery=${batchOf(0)}.0`,
  ],
  '/v1/trace/:intent': ['', 'recipient=bob'],
}
const urlOf = (path: string, question: string, more = '') =>
  `${path.replace(':intent', intentOf('own'))}?${[question, more].filter(Boolean).join('&')}`
const tenantIs = (tenant: string) => `tenant=${encodeURIComponent(tenant)}`

test('who is of a tenant is told of it alone, on every path there is, and the same as who may ask for it', async () => {
  assert.deepEqual(paths.toSorted(), Object.keys(questions).toSorted(), 'a path without a question here')
  for (const [path, asked] of Object.entries(questions))
    for (const question of asked) {
      reader = { name: 'eve' }
      const wanted = await ask(urlOf(path, question, tenantIs(mine)))
      assert.equal(wanted.status, 200, `${path} ${question} ${wanted.text}`)
      reader = { name: 'eve', tenant: mine }
      for (const more of ['', tenantIs(mine)]) {
        const told = await ask(urlOf(path, question, more))
        assert.deepEqual(told, wanted, `${path} ${question}`)
        assert.doesNotMatch(told.text, foreign, `${path} ${question}`)
      }
    }
})

test('without the limit the same questions tell of others: the test before could fail', async () => {
  reader = { name: 'eve' }
  const names = Object.entries(questions).filter(([path]) => path !== '/v1/analytics/lift' && !path.includes(':intent'))
  for (const [path, asked] of names) {
    const told = await Promise.all(asked.map(question => ask(urlOf(path, question))))
    assert.ok(told.some(({ text }) => foreign.test(text)) || path.endsWith('outcomes'), path)
  }
  const size = async (tenant: string) => {
    const { outcomes } = JSON.parse((await ask(urlOf('/v1/analytics/outcomes', ofDay, tenant))).text)
    return outcomes.reduce((sum: number, { n }: { n: number[] }) => sum + n.reduce((a, b) => a + b), 0)
  }
  assert.deepEqual([await size(''), await size(tenantIs(mine))], [12, 4])
  const withdrawn = async (tenant: string) =>
    JSON.parse((await ask(urlOf('/v1/analytics/lift', questions['/v1/analytics/lift']![0]!, tenant))).text).groups.map(
      (group: { costs: { unsubscribed: number } }) => group.costs.unsubscribed,
    )
  assert.deepEqual(
    [await withdrawn(''), await withdrawn(tenantIs(mine))],
    [
      [0, 1],
      [0, 0],
    ],
  )
})

test('another tenant is refused in one sentence, on every path, however it is spelled', async () => {
  reader = { name: 'eve', tenant: mine }
  looks.length = 0
  for (const [path, [question]] of Object.entries(questions))
    for (const other of [theirs, '', mine.toUpperCase(), `${mine} `, '*', '%', 'null', 'undefined', '__proto__']) {
      const { status, type, text } = await ask(urlOf(path, question!, tenantIs(other)))
      assert.deepEqual([status, type], [403, 'application/problem+json; charset=utf-8'], `${path} ${other}`)
      assert.deepEqual(JSON.parse(text).detail, `this token is told of the tenant ${mine} alone`)
    }
  for (const [path, [question]] of Object.entries(questions))
    assert.equal((await ask(urlOf(path, question!, `${tenantIs(mine)}&${tenantIs(theirs)}`))).status, 400, path)
  assert.deepEqual(looks, [], 'nothing was looked at')
})

test('what is of another tenant or of none is unknown, and the look is kept', async () => {
  reader = { name: 'eve', tenant: mine }
  for (const { name, batch } of told.slice(1))
    for (const url of [
      `/v1/trace/${intentOf(name)}`,
      `/v1/trace?intent=docs/${name}-1`,
      `/v1/trace?intent=docs/${name}-1&recipient=ada`,
      `/v1/trace?recipient=${name}-person`,
      `/v1/trace?delivery=${batch}.0`,
    ]) {
      looks.length = 0
      const { status, text } = await ask(url)
      const kind = /recipient|delivery/.exec(url.replace(/intent=.*/, ''))?.[0] ?? 'intent'
      const nobody = { recipient: 'x', delivery: `${batchOf(9)}.0`, intent: 'docs/x' }[kind]
      const unknown = await ask(`/v1/trace?${kind}=${nobody}`)
      assert.deepEqual([status, text], [404, unknown.text], url)
      assert.equal(looks[0]!.about['tenant'], mine)
    }
})

test('what several tenants say of one type, at one instant and to the same people, is told apart', async () => {
  const of = 'since=2026-11-19&until=2026-11-20&type=shared.type'
  for (const { name, tenant } of told.slice(0, 2)) {
    reader = { name: 'eve', tenant }
    const { groups } = JSON.parse((await ask(`/v1/analytics/lift?${of}&event=joined&compare=arm`)).text) as {
      groups: { group: string; people: number }[]
    }
    assert.deepEqual(
      groups.map(({ group, people }) => [group, people]),
      [[`${name}/arm`, 3]],
    )
    for (const unit of ['notification', 'recipient']) {
      const { examples } = JSON.parse((await ask(`/v1/trace/examples?${of}&stage=accepted&unit=${unit}`)).text) as {
        examples: { intent: string; recipient: string }[]
      }
      assert.deepEqual(examples.map(({ recipient }) => recipient).toSorted(), both)
      assert.deepEqual(new Set(examples.map(({ intent }) => intent)), new Set([intentFacts(`${name}-shared`).id]))
    }
  }
})

test('an intent of another tenant is named nowhere, nor when it happened', async () => {
  reader = { name: 'eve', tenant: mine }
  const traceOf = async (query: string) => JSON.parse((await ask(`/v1/trace?${query}`)).text) as Trace
  const toldOf = async (recipient: string) =>
    (await traceOf(`recipient=${recipient}`)).lines
      .toSorted((a, b) => (a.what > b.what ? 1 : -1))
      .map(({ what, value, sentence }) => [what, value, sentence])
  const since = new Date(earlier).toISOString()
  assert.deepEqual(await toldOf('dee'), [
    [
      ...['deduplicated', `10m since ${since}`],
      `Not sent: a duplicate of what happened at ${since}; the same is told once in 10m. It is a duplicate of intent ${spoken.id}.`,
    ],
    ['deliver', undefined, 'To be sent: nothing speaks against it.'],
    ['digested', spoken.id, `Not sent by itself: told together with others, in intent ${spoken.id}.`],
    ['superseded', spoken.id, `Not sent: intent ${spoken.id} took its place.`],
  ])
  assert.deepEqual(await toldOf('eli'), [
    ['deduplicated', '10m', 'Not sent: the same was told within 10m.'],
    ['digested', undefined, 'Not sent by itself: told together with others.'],
    ['superseded', undefined, 'Not sent: another took its place.'],
  ])
  const retractions = await Promise.all(
    [replaced, repeated].map(async ({ id }) => (await traceOf(`intent=${id}`)).retraction?.sentence),
  )
  assert.deepEqual(retractions, [
    'Superseded by another intent: what was not sent by then never will be, unless it happened later.',
    `Superseded by intent ${spoken.id}: what was not sent by then never will be, unless it happened later.`,
  ])
})

const here = pagesInBrowser({
  tenant: mine,
  fill: world => world.store([...packsOf('own', mine), ...packsOf('alien', theirs)]),
})

test('the pages work with such a token, and say so where it is asked for another tenant', inBrowser, async () => {
  const { open } = here
  await using dashboard = await open(`/dashboard?${ofDay}&by=type&live=1`)
  const region = (name: string) => dashboard.tab.getByRole('region', { name, exact: true })
  await region('Live').getByText('own.type').first().waitFor()
  await region('Funnel').getByText('own.type').first().waitFor()
  assert.doesNotMatch(await dashboard.tab.locator('main').innerText(), foreign)
  await using other = await open(`/dashboard?${ofDay}&tenant=${theirs}`)
  await other.tab.getByText('this token is told of the tenant').first().waitFor()
  assert.equal(await other.tab.getByRole('button', { name: 'Sign out' }).count(), 1)
  assert.ok(other.wrong.splice(0).every(text => text.includes('403')))
  await using person = await open('/trace?recipient=ada')
  await person.tab.getByText('own.type').first().waitFor()
  assert.doesNotMatch(await person.tab.locator('main').innerText(), foreign)
  await using unknown = await open(`/trace?intent=${intentOf('alien')}`)
  await unknown.tab.getByText('nothing is known of this intent').waitFor()
  assert.ok(unknown.wrong.splice(0).every(text => text.includes('404')))
})

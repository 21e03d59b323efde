import assert from 'node:assert/strict'
import { test } from 'node:test'
import { at, decidedPack, intentFacts, people, settledPack } from '#tests/analytics/packs.fixture.ts'
import { inBrowser } from '#tests/browser.ts'
import { createDashboard, type Dashboard } from './dashboard.fixture.ts'
import { pagesInBrowser, span } from './open-page.fixture.ts'

const dayMs = 86_400_000
const here = pagesInBrowser({
  groupMin: 5,
  async fill(world) {
    await world.store([
      ...sizesOf('steady.thing', { now: 20, before: 30 }),
      ...sizesOf('shrunk.thing', { now: 4, before: 40 }),
      ...sizesOf('grown.thing', { now: 20, before: 3 }),
      ...sizesOf('rare.thing', { now: 2, before: 0 }),
      // Not told either: the one of three would be what is missing.
      ...sizesOf('next.thing', { now: 0, before: 9 }),
      ...heldOut(),
    ])
    await world.db.query(
      `insert into product_events (recipient, event, at) select 'user-' || n, 'thread.joined', $1 from generate_series(0, 9) n`,
      [new Date(at + 60_000)],
    )
  },
})

function sizesOf(type: string, { now, before }: { now: number; before: number }) {
  return [
    { size: now, occurredAt: at },
    { size: before, occurredAt: at - dayMs },
  ].flatMap(({ size, occurredAt }) => {
    const day = new Date(occurredAt).toISOString().slice(0, 10)
    const of = { intents: [intentFacts(`${type}-${occurredAt}`, { type, occurredAt })], at: occurredAt, day }
    return size === 0 ? [] : [decidedPack(people(size), of), settledPack(people(size), { ...of, at: occurredAt + 900 })]
  })
}

/** Ten told and ten held out on push; on email three and ten; on texts, the next smallest beside it, eight and ten. */
function heldOut() {
  const intents = [intentFacts('held-out', { type: 'comment.created' })]
  const slot = (n: number, channel: 'push' | 'email' | 'sms', what: 'deliver' | 'holdout') => ({
    ...{ i: 0, recipient: `user-${n}`, channel, what, w: 0 },
  })
  const slots = Array.from({ length: 20 }, (_, n) => [
    slot(n, 'push', n < 10 ? 'deliver' : 'holdout'),
    ...(n < 3 || n >= 10 ? [slot(n, 'email', n < 10 ? 'deliver' : 'holdout')] : []),
    ...(n < 8 || n >= 10 ? [slot(n, 'sms', n < 10 ? 'deliver' : 'holdout')] : []),
  ]).flat()
  return [decidedPack([], { intents, slots, whys: [{ rule: 'default' }] })]
}

/** By the hour: seven types of many, and three of fewer, two of which are too few at first and then more. */
function byTheHour() {
  const sizes = {
    ...Object.fromEntries(Array.from({ length: 7 }, (_, n) => [`many.${n}`, [40, 40, 40]])),
    ...{ 'few.a': [9, 3, 9], 'few.b': [9, 4, 9], 'few.c': [8, 8, 8] },
  }
  const told = Object.entries(sizes).map(([type, hours]) => ({ type, hours, lane: 'bulk' as const }))
  return [...told, { type: 'lone.thing', hours: [3, 50, 3], lane: 'critical' as const }].flatMap(
    ({ type, hours, lane }) =>
      hours.map((size, n) => {
        const occurredAt = at - (2 - n) * 3_600_000
        return decidedPack(people(size), {
          ...{ intents: [intentFacts(`${type}-${n}`, { type, lane, occurredAt })], at: occurredAt },
        })
      }),
  )
}

async function open(query: string, of?: Dashboard) {
  const opened = await here.open(`/dashboard?${query}`, of && { of })
  await opened.tab.locator('.page[aria-busy=false] .card').first().waitFor()
  return { ...opened, card: (title: string) => opened.tab.getByRole('region', { name: title, exact: true }) }
}

test('what is too small to be told is not told as nothing', inBrowser, async () => {
  await using rare = await open(`${span}&type=rare.thing&live=1`)
  for (const title of ['Funnel', 'Outcomes', 'Over time', 'Volume by type'])
    await rare.card(title).getByText('Too few in this time to be told.').waitFor()
  await rare.card('Live').getByText('Too little happened in the last day to be told.').waitFor()
  await using none = await open(`${span}&type=no.such.thing&live=1`)
  for (const [title, text] of [
    ['Funnel', 'Nothing that is stored has this type: is it mistyped?'],
    ['Outcomes', 'Nothing in this time.'],
    ['Over time', 'Nothing in this time.'],
    ['Volume by type', 'No notifications in this time, nor in the one before.'],
    ['Live', 'Nothing happened in the last day.'],
  ] as const)
    await none.card(title).getByText(text).waitFor()
  await using known = await open(`${span}&type=steady.thing&channel=sms`)
  await known.card('Funnel').getByText('No notifications in this time.').waitFor()
})

test('a type that is too small now, or was before, is compared with nothing', inBrowser, async () => {
  await using shown = await open(`${span}&by=type`)
  const volume = shown.card('Volume by type')
  await volume.getByText('A dash is none, or too few to be told.').waitFor()
  const rows = await volume.getByRole('list').getByRole('link').locator('.number').allInnerTexts()
  assert.deepEqual(
    Array.from({ length: rows.length / 3 }, (_, n) =>
      rows
        .slice(3 * n, 3 * n + 3)
        .map(text => text.replaceAll('\n', ' '))
        .join(' · '),
    ),
    ['51 · before – · –', '20 · before 30 · -33.3 %', '20 · before – · –', '– · before 40 · –'],
  )
  await volume.getByText('Numbers', { exact: true }).click()
  const last = await volume.getByRole('row').last().locator('th, td').allInnerTexts()
  assert.deepEqual(last, ['shrunk.thing', '–', '40', '–'])
  for (const title of ['Funnel', 'Over time'])
    await shown.card(title).getByText('2 groups are too small to be told, or would give away one that is.').waitFor()
})

test(
  'lift is told by channel, but for those where a group is too small; its examples are those it counts',
  inBrowser,
  async () => {
    await using shown = await open(`${span}&type=comment.created&event=thread.joined&by=channel&lane=default`)
    const lift = shown.card('Lift')
    const groups = lift.getByRole('region', { name: 'Lift and costs' }).locator('tbody tr')
    await groups.first().waitFor()
    assert.deepEqual(await groups.locator('th').allInnerTexts(), ['holdout · push', 'told · push'])
    assert.match(await groups.nth(1).innerText(), /100 %[^]*\+100\.0 pp/)
    await lift.getByText('4 groups are too small to be told, or would give away one that is.').waitFor()
    await lift.getByText('Not narrowed by lane.').waitFor()
    await groups.nth(1).getByRole('link').click()
    await shown.tab.getByRole('heading', { name: 'Examples: decided to send' }).waitFor()
    const asked = Object.fromEntries(new URL(shown.tab.url()).searchParams)
    assert.deepEqual([asked['type'], asked['channel'], asked['lane']], ['comment.created', 'push', undefined])
    assert.equal(
      await shown.tab.locator('#examples').locator('xpath=ancestor::section').locator('tbody tr').count(),
      10,
    )
  },
)

test('each chart says which time it tells of, and what it leaves aside', inBrowser, async () => {
  await using shown = await open('type=comment.created&event=thread.joined&provider=fcm&platform=ios&live=1')
  const noteOf = async (title: string) => {
    await shown.card(title).waitFor()
    return shown.card(title).locator('header p').innerText()
  }
  // Where no time is said: a week, to the end of this hour, everywhere.
  for (const title of ['Funnel', 'Latency', 'Volume by type', 'Lift'])
    assert.match(await noteOf(title), /From 13 Nov 2026, 14:00 to 20 Nov 2026, 14:00 \(UTC\)\./, title)
  // Days that are begun are told whole.
  for (const title of ['Outcomes', 'Over time'])
    assert.match(await noteOf(title), /From 13 Nov 2026, 00:00 to 21 Nov 2026, 00:00 \(UTC\)\.$/, title)
  for (const title of ['Lift', 'Live'])
    assert.match(await noteOf(title), /Not narrowed by provider, platform\.$/, title)
})

const hours = 'since=2026-11-20T10:00:00Z&until=2026-11-20T13:00:00Z&bucket=hour'

test('a sum of which a part is not told is not told', inBrowser, async () => {
  await using world = await createDashboard({ groupMin: 5 })
  await world.store(byTheHour())
  await using shown = await open(`${hours}&by=type&lane=bulk`, world)
  const card = shown.card('Over time')
  const bars = card.getByRole('group', { name: /^Notifications over time/ }).getByRole('link')
  const labels = await bars.evaluateAll(all => all.map(one => one.getAttribute('aria-label')!))
  assert.deepEqual(
    labels.map(label => /3 others (.*)\. Examples$/.exec(label)?.[1]),
    ['too few', 'too few', '26'],
  )
  await card.getByText('In 2 periods not everything is told: what is missing is of too few,').waitFor()
})

test('what is told between what is not is seen', inBrowser, async () => {
  await using world = await createDashboard({ groupMin: 5 })
  await world.store(byTheHour())
  await using shown = await open(`${hours}&lane=critical`, world)
  const card = shown.card('Over time')
  await card.getByText('In 2 periods not everything is told: what is missing is of too few,').waitFor()
  const plot = card.locator('.plot')
  const drawn = await plot.screenshot()
  await plot.locator('path').evaluateAll(all => {
    for (const one of all as SVGPathElement[]) one.style.visibility = 'hidden'
  })
  assert.ok(!drawn.equals(await plot.screenshot()))
})

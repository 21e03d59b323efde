import assert from 'node:assert/strict'
import { test } from 'node:test'
import { outcomes } from '#contracts/outcome.ts'
import { at, decidedPack, engagedPack, people, settledPack } from '#tests/analytics/packs.fixture.ts'
import { inBrowser } from '#tests/browser.ts'
import { createDashboard, type Dashboard } from './dashboard.fixture.ts'
import type { ExamplesAnswer } from './examples-api.ts'
import { pagesInBrowser, span, type Tab } from './open-page.fixture.ts'

const here = pagesInBrowser()

const openCharts = (query: string, of?: Dashboard) => here.open(`/dashboard?${span}${query}`, of && { of })

/** Where the texts of an axis are, in pixels of the window, and what they say. */
const textsOf = (tab: Tab, chart: string) =>
  tab.locator(`section:has(#${chart}) .axis text`).evaluateAll(texts =>
    texts.map(text => {
      const { left, right } = text.getBoundingClientRect()
      const [start, end] = [left, right]
      const x = { start, middle: (start + end) / 2, end }[text.getAttribute('text-anchor') as 'start']
      return { x, text: text.textContent }
    }),
  )
const isAt = (x: number, wanted: number, what: string) =>
  assert.ok(Math.abs(x - wanted) < 2, `${what} is at ${x}, not at ${wanted}`)

test('the scale of latency stands under the lines that it names', inBrowser, async () => {
  await using shown = await openCharts('')
  const { tab } = shown
  const card = tab.locator('section:has(#latency)')
  await card.locator('.range').first().waitFor()
  const lines = await card
    .locator('.range')
    .first()
    .locator('.grid')
    .evaluateAll(all => all.map(one => one.getBoundingClientRect().left))
  assert.equal(lines.length, 6, 'up to a minute, to which no name stands')
  const texts = await textsOf(tab, 'latency')
  assert.deepEqual(
    texts.map(({ text }) => text),
    ['1 ms', '100 ms', '10 s'],
  )
  for (const [n, { x, text }] of texts.entries()) isAt(x, lines[2 * n]!, text)
})

test('a type of which there is nothing now leads nowhere', inBrowser, async () => {
  const hour = 'since=2026-11-20T12:00:00Z&until=2026-11-20T13:00:00Z'
  await using shown = await here.open(`/dashboard?${hour}`)
  const rows = shown.tab.getByRole('list', { name: 'Volume by type' }).getByRole('listitem')
  await rows.getByText('build.failed').waitFor()
  assert.deepEqual(await rows.locator('.label').allInnerTexts(), ['comment.created', 'build.failed'])
  assert.deepEqual(await rows.getByRole('link').locator('.label').allInnerTexts(), ['comment.created'])
})

test('each time stands under the bar that it names', inBrowser, async () => {
  await using shown = await openCharts('&bucket=hour')
  const { tab } = shown
  await tab.getByRole('group', { name: /^Notifications over time/ }).waitFor()
  // A card that comes before it puts it elsewhere.
  await tab.locator('.page[aria-busy=false]').waitFor()
  const texts = await textsOf(tab, 'series')
  const hours = ['20 Nov', '03:00', '06:00', '09:00', '12:00', '15:00', '18:00', '21:00']
  assert.deepEqual(
    texts.map(({ text }) => text),
    hours,
  )
  // Of the hours that are not begun there is none.
  for (const [n, { x, text }] of texts.slice(0, 5).entries()) {
    const bar = tab.locator(`section:has(#series) [data-x][aria-label^="20 Nov, ${n === 0 ? '00:00' : text}:"] .hover`)
    const box = (await bar.boundingBox())!
    isAt(x, box.x + box.width / 2, text)
  }
  const chart = tab.getByRole('group', { name: /^Notifications over time/ })
  assert.equal(await chart.locator('[data-x]').count(), 14)
  assert.match((await chart.locator('[data-x]').last().getAttribute('aria-label'))!, /^20 Nov, 13:00, so far: /)
})

async function examplesBehind(href: string, of = here.world): Promise<ExamplesAnswer> {
  const headers = { authorization: `Bearer ${of.token}` }
  const { search } = new URL(href, of.url)
  const response = await fetch(`${of.url}/v1/trace/examples${search}`, { headers })
  assert.equal(response.status, 200, `${search} ${await response.clone().text()}`)
  return (await response.json()) as ExamplesAnswer
}

test('by outcome every bar leads to what it stands for, and to nobody else', inBrowser, async () => {
  await using shown = await openCharts('&by=outcome&bucket=day')
  const { tab } = shown
  for (const name of [/^Notifications over time/, /^Outcomes over time/])
    await tab.getByRole('group', { name }).waitFor()
  const dead = tab.getByRole('list', { name: 'Funnel of address_dead' }).getByRole('link', { name: /^Attempted/ })
  const { examples } = await examplesBehind((await dead.getAttribute('href'))!)
  assert.equal(examples.length, 20)
  for (const one of examples) assert.deepEqual([one.reached, one.what], ['attempted', 'address_dead'])
  const legend = tab.locator('section:has(#series) .legend a')
  const groups = await legend.allTextContents()
  assert.ok(groups.includes('held') && groups.includes('sent'), groups.join())
  for (const [n, group] of groups.entries())
    for (const { what } of (await examplesBehind((await legend.nth(n).getAttribute('href'))!)).examples)
      assert.equal(what, group)
  const links = await tab
    .locator('main a[href^="/trace?"]:not([aria-label*=": 0."])')
    .evaluateAll(all => all.map(one => one.getAttribute('href')!))
  for (const href of new Set(links)) assert.ok((await examplesBehind(href)).examples.length > 0, href)
})

test('of a group of which nothing is known no bar leads anywhere', inBrowser, async () => {
  await using shown = await openCharts('&by=provider&bucket=day')
  const { tab } = shown
  const bars = tab.getByRole('list', { name: 'Funnel of (none)' })
  await bars.getByRole('img', { name: /^Intended: [\d,]+$/ }).waitFor()
  assert.equal(await bars.getByRole('link').count(), 0)
  await tab
    .getByRole('list', { name: 'Funnel of fcm' })
    .getByRole('link', { name: /^Intended/ })
    .waitFor()
  assert.ok(!(await tab.locator('section:has(#series) .legend a').allTextContents()).includes('(none)'))
})

test('several outcomes as one lead nowhere, and keys reach them all the same', inBrowser, async () => {
  await using many = await createDashboard()
  const ends = outcomes.filter(one => one !== 'moved').slice(0, 12)
  const slots = people(12).map((recipient, n) => ({ i: 0, recipient, channel: 'push' as const, what: ends[n]! }))
  await many.store([decidedPack([], { slots, at })])
  await using shown = await openCharts('&bucket=day', many)
  const { tab } = shown
  const chart = tab.getByRole('group', { name: /^Outcomes over time/ })
  const others = chart.getByRole('img', { name: /^20 Nov, so far: 5 others 5$/ })
  await others.waitFor()
  await chart.locator('[tabindex="0"]').focus()
  for (let n = 1; n < 8; n++) await tab.keyboard.press('ArrowUp')
  assert.equal(await others.evaluate(one => one === document.activeElement), true)
})

test('Tab reaches one bar of a chart, where the keys had come to, or the first', inBrowser, async () => {
  await using shown = await openCharts('&bucket=hour')
  const { tab } = shown
  const chart = tab.getByRole('group', { name: /^Notifications over time/ })
  await chart.locator('[data-x]').nth(13).waitFor()
  const reached = () => chart.locator('[tabindex="0"]').evaluateAll(all => all.map(one => one.getAttribute('data-x')))
  await chart.locator('[tabindex="0"]').focus()
  for (let n = 0; n < 5; n++) await tab.keyboard.press('ArrowRight')
  assert.deepEqual(await reached(), ['5'])
  const chooseBucket = async (bucket: string, bars: number) => {
    await tab.locator('.more').evaluate(fold => fold.setAttribute('open', ''))
    await tab.locator('select[name=bucket]').selectOption(bucket)
    await chart.locator('[data-x]').nth(bars).waitFor({ state: 'detached' })
    await chart
      .locator('[data-x]')
      .nth(bars - 1)
      .waitFor()
  }
  await chooseBucket('day', 1)
  assert.deepEqual(await reached(), ['0'])
  await chooseBucket('hour', 14)
  assert.deepEqual(await reached(), ['5'])
})

test('of the bars of a funnel Tab reaches one, arrows the others; each group has its own', inBrowser, async () => {
  await using shown = await openCharts('&by=type')
  const { tab } = shown
  const funnels = tab.getByRole('list', { name: /^Funnel of / })
  const [first, second] = [funnels.nth(0), funnels.nth(1)]
  await second.waitFor()
  const focused = () =>
    tab.evaluate(() => (document.activeElement!.getAttribute('aria-label') ?? '').replace(/: .*/, ''))
  const press = async (...keys: string[]) => {
    for (const key of keys) await tab.keyboard.press(key)
    return focused()
  }
  assert.ok((await first.getByRole('link').count()) > 6)
  for (const one of [first, second]) assert.equal(await one.locator('[tabindex="0"]').count(), 1)
  await first.locator('[tabindex="0"]').focus()
  assert.equal(await focused(), 'Intended')
  assert.equal(await press('ArrowDown'), 'held')
  assert.equal(await press('End'), 'Acted')
  assert.equal(await press('ArrowDown', 'Home', 'ArrowUp'), 'Intended')
  assert.equal(await press('ArrowDown', 'ArrowDown', 'ArrowDown'), 'Decided to send')
  const inSecond = () => second.evaluate(list => list.contains(document.activeElement))
  assert.equal(await press('Tab'), 'Intended')
  assert.equal(await inSecond(), true)
  assert.equal(await press('ArrowDown', 'Shift+Tab'), 'Decided to send')
  assert.equal(await inSecond(), false)
  await tab.keyboard.press('Enter')
  await tab.getByRole('heading', { name: /^Examples/ }).waitFor()
})

test('what a share is of stands beside it, where that is not the number above', inBrowser, async () => {
  await using mixed = await createDashboard()
  const mails = people(20).map(recipient => ({ i: 0, recipient, channel: 'email' as const, endpoint: 'mailbox' }))
  const mail = settledPack([], { provider: 'sendgrid', slots: mails.map(one => ({ ...one, what: 'sent' as const })) })
  await mixed.store([
    decidedPack(people(980)),
    settledPack(people(970)),
    decidedPack([], { slots: mails.map(one => ({ ...one, what: 'deliver' as const })) }),
    mail,
    {
      ...mail,
      kind: 'standing',
      pack: 'said',
      slots: mails.slice(0, 15).map(one => ({ ...one, what: 'delivered' as const })),
    },
    engagedPack([{ recipient: 'user-1', what: 'seen' }]),
  ])
  await using shown = await openCharts('&numbers=funnel', mixed)
  const { tab } = shown
  const row = (stage: string) => tab.locator('.funnel > li > .bar-row', { hasText: stage })
  const textsOf = async (stage: string) => (await row(stage).innerText()).split(/\s*\n\s*/)
  await row('Delivered').waitFor()
  assert.deepEqual(await textsOf('Accepted by provider'), ['Accepted by provider', '990', '99.0 %', '100 %'])
  assert.deepEqual(await textsOf('Delivered'), [
    'Delivered',
    'without push',
    '15',
    '75.0 %',
    'of 20',
    '75.0 %',
    'of 20',
  ])
  assert.deepEqual(await textsOf('Seen'), ['Seen', 'without email and SMS', '1', '0.1 %', 'of 980', '0.1 %', 'of 970'])
  const cells = tab.getByRole('region', { name: 'Funnel: numbers' }).getByRole('row', { name: /Delivered/ })
  assert.deepEqual(await cells.locator('th, td').allInnerTexts(), [
    'All',
    'Delivered',
    '15',
    '75.0 %',
    '75.0 %',
    '20',
    '20',
  ])
})

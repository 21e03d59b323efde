import assert from 'node:assert/strict'
import { test } from 'node:test'
import { outcomes } from '#contracts/outcome.ts'
import { at, decidedPack, people } from '#tests/analytics/packs.fixture.ts'
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

test('each time stands under the bar that it names', inBrowser, async () => {
  await using shown = await openCharts('&bucket=hour')
  const { tab } = shown
  await tab.getByRole('group', { name: /^Notifications over time/ }).waitFor()
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

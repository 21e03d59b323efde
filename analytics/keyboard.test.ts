import assert from 'node:assert/strict'
import { test } from 'node:test'
import { at, decidedPack, engagedPack, people } from '#tests/analytics/packs.fixture.ts'
import { inBrowser } from '#tests/browser.ts'
import { pagesInBrowser, span, type Tab } from './open-page.fixture.ts'

const here = pagesInBrowser()
const phone = { width: 375, height: 800 }
const few = 'since=2026-11-20T10:00:00Z&until=2026-11-20T13:00:00Z'

/** All that can be acted on and is seen, in the order of the page, by what it is called. */
const controlsOf = (tab: Tab) =>
  tab.evaluate(() =>
    [...document.querySelectorAll('a[href], button, input, select, summary, [tabindex="0"]')]
      .filter(one => one.checkVisibility() && one.getAttribute('tabindex') !== '-1')
      .map(one => one.getAttribute('aria-label') ?? one.getAttribute('name') ?? one.textContent.trim()),
  )

/** What has the focus: what it is called, how far down it is, and whether that is seen. */
const focusOf = (tab: Tab) =>
  tab.evaluate(() => {
    const one = document.activeElement!
    const { outlineStyle, outlineWidth } = getComputedStyle(one)
    const { top, bottom, left, right } = one.getBoundingClientRect()
    return {
      name: one.getAttribute('aria-label') ?? one.getAttribute('name') ?? one.textContent.trim(),
      isBody: one === document.body,
      // What scrolls by itself is where its table is.
      down: Math.round((one.closest('.scroll') ?? one).getBoundingClientRect().top + scrollY),
      seen:
        outlineStyle !== 'none' &&
        parseFloat(outlineWidth) >= 2 &&
        bottom > 0 &&
        top < innerHeight &&
        right > 0 &&
        left < innerWidth,
    }
  })

const first = 'Skip to the answer'

/** What Tab comes to until it is at the first of the page again, which it ends with; a field of several parts counts once. */
async function walk(tab: Tab, key: 'Tab' | 'Shift+Tab'): Promise<{ name: string; down: number }[]> {
  const way: { name: string; down: number }[] = []
  for (let n = 0; n < 300; n++) {
    await tab.keyboard.press(key)
    const { seen, isBody, ...one } = await focusOf(tab)
    if (isBody) continue
    assert.ok(seen, `the focus is seen on ${one.name}`)
    if (one.name !== way.at(-1)?.name) way.push(one)
    if (one.name === first) return way
  }
  throw new Error(`no end: ${way.map(({ name }) => name).join(' → ')}`)
}

for (const page of [
  `/dashboard?${few}&live=1&type=comment.created&event=thread.joined`,
  '/trace?intent=docs/comment.created-0&recipient=user-1',
  '/rules',
])
  test(`on ${page} Tab reaches all there is, down the page and up again, and is seen`, inBrowser, async () => {
    await using shown = await here.open(page, { viewport: phone })
    const { tab } = shown
    await tab.locator('.page[aria-busy=false] .tail, .part, .codes-table').first().waitFor()
    for (const one of await tab.getByText('Numbers', { exact: true }).all()) await one.click()
    await tab.evaluate(() => (document.activeElement as HTMLElement).blur())
    await tab.getByRole('heading', { level: 1 }).focus()
    const controls = (await controlsOf(tab)).filter((name, at, all) => name !== all[at - 1])
    while ((await focusOf(tab)).name !== first) await tab.keyboard.press('Shift+Tab')
    const down = await walk(tab, 'Tab')
    assert.deepEqual([first, ...down.slice(0, -1).map(({ name }) => name)], controls)
    // In one column what comes next is never above; names on one line stand a little higher or lower.
    const main = down.slice(4, -1)
    for (const [n, { name, down: at }] of main.entries())
      assert.ok(n === 0 || at > main[n - 1]!.down - 30, `${name} is below ${main[n - 1]?.name}`)
    const up = await walk(tab, 'Shift+Tab')
    assert.deepEqual(up.map(({ name }) => name).toReversed(), controls)
    // Nothing stands over the page, so there is nothing to close by Escape.
    assert.equal(await tab.locator('dialog, [role=dialog], [popover]').count(), 0)
  })

test('by keyboard alone: to the answer, times, Live, a breakdown, numbers, a file, the query', inBrowser, async () => {
  // The last 24 hours are those of the server's clock.
  await using shown = await here.open(`/dashboard?${span}`, { before: tab => tab.clock.setFixedTime(at + 3_600_000) })
  const { tab } = shown
  const press = async (...keys: string[]) => {
    for (const key of keys) await tab.keyboard.press(key)
  }
  const tabTo = async (name: string | RegExp) => {
    for (let n = 0; n < 100; n++) {
      await press('Tab')
      const at = await focusOf(tab)
      if (typeof name === 'string' ? at.name === name : name.test(at.name)) return
    }
    throw new Error(`no way to ${String(name)}`)
  }
  const answered = () => tab.locator('.page[aria-busy=false]').waitFor()
  await answered()
  await press('Tab', 'Enter', 'Tab')
  assert.match((await focusOf(tab)).name, /^Intended: .*Examples$/)
  await tab.getByRole('heading', { level: 1 }).focus()
  await tabTo('Last 24 hours')
  await press(' ')
  await tab.locator('.chip[aria-pressed=true]', { hasText: '24 hours' }).waitFor()
  await answered()
  assert.equal((await focusOf(tab)).name, 'Last 24 hours')
  await tab.goBack()
  await tabTo('live')
  await press(' ')
  await tab.getByRole('region', { name: 'Latest events' }).waitFor()
  assert.equal((await focusOf(tab)).name, 'live')
  await tabTo('by')
  await press('t', 'y')
  await tab.getByRole('heading', { name: 'build.failed' }).waitFor()
  await answered()
  assert.equal((await focusOf(tab)).name, 'by')
  await tabTo('Numbers')
  await press('Enter')
  await tab.getByRole('region', { name: 'Funnel: numbers' }).waitFor()
  assert.equal((await focusOf(tab)).name, 'Numbers')
  await tabTo('CSV: Funnel')
  const [file] = await Promise.all([tab.waitForEvent('download'), press(' ')])
  assert.equal(file.suggestedFilename(), 'funnel.csv')
  await tabTo('Query: Funnel')
  await press(' ')
  await tabTo('Open the answer: Funnel')
  const [answer] = await Promise.all([shown.context.waitForEvent('page'), press('Enter')])
  await answer.waitForURL(/^blob:/)
})

test('an answer that comes leaves the focus on the bar that it was on, or at its chart', inBrowser, async () => {
  await using shown = await here.open(`/dashboard?${few}&live=1`)
  const { tab } = shown
  const bars = tab.getByRole('group', { name: /^Outcomes over time/ }).getByRole('link')
  const mute = bars.and(tab.getByRole('link', { name: /^20 Nov, 12:00: suppressed mute/ }))
  await mute.focus()
  // More of another outcome, which stands before it then.
  const slots = people(9).map(recipient => ({ i: 0, recipient, channel: 'email' as const, what: 'throttled' as const }))
  await here.world.store([decidedPack([], { slots, at })])
  await tab.getByRole('link', { name: /^20 Nov, 12:00: throttled 9/ }).waitFor()
  assert.match((await focusOf(tab)).name, /^20 Nov, 12:00: suppressed mute \d+\. Examples$/)
  await tab.getByLabel('Type', { exact: true }).fill('no.such.type')
  await tab.getByLabel('Type', { exact: true }).press('Enter')
  const nothing = tab.getByRole('region', { name: 'Outcomes', exact: true }).getByText('Nothing in this time.')
  await nothing.waitFor()
  await tab.goBack()
  await mute.focus()
  await tab.goForward()
  await nothing.waitFor()
  assert.equal((await focusOf(tab)).name, 'Outcomes')
  // Of another outcome alone, whose bar is drawn where the first was.
  await tab.goBack()
  await tab.locator('select[name=channel]').selectOption('email')
  await tab.locator('.page[aria-busy=false]').waitFor()
  await tab.goBack()
  await mute.waitFor()
  await bars.first().focus()
  await tab.goForward()
  await tab.locator('.page[aria-busy=false]').waitFor()
  await mute.waitFor({ state: 'detached' })
  assert.equal((await focusOf(tab)).name, 'Outcomes')
})

test('what is read out is that something is counted, and not each event that comes', inBrowser, async () => {
  await using shown = await here.open(`/dashboard?${few}&live=1`)
  const { tab } = shown
  const rows = tab.getByRole('region', { name: 'Latest events' }).getByRole('row')
  await rows.nth(1).waitFor()
  await tab.locator('.page[aria-busy=false]').waitFor()
  await tab.evaluate(() => {
    const said: string[] = []
    Object.assign(globalThis, { said })
    new MutationObserver(changes => {
      for (const { target } of changes) {
        const one = target instanceof Element ? target : target.parentElement
        const live = one?.closest('[role=status], [role=alert], [role=log], [aria-live]')
        if (live && said.at(-1) !== live.textContent.trim()) said.push(live.textContent.trim())
      }
    }).observe(document.body, { subtree: true, childList: true, characterData: true })
  })
  const said = () => tab.evaluate(() => (globalThis as unknown as { said: string[] }).said.splice(0))
  await here.world.store([engagedPack([{ recipient: 'user-1', what: 'dismissed' }], { at: at + 180_000 })])
  await rows.nth(1).getByText('Dismissed without being opened.').waitFor()
  assert.deepEqual(await said(), [])
  await tab.getByLabel('Broken down by').selectOption('type')
  await tab.getByRole('heading', { name: 'build.failed' }).waitFor()
  await tab.locator('.page[aria-busy=false]').waitFor()
  assert.deepEqual(await said(), ['Counting …', 'Counted by the hour.'])
})

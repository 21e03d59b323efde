import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Page } from 'playwright-core'
import { inboxMessage } from '#channels/in-app/inbox.fixture.ts'
import { unsubscribeApi } from '#preferences/unsubscribe-api.ts'
import { unsubscribeTokens } from '#preferences/preferences.ts'
import { accessibilityFaults, inBrowser } from '../browser.ts'
import { until } from '../program.ts'
import { badge, bellInBrowser } from './inbox.fixture.ts'

const secret = 'a secret of this test'
const here = bellInBrowser({ also: (app, { db, clock }) => unsubscribeApi(app, { db, clock, secret }) })

const press = async (page: Page, ...keys: string[]) => {
  for (const key of keys) await page.keyboard.press(key)
}
/** What has the focus, by its name, and whether that is seen. */
const focus = (page: Page) =>
  page.evaluate(() => {
    const outer = document.activeElement!
    const at = outer.shadowRoot?.activeElement ?? outer
    const { outlineStyle, outlineWidth } = getComputedStyle(at)
    const name = at.getAttribute('aria-label') ?? at.textContent ?? ''
    return {
      name: name.replaceAll(/\s+/g, ' ').trim(),
      seen: outlineStyle === 'solid' && parseFloat(outlineWidth) >= 2,
    }
  })
/** Presses Tab until a control of this name has the focus; each on the way shows that it has it. */
async function tabTo(page: Page, name: RegExp, key = 'Tab'): Promise<string[]> {
  const way: string[] = []
  for (let n = 0; n < 60; n++) {
    await page.keyboard.press(key)
    const { name: at, seen } = await focus(page)
    assert.ok(seen, `the focus is seen on ${at}`)
    way.push(at)
    if (name.test(at)) return way
  }
  throw new Error(`no way to ${name}: ${way.join(' → ')}`)
}
const notice = (page: Page, text: string) => page.locator('.notice', { hasText: text }).waitFor()

test(
  'Tab reaches every control of the inbox in the order of the page, each has a name, and the focus is seen',
  inBrowser,
  async () => {
    await using context = await here.browser.open()
    for (let n = 0; n < 22; n++)
      await here.bell.put([inboxMessage('ann', `n${n}`, { title: `Title ${n}`, thread: `t${n}` })])
    const page = await here.bell.visit(context, 'ann')
    await badge(page, '22')
    await press(page, 'Tab', 'Enter')
    await page.locator('.item').nth(19).waitFor()
    await page.locator('.why').first().click()
    const names = await page.locator('carillon-inbox').evaluate(element => {
      const controls = [...element.shadowRoot!.querySelectorAll<HTMLElement>('.panel a[href], .panel button')]
      return controls.map(one => (one.getAttribute('aria-label') ?? one.textContent).replaceAll(/\s+/g, ' ').trim())
    })
    assert.ok(names.length > 80 && names.every(name => name !== ''))
    await page.locator('.read-all').focus()
    const walked = [(await focus(page)).name]
    while (walked.length < names.length) {
      await press(page, 'Tab')
      const { name, seen } = await focus(page)
      assert.ok(seen, name)
      walked.push(name)
    }
    assert.deepEqual(walked, names)
    // What a screen reader is told of the same.
    const tree = await page.locator('.panel').ariaSnapshot()
    for (const line of [
      /dialog "Notifications"/,
      /heading "Notifications" \[level=2\]/,
      /button "All" \[pressed\]/,
      /button "Why did I get this\?: Title 21" \[expanded\]/,
      /button "Mute this conversation"/,
      /button "Show older"/,
    ])
      assert.match(tree, line)
    assert.doesNotMatch(tree, /- (button|link|switch)\s*$/m, 'none without a name')
  },
)

test('by keyboard alone: filters, why, mute, turn off, undo, older, all read, close', inBrowser, async () => {
  await using context = await here.browser.open()
  for (let n = 0; n < 21; n++)
    await here.bell.put([inboxMessage('ben', `n${n}`, { title: `Title ${n}`, thread: `t${n}` })])
  const page = await here.bell.visit(context, 'ben')
  await badge(page, '21')
  await press(page, 'Tab', 'Enter')
  await page.locator('.item').nth(19).waitFor()
  await tabTo(page, /^Why did I get this\?: Title 20$/)
  await press(page, 'Enter')
  await tabTo(page, /^Mute this conversation$/)
  await press(page, 'Enter')
  await notice(page, 'This conversation is muted.')
  await press(page, 'Control+z')
  await notice(page, 'Taken back.')
  await page.locator('.item .main').first().focus()
  await tabTo(page, /^Why did I get this/)
  await press(page, ' ')
  await tabTo(page, /^Turn off “Social”$/)
  await press(page, ' ')
  await notice(page, '“Social” is turned off.')
  await press(page, 'Meta+z')
  await notice(page, 'Taken back.')
  await page.locator('.item .main').last().focus()
  await tabTo(page, /^Show older$/)
  await press(page, 'Enter')
  await page.locator('.item').nth(20).waitFor()
  await page.locator('.item .main').first().focus()
  await tabTo(page, /^Unread$/, 'Shift+Tab')
  await tabTo(page, /^Mark all as read$/, 'Shift+Tab')
  await press(page, 'Enter')
  await page.locator('.badge').waitFor({ state: 'detached' })
  assert.equal((await focus(page)).name, 'Mark all as read', 'who has read all is still where they were')
  await press(page, 'Enter', 'ArrowDown')
  assert.match((await focus(page)).name, /Title/)
  await page.locator('.shows button').first().focus()
  for (const [filter, text] of [
    [/^Unread$/, 'Nothing unread'],
    [/^Archive$/, 'The archive is empty'],
  ] as const) {
    await tabTo(page, filter)
    await press(page, 'Enter')
    await page.getByText(text).waitFor()
  }
  await tabTo(page, /^Close$/, 'Shift+Tab')
  await press(page, 'Enter')
  await page.locator('.panel').waitFor({ state: 'detached' })
  assert.match((await focus(page)).name, /^Notifications/, 'the bell has the focus again')
})

test('on a phone nobody tabs behind the panel', inBrowser, async () => {
  await using context = await here.browser.open({ viewport: { width: 390, height: 844 } })
  await here.bell.put([inboxMessage('cem', 'a', { title: 'A title' })])
  const page = await here.bell.visit(context, 'cem')
  await badge(page, '1')
  await press(page, 'Tab', 'Enter')
  await page.locator('.item').waitFor()
  assert.equal(await page.getByRole('dialog').getAttribute('aria-modal'), 'true')
  const first = await tabTo(page, /^Mark all as read$/)
  const round = await tabTo(page, /^Mark all as read$/)
  assert.ok(first.length > 0 && !round.includes('Something else'), round.join())
  await page.setViewportSize({ width: 1_280, height: 844 })
  await until(async () => (await page.getByRole('dialog').getAttribute('aria-modal')) === null)
  await press(page, 'Escape')
  await page.locator('.panel').waitFor({ state: 'detached' })
})

for (const hand of ['mouse', 'keyboard'] as const)
  test(
    `one unsubscribes and takes it back by ${hand}, in either language and scheme, without a fault that axe finds`,
    inBrowser,
    async () => {
      for (const [locale, colorScheme, width, [leave, undo]] of [
        ['en-GB', 'light', 1_280, ['Unsubscribe', 'Undo']],
        ['de-DE', 'dark', 390, ['Abbestellen', 'Rückgängig machen']],
      ] as const) {
        const recipient = `dora ${hand} ${locale}`
        await using context = await here.browser.open({ locale, colorScheme, viewport: { width, height: 800 } })
        const page = await context.newPage()
        const [token] = unsubscribeTokens([{ recipient, categories: ['social'], issued: Date.now() }], secret)
        await page.goto(`${here.bell.url}/u/${token}`)
        const wish = async () =>
          (
            await here.bell.db.query<{ choices: string }>('select choices from recipients where id = $1', [recipient])
          )[0]?.choices
        const use = async (name: string) => {
          const button = page.getByRole('button', { name, exact: true })
          await button.waitFor()
          assert.deepEqual(await accessibilityFaults(page), [], name)
          assert.equal(await page.getByRole('heading', { level: 1 }).count(), 1)
          if (hand === 'mouse') return button.click()
          await tabTo(page, new RegExp(`^${name}$`))
          await press(page, 'Enter')
        }
        assert.equal(await wish(), undefined, 'opening it changes nothing')
        await use(leave)
        await use(undo)
        await page.getByRole('button', { name: leave, exact: true }).waitFor()
        assert.match((await wish())!, /"email":true/)
      }
    },
  )

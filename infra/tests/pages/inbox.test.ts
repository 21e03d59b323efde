import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import type { Page } from 'playwright-core'
import { inboxMessage, itemId } from '#channels/in-app/inbox.fixture.ts'
import { accessibilityFaults, inBrowser } from '../browser.ts'
import { startProxy } from '../producers/proxy.ts'
import { tracesFolder } from '../servers.ts'
import { badge, bellInBrowser, createBell, openPanel, titles } from './inbox.fixture.ts'

const here = bellInBrowser()

const noBadge = (page: Page) => page.locator('.badge').waitFor({ state: 'detached' })
/** What has the focus, within the component. */
const focused = (page: Page): Promise<string> =>
  page.evaluate(() => {
    const at = document.querySelector('carillon-inbox')!.shadowRoot!.activeElement
    return at?.querySelector('.title')?.textContent ?? at?.className ?? ''
  })

test('every control by mouse: read, all read, archive, undo, why, mute, filters, older, close', inBrowser, async () => {
  await using context = await here.browser.open()
  const page = await here.bell.visitWith(
    context,
    'anna',
    Array.from({ length: 23 }, (_, n) => `n${n}`),
  )
  await openPanel(page)
  assert.equal((await titles(page)).length, 20)
  await page.locator('.more').click()
  await page.locator('.item').nth(22).waitFor()
  await page.locator('.item').first().locator('.read').click()
  await badge(page, '22')
  await page.locator('.item').nth(1).locator('.archive').click()
  await badge(page, '21')
  assert.equal((await titles(page))[1], 'n20')
  await page.locator('.undo').click()
  await page.locator('.item .title', { hasText: /^n21$/ }).waitFor()
  await page.locator('.item').first().locator('.why').click()
  assert.match(await page.locator('.reason').innerText(), /You were mentioned\. It belongs to “Social”/)
  const said = async () =>
    (await here.bell.db.query<{ choices: string }>(`select choices from recipients where id = 'anna'`))[0]?.choices ??
    ''
  await page.locator('.mute-thread').click()
  await page.locator('.notice', { hasText: 'This conversation is muted.' }).waitFor()
  assert.match(await said(), /thread of n22/)
  await page.locator('.undo').click()
  await page.locator('.notice', { hasText: 'Taken back.' }).waitFor()
  assert.doesNotMatch(await said(), /thread of n22/)
  await page.locator('.item').first().locator('.why').click()
  await page.locator('.mute-category').click()
  await page.locator('.notice', { hasText: '“Social” is turned off.' }).waitFor()
  assert.deepEqual(JSON.parse(await said()).categories, { social: { push: false, email: false, in_app: false } })
  await page.locator('.undo').click()
  await page.locator('.notice', { hasText: 'Taken back.' }).waitFor()
  await page.locator('.read-all').click()
  await noBadge(page)
  await page.getByRole('button', { name: 'Unread', exact: true }).click()
  await page.getByText('Nothing unread').waitFor()
  await page.getByRole('button', { name: 'Archive', exact: true }).click()
  await page.getByText('The archive is empty').waitFor()
  await page.locator('.close').click()
  await page.locator('.panel').waitFor({ state: 'detached' })
  await openPanel(page)
  await page.locator('#other').click()
  await page.locator('.panel').waitFor({ state: 'detached' })
})

test('what a mute was before is so again when the mute is taken back', inBrowser, async () => {
  await using context = await here.browser.open()
  const page = await here.bell.visitWith(context, 'ida', ['a'])
  const until = Date.now() + 86_400_000
  const threads = { 'thread of a': until }
  await here.bell.db.query(`insert into recipients (id, choices) values ('ida', $1)`, [JSON.stringify({ threads })])
  await openPanel(page)
  await page.locator('.item .why').click()
  await page.locator('.mute-thread').click()
  await page.locator('.undo').click()
  await page.locator('.notice', { hasText: 'Taken back.' }).waitFor()
  const [ida] = await here.bell.db.query<{ choices: string }>(`select choices from recipients where id = 'ida'`)
  assert.deepEqual(JSON.parse(ida!.choices), { threads })
})

test('nobody has to hurry to take something back: it can be until the panel is closed', inBrowser, async () => {
  await using context = await here.browser.open()
  await context.clock.install()
  const page = await here.bell.visitWith(context, 'olga', ['a', 'b'])
  await openPanel(page)
  await page.locator('.item .archive').first().click()
  await page.locator('.undo').waitFor()
  await page.clock.runFor(10_000)
  await page.locator('.undo').click()
  await page.locator('.notice', { hasText: 'Taken back.' }).waitFor()
  await page.clock.runFor(10_000)
  await page.locator('.notice').waitFor({ state: 'detached' })
  await page.locator('.item .archive').first().click()
  await page.locator('.undo').waitFor()
  await page.locator('.close').click()
  await openPanel(page)
  assert.equal(await page.locator('.notice').count(), 0)
})

test(
  'by keyboard alone: open, move, read, archive, why, undo, Escape; the focus is never lost',
  inBrowser,
  async () => {
    await using context = await here.browser.open()
    const page = await here.bell.visitWith(context, 'ben', ['a', 'b', 'c'])
    const press = (...keys: string[]) =>
      keys.reduce((before, key) => before.then(() => page.keyboard.press(key)), Promise.resolve())
    await press('Tab', 'Enter')
    await page.locator('.item').nth(2).waitFor()
    assert.equal(await focused(page), 'c', 'the newest has it')
    await press('ArrowDown')
    assert.equal(await focused(page), 'b')
    await press('End')
    assert.equal(await focused(page), 'a')
    await press('Home', 'Enter')
    await badge(page, '2')
    await press('Tab', 'Enter')
    await page.locator('.reason').waitFor()
    await press('ArrowUp', 'ArrowDown', 'Tab')
    assert.equal(await focused(page), 'icon read')
    await press('Tab', 'Tab')
    assert.equal(await focused(page), 'icon archive')
    await press('Enter')
    await page.locator('.item').nth(2).waitFor({ state: 'detached' })
    await page.locator('.undo').waitFor()
    assert.equal(await focused(page), 'icon archive', 'the next one has it')
    await press('ArrowUp', 'ArrowDown')
    assert.equal(await focused(page), 'a')
    await here.bell.put([inboxMessage('ben', 'd', { title: 'd' })])
    await page.locator('.item').nth(2).waitFor()
    assert.equal(await focused(page), 'a', 'also when another comes before it')
    await page.locator('.undo').focus()
    await press('Enter')
    await page.locator('.item').nth(2).waitFor()
    await press('Escape')
    assert.match(await focused(page), /^bell/)
  },
)

test('axe finds nothing wrong, in light and dark, on a phone, in any state', inBrowser, async () => {
  await here.bell.fill('cem')
  for (const [colorScheme, width] of [
    ['light', 1_280],
    ['dark', 390],
    ['dark', 1_280],
    ['light', 390],
  ] as const) {
    await using context = await here.browser.open({
      colorScheme,
      reducedMotion: 'reduce',
      viewport: { width, height: 800 },
    })
    const page = await here.bell.visit(context, 'cem')
    await page.locator('.badge').waitFor()
    assert.deepEqual(await accessibilityFaults(page), [])
    await openPanel(page)
    await page.locator('.item').first().waitFor()
    await page.locator('.why').nth(1).click()
    assert.deepEqual(await accessibilityFaults(page), [], `${colorScheme} ${width}`)
    await page.getByRole('button', { name: 'Archive', exact: true }).click()
    await page.getByText('The archive is empty').waitFor()
    assert.deepEqual(await accessibilityFaults(page), [])
  }
})

test('two browsers of a person stay in step, and nobody else sees any of it', inBrowser, async () => {
  await using first = await here.browser.open()
  await using second = await here.browser.open({ locale: 'de-DE' })
  await using others = await here.browser.open()
  const one = await here.bell.visitWith(first, 'dora', ['a', 'b'])
  const two = await here.bell.visit(second, 'dora')
  const other = await here.bell.visit(others, 'eve')
  await openPanel(one)
  await openPanel(two)
  await two.locator('.item').nth(1).waitFor()
  await one.locator('.item').first().locator('.read').click()
  await badge(two, '1')
  await two.locator('.item').first().locator('.archive').click()
  await one.locator('.item').nth(1).waitFor({ state: 'detached' })
  await here.bell.put([inboxMessage('dora', 'c', { title: 'c' })])
  for (const page of [one, two]) {
    await badge(page, '2')
    assert.deepEqual(await titles(page), ['c', 'a'])
  }
  assert.equal(await other.locator('.badge').count(), 0)
})

test('a bell of a tenant rings for what is told there, and for what is told in none', inBrowser, async () => {
  await using context = await here.browser.open()
  await here.bell.put([inboxMessage('kim', 'a', { tenant: 'acme' }), inboxMessage('kim', 'b', { tenant: 'bolt' })])
  const page = await here.bell.visit(context, 'kim')
  await badge(page, '2')
  await page.locator('carillon-inbox').evaluate(element => element.setAttribute('tenant', 'acme'))
  await badge(page, '1')
  await here.bell.put([inboxMessage('kim', 'c', { tenant: 'bolt' })])
  await here.bell.put([inboxMessage('kim', 'd')])
  await badge(page, '2')
  await openPanel(page)
  assert.deepEqual(await titles(page), ['d', 'a'])
  await page.locator('.read-all').click()
  await noBadge(page)
  await page.locator('carillon-inbox').evaluate(element => element.removeAttribute('tenant'))
  await badge(page, '2')
})

test('a connection that breaks loses no item: what came meanwhile is there when it is back', inBrowser, async () => {
  await using proxy = await startProxy(Number(new URL(here.bell.url).port))
  await using context = await here.browser.open()
  const page = await here.bell.visit(context, 'fritz', { url: `http://127.0.0.1:${proxy.port}` })
  await here.bell.put([inboxMessage('fritz', 'a')])
  await badge(page, '1')
  proxy.cut()
  for (const key of ['b', 'c', 'd']) await here.bell.put([inboxMessage('fritz', key)])
  await here.bell.ask('fritz', '/marks', { body: { what: 'archived', ids: [itemId('fritz', 'a')] } })
  await openPanel(page)
  await page.locator('.strip').waitFor()
  proxy.mend()
  await badge(page, '3')
  assert.deepEqual(await titles(page), ['d', 'c', 'b'])
})

test('hostile strings are text, in titles and bodies, and no URL runs', inBrowser, async () => {
  const folder = tracesFolder()
  const naughty = folder ? (JSON.parse(readFileSync(path.join(folder, 'blns.json'), 'utf8')) as string[]) : []
  const own = [
    '<img src=x onerror="window.hacked = 1">',
    '<script>window.hacked = 1</script>',
    '" onfocus="window.hacked = 1"',
    '${window.hacked = 1}',
  ]
  const strings = [...own, ...naughty].slice(0, 520).map(text => text.replaceAll('\u0000', ''))
  for (let at = 0; at < strings.length; at += 100)
    await here.bell.put(
      strings.slice(at, at + 100).map((text, n) =>
        inboxMessage('gil', `${at + n}`, {
          title: text,
          body: text,
          url: n % 2 ? text : `javascript:window.hacked=${n}`,
        }),
      ),
    )
  await using context = await here.browser.open()
  const page = await here.bell.visit(context, 'gil')
  await openPanel(page)
  await page.locator('.item').first().waitFor()
  for (let shown = 20; shown < strings.length; shown += 20) {
    await page.locator('.more').click()
    await page
      .locator('.item')
      .nth(Math.min(shown, strings.length - 1))
      .waitFor()
    await new Promise(resolve => void setTimeout(resolve, 300))
  }
  const found = await page.evaluate(() => {
    const root = document.querySelector('carillon-inbox')!.shadowRoot!
    const of = (what: string) => [...root.querySelectorAll(what)]
    return {
      titles: of('.title').map(at => at.textContent),
      links: of('a').map(at => (at as HTMLAnchorElement).protocol),
      strange: of('.item script, .item img, .item iframe').length,
      hacked: (window as { hacked?: number }).hacked,
    }
  })
  assert.deepEqual(found.titles.toSorted(), strings.toSorted())
  assert.deepEqual([found.strange, found.hacked], [0, undefined])
  assert.deepEqual(
    found.links.filter(protocol => !/^https?:$/.test(protocol)),
    [],
  )
})

test('the inbox client without its view weighs less than 15 kB', async () => {
  await using served = await createBell()
  const seen = new Map<string, string>()
  const load = async (url: string): Promise<void> => {
    if (seen.has(url)) return
    const code = await (await fetch(url)).text()
    seen.set(url, code)
    for (const [, from] of code.matchAll(/ from '(\.[^']+)'/g)) await load(new URL(from!, url).href)
  }
  await load(`${served.url}/ui/inbox/client.js`)
  assert.ok(seen.size > 3)
  const bytes = [...seen.values()].reduce((sum, code) => sum + gzipSync(code).length, 0)
  assert.ok(bytes < 15 * 1_024, `${bytes} bytes`)
})

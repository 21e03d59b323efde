import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { inBrowser, openBrowser, type TestBrowser } from '#tests/browser.ts'
import { aDay, createDashboard, type Dashboard } from './dashboard.fixture.ts'
import { openPage } from './open-page.fixture.ts'

let browser: TestBrowser
let world: Dashboard
const opened = new AsyncDisposableStack()
before(async () => {
  if (inBrowser.skip !== false) return
  browser = opened.use(await openBrowser())
  world = opened.use(await createDashboard())
  await world.store(aDay())
})
after(() => opened.disposeAsync())

const span = 'since=2026-11-20T00:00:00Z&until=2026-11-21T00:00:00Z'

test('the query of a chart is a command that gives its answer, and opens it', inBrowser, async () => {
  await using shown = await openPage(browser, { at: `/dashboard?${span}&channel=push`, of: world })
  const { tab, context } = shown
  await context.grantPermissions(['clipboard-read', 'clipboard-write'])
  const card = tab.getByRole('region', { name: 'Funnel', exact: true })
  await card.locator('summary', { hasText: 'Query' }).click()
  const [answer] = await Promise.all([
    context.waitForEvent('page'),
    card.getByRole('button', { name: 'Open the answer: Funnel' }).click(),
  ])
  await answer.waitForURL(/^blob:/)
  type Told = { since: string; funnels: { stages: { intended: number } }[] }
  const opened = JSON.parse(await answer.locator('body').innerText()) as Told
  await card.getByRole('button', { name: 'Copy the query: Funnel' }).click()
  const command = await tab.evaluate(() => navigator.clipboard.readText())
  assert.equal(command, await card.locator('code').innerText())
  const [, header, url] = /^curl -H "([^"]+)" '([^']+)'$/.exec(command)!
  assert.equal(header, 'Authorization: Bearer $CARILLON_TOKEN')
  const response = await fetch(url!, { headers: { authorization: `Bearer ${world.token}` } })
  const { since, funnels } = (await response.json()) as Told
  assert.ok(funnels[0]!.stages.intended > 0)
  assert.deepEqual([opened.since, opened.funnels], [since, funnels])
})

test('after Back a select shows what is charted', inBrowser, async () => {
  await using shown = await openPage(browser, { at: `/dashboard?${span}`, of: world })
  const { tab } = shown
  const by = tab.getByLabel('Broken down by')
  for (const [group, heading] of [
    ['type', 'build.failed'],
    ['lane', 'default'],
  ] as const) {
    await by.selectOption(group)
    await tab.getByRole('heading', { name: heading, exact: true }).waitFor()
  }
  await tab.goBack()
  await tab.getByRole('heading', { name: 'build.failed' }).waitFor()
  assert.equal(await by.inputValue(), 'type')
  await tab.goBack()
  await tab.getByRole('heading', { name: 'build.failed' }).waitFor({ state: 'detached' })
  assert.equal(await by.inputValue(), '')
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inBrowser } from '#tests/browser.ts'
import { pagesInBrowser, span } from './open-page.fixture.ts'

const here = pagesInBrowser()

test('the query of a chart is a command that gives its answer, and opens it', inBrowser, async () => {
  await using shown = await here.open(`/dashboard?${span}&channel=push`)
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
  const response = await fetch(url!, { headers: { authorization: `Bearer ${here.world.token}` } })
  const { since, funnels } = (await response.json()) as Told
  assert.ok(funnels[0]!.stages.intended > 0)
  assert.deepEqual([opened.since, opened.funnels], [since, funnels])
})

test('after Back a select shows what is charted', inBrowser, async () => {
  await using shown = await here.open(`/dashboard?${span}`)
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

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { inBrowser } from '#tests/browser.ts'
import { until } from '#tests/program.ts'
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
  const command = await card.locator('code').innerText()
  // It is written a moment after the press.
  await until(async () => (await tab.evaluate(() => navigator.clipboard.readText())) === command)
  const [, header, url] = /^curl -H "([^"]+)" '([^']+)'$/.exec(command)!
  assert.equal(header, 'Authorization: Bearer $CARILLON_TOKEN')
  const response = await fetch(url!, { headers: { authorization: `Bearer ${here.world.token}` } })
  const { since, funnels } = (await response.json()) as Told
  assert.ok(funnels[0]!.stages.intended > 0)
  assert.deepEqual([opened.since, opened.funnels], [since, funnels])
})

test('chart, table and file tell times of the zone that is chosen', inBrowser, async () => {
  await using shown = await here.open(`/dashboard?${span}&bucket=hour&zone=Asia/Tokyo&live=1&numbers=series.tail`)
  const { tab } = shown
  const cardOf = (name: string) => tab.getByRole('region', { name, exact: true })
  const column = (name: string) => cardOf(name).locator('details table tr > :first-child').allInnerTexts()
  const fileOf = async (name: string) => {
    const [file] = await Promise.all([
      tab.waitForEvent('download'),
      tab.getByRole('button', { name: `CSV: ${name}` }).click(),
    ])
    return readFileSync(await file.path(), 'utf8')
      .trim()
      .split('\r\n')
      .map(line => line.split(',')[0])
  }
  await cardOf('Over time').getByRole('table').waitFor()
  const bars = await tab
    .getByRole('group', { name: /^Notifications over time/ })
    .getByRole('link')
    .evaluateAll(all => all.map(one => one.getAttribute('aria-label')!.split(':').slice(0, 2).join(':')))
  const [head, ...times] = await column('Over time')
  assert.equal(head, 'From (Asia/Tokyo)')
  assert.deepEqual([times[0], times.at(-1)], ['20 Nov, 09:00', '20 Nov, 22:00'])
  assert.deepEqual(
    times,
    bars.map(bar => bar.replace(', so far', '')),
  )
  const [kept, ...file] = await fileOf('Over time')
  assert.equal(kept, head)
  assert.deepEqual([file[0], file.at(-1)], ['2026-11-20T09:00:00+09:00', '2026-11-20T22:00:00+09:00'])
  assert.deepEqual((await column('Live')).slice(0, 2), ['Time (Asia/Tokyo)', '21:01:00'])
  assert.deepEqual((await fileOf('Live')).slice(0, 2), ['Time (Asia/Tokyo)', '2026-11-20T21:01:00+09:00'])
  // Of an address that says nonsense only what it is asked for fails.
  await tab.goto(`${here.world.url}/dashboard?${span}&zone=Nowhere&live=1`)
  await tab.getByText('Not counted.').first().waitFor()
  await cardOf('Live').getByRole('row').nth(1).waitFor()
  await tab.locator('.page[aria-busy=false]').waitFor()
  assert.equal(await cardOf('Live').getByRole('columnheader').first().innerText(), 'Time (UTC)')
  await tab.goto(`${here.world.url}/trace?recipient=user-3&zone=Nowhere`)
  await tab.getByText('20 Nov 2026, 12:00:00').first().waitFor()
  assert.equal(await tab.getByLabel('Times in').inputValue(), 'UTC')
  shown.wrong.splice(0)
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

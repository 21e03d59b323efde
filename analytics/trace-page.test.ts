import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inBrowser } from '#tests/browser.ts'
import { pagesInBrowser } from './open-page.fixture.ts'

const here = pagesInBrowser()

async function openTrace(query: string) {
  const shown = await here.open(`/trace?${query}`)
  const { tab } = shown
  const of = tab.locator('input[name=of]')
  const look = () => tab.getByRole('button', { name: 'Look' }).click()
  return {
    ...{ tab, of, look },
    kind: tab.locator('select[name=kind]'),
    zone: tab.locator('select[name=zone]'),
    since: tab.locator('input[name=since]'),
    status: tab.getByRole('status'),
    steps: () => tab.evaluate(() => history.length),
    [Symbol.asyncDispose]: () => shown[Symbol.asyncDispose](),
  }
}

test('who looks again is told anew, without another step to go back; another zone is no look', inBrowser, async () => {
  await using shown = await openTrace('intent=docs/comment.created-0&recipient=user-3')
  const { tab, look, status } = shown
  await status.getByText(/^Found: \d+ lines\.$/).waitFor()
  const [looks, steps] = [here.world.looks.length, await shown.steps()]
  await Promise.all([tab.waitForResponse(/\/v1\/trace\?/), look()])
  await status.getByText(/^Found: \d+ lines\.$/).waitFor()
  assert.deepEqual([here.world.looks.length, await shown.steps()], [looks + 1, steps])
  assert.equal(here.world.looks.at(-1)!.about['recipient'], 'user-3')
  await shown.zone.selectOption('UTC')
  await look()
  await tab.getByText('20 Nov 2026, 12:00:00').first().waitFor()
  assert.deepEqual([here.world.looks.length, await shown.steps()], [looks + 1, steps + 1])
})

test('what is read out is how much was found, not all of it', inBrowser, async () => {
  await using shown = await openTrace('recipient=user-3')
  const lines = shown.tab.locator('.lines li')
  await lines.first().waitFor()
  assert.equal(await shown.status.innerText(), `Found: ${await lines.count()} lines.`)
  assert.equal(await shown.tab.locator('[aria-live]').count(), 0)
})

test('what is on its way for one form is given up for another', inBrowser, async () => {
  await using shown = await openTrace('')
  const { tab, of, look } = shown
  let answer = () => {}
  const waits = new Promise<void>(resolve => (answer = resolve))
  await tab.route(/\/v1\/trace\?/, async route => {
    await waits
    await route.continue().catch(() => {})
  })
  await of.fill('docs/comment.created-0')
  await look()
  await tab.getByText('Looking …').first().waitFor()
  await Promise.all([tab.waitForEvent('requestfailed'), shown.kind.selectOption('recipient')])
  answer()
  await tab.getByText('An intent, a person or a delivery').waitFor()
  assert.equal(await tab.locator('.lines').count(), 0)
})

test('the zone of examples can be another', inBrowser, async () => {
  await using shown = await openTrace('stage=opened&since=2026-11-20T12:00:00Z')
  const { tab } = shown
  const region = tab.getByRole('region', { name: 'Examples', exact: true })
  await region.getByText('20 Nov 2026, 13:00:00').first().waitFor()
  await shown.zone.selectOption('UTC')
  await shown.look()
  await region.getByText('20 Nov 2026, 12:00:00').first().waitFor()
  assert.equal(new URL(tab.url()).searchParams.get('stage'), 'opened')
})

test('a time from the address stands there in UTC, and stays what it is', inBrowser, async () => {
  await using shown = await openTrace(`recipient=user-3&since=${encodeURIComponent('2026-11-20T12:00:30+02:00')}`)
  await shown.tab.locator('.lines').first().waitFor()
  assert.equal(await shown.since.inputValue(), '2026-11-20T10:00')
  await shown.look()
  await shown.status.getByText(/^Found/).waitFor()
  assert.equal(new URL(shown.tab.url()).searchParams.get('since'), '2026-11-20T12:00:30+02:00')
  assert.equal(here.world.looks.at(-1)!.about['since'], '2026-11-20T10:00:30.000Z')
  await shown.tab.goto(`${here.world.url}/trace?recipient=user-3&since=2026-11-20`)
  await shown.tab.locator('.lines').first().waitFor()
  assert.equal(await shown.since.inputValue(), '2026-11-20T00:00')
})

test('after Back the form tells what is shown', inBrowser, async () => {
  await using shown = await openTrace('recipient=user-3')
  const { tab, kind, of, zone } = shown
  await tab.locator('.lines').first().waitFor()
  await kind.selectOption('intent')
  await of.fill('docs/comment.created-0')
  await shown.look()
  await tab.getByRole('heading', { name: 'comment.created' }).waitFor()
  // Chosen and typed, but not looked at.
  await zone.selectOption('UTC')
  await of.fill('docs/')
  await tab.goBack()
  await tab.getByRole('heading', { name: 'invoice.due' }).first().waitFor()
  const form = await Promise.all([kind, of, zone].map(field => field.inputValue()))
  assert.deepEqual(form, ['recipient', 'user-3', 'Europe/Berlin'])
})

test('each code of a trace leads to what it means', inBrowser, async () => {
  const rules = await (await fetch(`${here.world.url}/rules`)).text()
  for (const asked of ['intent=docs/comment.created-0', 'recipient=user-3']) {
    await using shown = await openTrace(asked)
    await shown.tab.locator('.lines').first().waitFor()
    const links = await shown.tab
      .locator('.codes a[href^="/rules#"]')
      .evaluateAll(all => all.map(one => one.getAttribute('href')!))
    assert.ok(links.length > 0)
    for (const to of new Set(links)) assert.ok(rules.includes(`id="${to.slice('/rules#'.length)}"`), to)
  }
})

test(
  'the skip link leads to the answer alone: nothing is looked at anew, and what was typed stays',
  inBrowser,
  async () => {
    await using shown = await openTrace('recipient=user-3')
    const { tab, of, look } = shown
    await tab.locator('.lines').first().waitFor()
    await of.fill('user-2')
    const looks = here.world.looks.length
    await tab.getByRole('link', { name: 'Skip to the answer' }).press('Enter')
    await tab.waitForURL(/#answer$/)
    await tab.goBack()
    await tab.waitForURL(/user-3$/)
    assert.equal(await of.inputValue(), 'user-2')
    await look()
    await shown.status.getByText(/^Found/).waitFor()
    assert.deepEqual(
      here.world.looks.slice(looks).map(({ about }) => about['recipient']),
      ['user-2'],
    )
  },
)

test('a look that found nothing is not looked at again by itself', inBrowser, async () => {
  await using shown = await here.open('/trace?recipient=nobody')
  const { tab, context, wrong } = shown
  const alert = tab.getByRole('alert')
  await alert.getByText('Nothing is known of this person.').waitFor()
  const looks = here.world.looks.length
  await context.setOffline(true)
  await context.setOffline(false)
  await Promise.all([tab.waitForResponse(/\/v1\/trace\?/), tab.getByRole('button', { name: 'Look' }).click()])
  await alert.getByText('Nothing is known of this person.').waitFor()
  assert.equal(here.world.looks.length, looks + 1)
  assert.ok(wrong.splice(0).every(text => text.includes('404')))
})

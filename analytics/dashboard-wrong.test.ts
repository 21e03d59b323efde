import assert from 'node:assert/strict'
import { test } from 'node:test'
import { accessibilityFaults, inBrowser } from '#tests/browser.ts'
import { createDashboard } from './dashboard.fixture.ts'
import { pagesInBrowser, span, type Tab } from './open-page.fixture.ts'

const here = pagesInBrowser()
const alerts = (tab: Tab) => tab.getByRole('alert').allInnerTexts()
const again = (tab: Tab) => tab.getByRole('button', { name: 'Try again' })
/** Every chart has its answer, or has none: each goes wrong by itself. */
const answered = (tab: Tab) => tab.locator('.page[aria-busy=false]').waitFor()
const funnel = (tab: Tab) => tab.getByRole('list', { name: 'Funnel', exact: true })

test('a device that is offline is told so once, and is answered when it is back', inBrowser, async () => {
  await using shown = await here.open(`/dashboard?${span}`)
  const { tab, context, wrong } = shown
  await funnel(tab).waitFor()
  await context.setOffline(true)
  await tab.locator('select[name=channel]').selectOption('push')
  await again(tab).waitFor()
  await answered(tab)
  assert.deepEqual(await alerts(tab), ['This device is offline.'])
  assert.equal(await tab.locator('.charts').count(), 0)
  await context.setOffline(false)
  await funnel(tab).waitFor()
  await answered(tab)
  assert.deepEqual(await alerts(tab), [])
  assert.ok(wrong.splice(0).every(text => text.includes('ERR_INTERNET_DISCONNECTED')))
})

test(
  'a server that is away is said once; to try again is one press, and the focus is at what came',
  inBrowser,
  async () => {
    await using shown = await here.open(`/dashboard?${span}`, {
      before: tab => tab.route('**/v1/analytics/**', route => route.abort('connectionrefused')),
    })
    const { tab, wrong } = shown
    await again(tab).waitFor()
    await answered(tab)
    assert.deepEqual(await alerts(tab), ['The server cannot be reached.'])
    await again(tab).focus()
    await tab.keyboard.press('Enter')
    await answered(tab)
    assert.deepEqual(await alerts(tab), ['The server cannot be reached.'])
    await tab.unroute('**/v1/analytics/**')
    await tab.keyboard.press('Enter')
    await funnel(tab).waitFor()
    await again(tab).waitFor({ state: 'detached' })
    assert.equal(await tab.evaluate(() => document.activeElement!.id), 'answer')
    assert.ok(wrong.splice(0).every(text => text.includes('ERR_CONNECTION_REFUSED')))
  },
)

test('what goes wrong with some charts names them, and leaves the others', inBrowser, async () => {
  const detail = 'the answer took too long: ask for a shorter time'
  await using shown = await here.open(`/dashboard?${span}`, {
    before: tab => tab.route(/times=true|compare=previous/, route => route.fulfill({ status: 503, json: { detail } })),
  })
  const { tab, wrong } = shown
  await again(tab).waitFor()
  await funnel(tab).waitFor()
  await answered(tab)
  assert.deepEqual(await alerts(tab), ['Latency, Volume by type: The answer took too long: ask for a shorter time.'])
  assert.equal(await tab.getByText('Not counted.').count(), 2)
  assert.deepEqual(await accessibilityFaults(tab), [])
  assert.ok(wrong.splice(0).every(text => text.includes('503')))
})

test('a question that makes no sense is said once, of fields as the page names them', inBrowser, async () => {
  await using shown = await here.open('/dashboard?since=yesterday&unit=dog')
  const { tab, wrong } = shown
  await tab.getByRole('alert').waitFor()
  await answered(tab)
  const [said, ...more] = await alerts(tab)
  assert.match(said!, /^From \(UTC\) must be [^\n]+; Count must be one of notification, recipient\.$/)
  assert.deepEqual(more, [])
  assert.equal(await again(tab).count(), 0)
  assert.ok(wrong.splice(0).every(text => text.includes('400')))
})

test('what is never answered is asked once, whatever happens, until it is asked otherwise', inBrowser, async () => {
  await using world = await createDashboard({ tenant: 'acme' })
  const asked: string[] = []
  await using shown = await here.open('/dashboard?tenant=alien&live=1', {
    of: world,
    async before(tab) {
      await tab.clock.install()
      tab.on('request', request => request.url().includes('/v1/') && asked.push(request.url()))
    },
  })
  const { tab, context, wrong } = shown
  const answered = () => tab.locator('.page[aria-busy=false]').waitFor()
  await tab.getByRole('alert').getByText('This token is told of the tenant acme alone.').waitFor()
  await answered()
  await tab.clock.runFor(20_000)
  await context.setOffline(true)
  await context.setOffline(false)
  // A lift is asked of a type, too.
  await tab.getByLabel('Lift: product event').fill('thread.joined')
  await tab.getByLabel('Lift: product event').press('Enter')
  await tab.waitForURL(/event=thread\.joined/)
  assert.equal(asked.length, 6)
  await tab.locator('select[name=channel]').selectOption('push')
  await answered()
  assert.equal(asked.length, 12)
  assert.ok(wrong.splice(0).every(text => text.includes('403')))
})

for (const [status, said] of [
  [401, 'This token is not good here, or no longer.'],
  [403, 'The token does not open analytics.'],
] as const)
  for (const page of [`/dashboard?${span}&live=1`, '/trace?recipient=user-1'])
    test(`who is no longer let in (${status}) by ${page} is told why where the token is typed`, inBrowser, async () => {
      await using shown = await here.open(page)
      const { tab, wrong } = shown
      await tab.locator('.tail, .part').first().waitFor()
      await tab.route('**/v1/**', route =>
        route.fulfill({
          ...{ status, headers: { 'www-authenticate': 'Bearer' } },
          json: { detail: 'the token does not open analytics' },
        }),
      )
      if (page.startsWith('/trace')) await tab.getByRole('button', { name: 'Look' }).click()
      await tab.getByLabel('Token').waitFor()
      assert.deepEqual(await alerts(tab), [said])
      assert.equal(await tab.evaluate(() => document.activeElement!.getAttribute('name')), 'token')
      await tab.unroute('**/v1/**')
      await tab.keyboard.type(here.world.token)
      await tab.keyboard.press('Enter')
      await tab.locator('.tail, .part').first().waitFor()
      assert.ok(wrong.splice(0).every(text => text.includes(String(status))))
    })

test('a trace that gets no answer says so, and is asked for again', inBrowser, async () => {
  await using shown = await here.open('/trace?recipient=user-1')
  const { tab, context, wrong } = shown
  await tab.locator('.part').first().waitFor()
  await context.setOffline(true)
  await tab.getByRole('button', { name: 'Look' }).click()
  await again(tab).waitFor()
  assert.deepEqual(await alerts(tab), ['This device is offline.'])
  await context.setOffline(false)
  await tab.locator('.part').first().waitFor()
  await tab.route('**/v1/trace?**', route => route.fulfill({ status: 503, json: { detail: 'too much is asked' } }))
  await tab.getByRole('button', { name: 'Look' }).click()
  await again(tab).waitFor()
  assert.deepEqual(await alerts(tab), ['Too much is asked.'])
  await tab.unroute('**/v1/trace?**')
  await again(tab).click()
  await tab.locator('.part').first().waitFor()
  assert.ok(wrong.splice(0).every(text => /503|ERR_INTERNET_DISCONNECTED/.test(text)))
})

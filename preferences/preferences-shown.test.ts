import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inBrowser } from '#tests/browser.ts'
import { until } from '#tests/program.ts'
import { description, pageInBrowser } from './page-browser.fixture.ts'

const here = pageInBrowser()

test('a time zone that was not saved is not shown as if it were', inBrowser, async () => {
  await using shown = await here.open()
  const zone = shown.tab.getByLabel('Time zone')
  assert.equal(await zone.inputValue(), 'Europe/Berlin')
  await shown.context.setOffline(true)
  await zone.selectOption('Asia/Tokyo')
  await shown.tab.getByText('No connection. Your last change may not have been saved.').waitFor()
  assert.equal(await zone.inputValue(), 'Europe/Berlin')
  await shown.context.setOffline(false)
  const held = Promise.withResolvers<void>()
  await shown.tab.route('**/v1/me/preferences', async route => held.promise.then(() => route.continue()))
  await zone.selectOption('Asia/Tokyo')
  await shown.tab.getByText('Saving …').waitFor()
  assert.equal(await zone.inputValue(), 'Asia/Tokyo', 'what is on its way is')
  held.resolve()
  await shown.saved()
  assert.equal(await zone.inputValue(), 'Asia/Tokyo')
  await shown.tab.getByRole('button', { name: 'Undo' }).click()
  await shown.tab.getByText('Taken back.').waitFor()
  assert.equal(await zone.inputValue(), 'Europe/Berlin')
  shown.wrong.length = 0
})

test(
  'who clicks twice signs a device out once, and a year beyond all calendars is no time to come',
  inBrowser,
  async () => {
    await using shown = await here.open()
    const { tab } = shown
    const deleted: string[] = []
    tab.on('request', request => request.method() === 'DELETE' && deleted.push(request.url()))
    await tab.getByRole('button', { name: /^Sign out Pixel 9/ }).click()
    await tab.getByRole('button', { name: /^Really sign out\? Pixel 9/ }).dblclick()
    await tab.getByText('Signed out of notifications.').waitFor()
    await tab.getByRole('button', { name: 'Until …' }).click()
    await tab.getByRole('button', { name: 'Close' }).waitFor()
    await tab.getByLabel('Pause until').evaluate(input => {
      const typed = input as HTMLInputElement
      typed.value = '275760-12-31T23:59'
      typed.dispatchEvent(new Event('input'))
    })
    await tab.getByRole('button', { name: 'Pause', exact: true }).click()
    await tab.getByText('Choose a time to come.').waitFor()
    assert.equal(deleted.length, 1)
  },
)

test('that it is saved is said when all of it is, not after the first of two changes', inBrowser, async () => {
  await using shown = await here.open()
  const { tab } = shown
  const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  let asked = 0
  await tab.route('**/v1/me/preferences', async route => {
    if (route.request().method() === 'PATCH') await gates[asked++]!.promise
    await route.continue()
  })
  for (const name of ['Mentions Push', 'Replies Push']) await tab.getByRole('switch', { name }).click()
  gates[0]!.resolve()
  await until(() => asked === 2)
  assert.match(await tab.getByRole('status').innerText(), /^Saving …/)
  gates[1]!.resolve()
  await shown.saved()
  const { mentions, replies } = (await shown.person()).choices.categories!
  assert.deepEqual([mentions, replies], [{ push: false }, { push: false }])
})

test('what is on says so where nothing can arrive, and why, in either language', inBrowser, async () => {
  const recipient = `cem-${here.next()}`
  await here.page.upsert(Date.now(), { id: recipient, endpoints: [] })
  for (const [locale, name, said] of [
    ['en-GB', 'Billing SMS', 'On, but we have no phone number for you'],
    ['de-DE', 'Billing SMS', 'An, aber wir haben keine Telefonnummer von dir'],
    ['en-GB', 'Security Push', 'On · always sent, for your safety, but no device of yours is signed in'],
  ] as const) {
    await using context = await here.browser.open({ locale })
    const tab = await context.newPage()
    await tab.goto(here.page.linkOf({ recipient }))
    assert.equal(await description(tab.getByRole('switch', { name })), said)
  }
})

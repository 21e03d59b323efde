import { after, before, test } from 'node:test'
import assert from 'node:assert/strict'
import { manualClock } from '#runtime/clock.ts'
import { inBrowser, openBrowser, type TestBrowser } from '#tests/browser.ts'
import { createPage, withAnn } from './page.fixture.ts'

let browser: TestBrowser
before(async () => {
  if (inBrowser.skip === false) browser = await openBrowser()
})
after(async () => browser?.[Symbol.asyncDispose]())

test(
  'a token that expires while the page is open is fetched anew, and what was chosen is saved',
  inBrowser,
  async () => {
    await using own = await ownPage()
    const { tab, user, clock } = own
    let fetched = 0
    await tab.exposeFunction('fetchToken', () => (fetched++, own.tokenOf(user)))
    await own.embed('() => fetchToken()')
    const push = tab.getByRole('switch', { name: 'Mentions Push' })
    await push.waitFor()
    clock.set(clock.now() + 16 * 60_000)
    await push.click()
    await tab.getByRole('status').getByText('Saved.').waitFor()
    assert.equal(fetched, 2)
    assert.deepEqual((await own.person(user.recipient)).choices.categories!['mentions'], { push: false })
  },
)

test('where no new one comes the page says that it is signed out, and that nothing was saved', inBrowser, async () => {
  await using own = await ownPage()
  const { tab, user, clock } = own
  await own.embed(JSON.stringify(await own.tokenOf(user)))
  const push = tab.getByRole('switch', { name: 'Mentions Push' })
  await push.waitFor()
  await tab.evaluate(`document.addEventListener('carillon-signed-out', () => (document.title = 'out'))`)
  clock.set(clock.now() + 16 * 60_000)
  await push.click()
  await tab.getByText('You are signed out.').waitFor()
  await tab.getByRole('status').getByText('Your last change was not saved.').waitFor()
  assert.equal(await tab.getByText('Saving').count(), 0)
  assert.equal(await tab.title(), 'out')
  assert.equal((await own.person(user.recipient)).choices.categories!['mentions'], undefined)
  // Whoever signs in again sees how it stands, and chooses again.
  await own.embed(JSON.stringify(await own.tokenOf(user)))
  await push.click()
  await tab.getByRole('status').getByText('Saved.').waitFor()
  assert.deepEqual((await own.person(user.recipient)).choices.categories!['mentions'], { push: false })
})

/** A page with a clock of its own, embedded by a product. */
async function ownPage() {
  await using opened = new AsyncDisposableStack()
  const clock = manualClock(Date.now())
  const own = opened.use(await createPage({ clock }))
  const user = await withAnn(own, { id: 'ann', now: clock.now() })
  const context = opened.use(await browser.open())
  const tab = await context.newPage()
  await tab.route(`${own.productUrl}/`, route =>
    route.fulfill({
      contentType: 'text/html',
      body: `<!doctype html><html lang="en"><title>Settings</title><carillon-preferences></carillon-preferences>
        <script type="module" src="${own.url}/ui/preferences/preferences-element.js"></script></html>`,
    }),
  )
  await tab.goto(`${own.productUrl}/`)
  const running = opened.move()
  return {
    ...{ ...own, clock, user, tab },
    /** Gives the element its token, or how to get one, in JavaScript. */
    embed: (token: string) => tab.evaluate(`document.querySelector('carillon-preferences').token = ${token}`),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

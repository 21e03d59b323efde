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

test('a fresh token loses nothing of what was just changed', inBrowser, async () => {
  await using own = await ownPage()
  const { tab, user } = own
  await own.embed(JSON.stringify(await own.tokenOf(user)))
  await tab.getByRole('switch', { name: 'Mentions Push' }).waitFor()
  const fresh = await own.tokenOf(user)
  await tab.locator('carillon-preferences').evaluate((element, token) => {
    const press = (text: string) =>
      [...element.shadowRoot!.querySelectorAll('button')]
        .find(one => `${one.textContent} ${one.getAttribute('aria-labelledby')}`.includes(text))!
        .click()
    press('channel-0-push')
    press('Add other hours')
    Object.assign(element, { token })
  }, fresh)
  await tab.getByRole('switch', { name: 'Mentions Push', checked: false }).waitFor()
  const { choices, quiet } = await own.person(user.recipient)
  assert.deepEqual(choices.categories!['mentions'], { push: false })
  assert.equal(JSON.stringify(quiet), '{"windows":[{"start":"22:00","end":"08:00"}]}')
})

test('who opens a link changes nothing, and whoever is no person learns nothing', inBrowser, async () => {
  await using page = await ownPage()
  const { tab } = page
  const { recipient } = page.user
  const stored = () => page.db.query('select xmin, * from recipients where id = $1', [recipient])
  const before = [await stored(), await page.consent(recipient)]
  const link = page.linkOf({ recipient })
  for (const method of ['GET', 'HEAD', 'GET']) {
    const response = await fetch(link, { method })
    assert.equal(response.status, 200)
    const policy = response.headers.get('content-security-policy')!
    for (const part of ["default-src 'none'", "frame-ancestors 'none'", "form-action 'none'"])
      assert.ok(policy.includes(part))
    assert.equal(response.headers.get('referrer-policy'), 'no-referrer')
    assert.equal(response.headers.get('cache-control'), 'no-store')
    assert.ok(!(await response.text()).includes(recipient))
  }
  // One that runs what it opens.
  await tab.goto(link)
  await tab.getByRole('heading', { name: 'Muted' }).waitFor()
  assert.deepEqual([await stored(), await page.consent(recipient)], before)
  const sealed = link.split('/').at(-1)!
  const old = page
    .linkOf({ recipient }, Date.now() - 91 * 86_400_000)
    .split('/')
    .at(-1)!
  const spoilt = sealed.slice(0, -3) + (sealed.endsWith('AAA') ? 'BBB' : 'AAA')
  for (const token of [old, spoilt, `${sealed}A`, 'p', 'x'])
    assert.equal(
      (await fetch(`${page.url}/v1/me/preferences`, { headers: { authorization: `Bearer ${token}` } })).status,
      401,
    )
  await tab.goto(`${page.url}/preferences/${old}`)
  await tab.getByText('You are signed out.').waitFor()
})

test('a product embeds it with tokens that it fetches, and gives it names and colours', inBrowser, async () => {
  await using page = await ownPage()
  const { tab, user } = page
  const tokens = ['expired', await page.tokenOf(user)]
  await tab.exposeFunction('fetchToken', () => tokens.shift())
  // A page of another origin than ours.
  await tab.route(`${page.productUrl}/`, route =>
    route.fulfill({
      contentType: 'text/html',
      body: `<!doctype html><html lang="en"><title>Settings</title>
        <carillon-preferences style="--carillon-accent: rgb(1, 99, 60)"><b slot="category-mentions">Somebody called you</b></carillon-preferences>
        <script type="module">
          import '${page.url}/ui/preferences/preferences-element.js'
          document.querySelector('carillon-preferences').token = () => fetchToken()
        </script></html>`,
    }),
  )
  await tab.goto(`${page.productUrl}/`)
  const control = tab.getByRole('switch', { name: 'Somebody called you Push' })
  await control.waitFor()
  assert.equal(await control.evaluate(element => getComputedStyle(element).backgroundColor), 'rgb(1, 99, 60)')
  await control.click()
  await tab.getByRole('status').getByText('Saved.').waitFor()
  const [last] = await page.db.query<{ source: string }>(
    'select source from consent_log where recipient = $1 order by id desc limit 1',
    [user.recipient],
  )
  assert.equal(last!.source, 'person')
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

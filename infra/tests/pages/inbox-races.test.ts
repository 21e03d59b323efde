import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { BrowserContext, Page } from 'playwright-core'
import { inboxMessage, itemId } from '#channels/in-app/inbox.fixture.ts'
import { accessibilityFaults, inBrowser, openBrowser, type TestBrowser } from '../browser.ts'
import { createBell } from './inbox.fixture.ts'

type Bell = Awaited<ReturnType<typeof createBell>>
let browser: TestBrowser
let bell: Bell
if (!inBrowser.skip) {
  before(async () => {
    browser = await openBrowser()
    bell = await createBell()
  })
  after(async () => {
    await browser?.[Symbol.asyncDispose]()
    await bell?.[Symbol.asyncDispose]()
  })
}

const badge = (page: Page, text: string) => page.locator('.badge', { hasText: new RegExp(`^${text}$`) }).waitFor()
const open = async (page: Page) => {
  await page.locator('.bell').click()
  await page.locator('.panel').waitFor()
}
const titles = (page: Page) => page.locator('.item .title').allInnerTexts()
const of = async (context: BrowserContext, who: string, keys: string[]) => {
  for (const key of keys) await bell.put([inboxMessage(who, key, { title: key, thread: `thread of ${key}` })])
  const page = await bell.visit(context, who)
  if (keys.length > 0) await badge(page, String(keys.length))
  return page
}

test('an answer that is older than what the stream has told takes nothing back', inBrowser, async () => {
  await using context = await browser.open()
  const page = await of(context, 'jon', ['a'])
  await open(page)
  await page.route('**/v1/me/inbox/marks', route => route.fulfill({ status: 503, json: {} }))
  let asked = 0
  await page.route(
    url => url.pathname === '/v1/me/inbox',
    async route => {
      const response = await route.fetch()
      if (asked++ === 0) {
        await bell.put([inboxMessage('jon', 'b')])
        await badge(page, '2')
      }
      await route.fulfill({ response })
    },
  )
  await page.locator('.item .read').click()
  await page.locator('.notice', { hasText: 'That could not be saved.' }).waitFor()
  assert.deepEqual(await titles(page), ['b', 'a'])
})

test('an older page that was read before what the stream has told is asked for again', inBrowser, async () => {
  await using context = await browser.open()
  const page = await of(
    context,
    'kai',
    Array.from({ length: 21 }, (_, n) => `n${n}`),
  )
  await open(page)
  let asked = 0
  await page.route(
    url => url.searchParams.has('cursor'),
    async route => {
      const response = await route.fetch()
      if (asked++ === 0) {
        await bell.ask('kai', '/marks', { body: { what: 'read', ids: [itemId('kai', 'n0')] } })
        await badge(page, '20')
      }
      await route.fulfill({ response })
    },
  )
  await page.locator('.more').click()
  await page.locator('.item').nth(20).waitFor()
  assert.equal(await page.locator('.item').nth(20).getAttribute('class'), 'item')
})

test('what one does is not done to who comes next; that each arrival is new is said', inBrowser, async () => {
  await using context = await browser.open()
  const page = await of(context, 'lena', ['a'])
  await open(page)
  const held = Promise.withResolvers<void>()
  const methods: string[] = []
  await page.route('**/v1/me/preferences', async route => {
    methods.push(route.request().method())
    await held.promise
    await route.continue()
  })
  await page.locator('.item .archive').click()
  await page.locator('.undo').waitFor()
  await page.getByRole('button', { name: 'Archive', exact: true }).click()
  await page.locator('.item .why').click()
  const asked = page.waitForRequest('**/v1/me/preferences')
  await page.locator('.mute-thread').click()
  await asked
  const token = await bell.tokenOf('mia', { scopes: ['inbox', 'preferences'] })
  await page.locator('carillon-inbox').evaluate((element, token) => Object.assign(element, { token }), token)
  assert.equal(await page.locator('.notice').count(), 0)
  await page.getByText('The archive is empty').waitFor()
  const answered = page.waitForResponse('**/v1/me/preferences')
  held.resolve()
  await answered
  const told: (string | null)[] = []
  await page.locator('.close').click()
  for (const key of ['b', 'c']) {
    await bell.put([inboxMessage('mia', key)])
    await badge(page, key === 'b' ? '1' : '2')
    told.push(await page.locator('[aria-live]').textContent())
  }
  assert.deepEqual(methods, ['GET'])
  assert.match(told[0]!, /^A new notification/)
  assert.notEqual(told[0], told[1])
})

test(
  'who is signed out with items before them is told so, and nothing is called live before it is',
  inBrowser,
  async () => {
    await using context = await browser.open()
    await bell.put([inboxMessage('nora', 'a')])
    const page = await context.newPage()
    await page.route('**/v1/me/inbox/stream*', route => route.fulfill({ status: 401, json: {} }))
    await page.goto(`${bell.url}/page`)
    const token = await bell.tokenOf('nora', { scopes: ['inbox', 'preferences'] })
    const states = await page.evaluate(
      async ([client, token]) => {
        const { connect } = (await import(client!)) as {
          connect: typeof import('#channels/in-app/web/client.ts').connect
        }
        return new Promise<string[]>(resolve => {
          const heard: string[] = []
          connect({ token: token! }).inbox.subscribe(({ status }) => {
            heard.push(status)
            if (status === 'signedOut') resolve(heard)
          })
        })
      },
      [`${bell.url}/ui/inbox/client.js`, token],
    )
    assert.deepEqual(new Set(states), new Set(['loading', 'signedOut']))
    await page.locator('carillon-inbox').evaluate((element, token) => Object.assign(element, { token }), token)
    await open(page)
    await page.locator('.strip', { hasText: 'You are signed out.' }).waitFor()
    assert.equal(await page.locator('.item').count(), 1)
    assert.deepEqual(await accessibilityFaults(page), [])
    await page.unroute('**/v1/me/inbox/stream*')
    await page.locator('.strip button').click()
    await page.locator('.strip').waitFor({ state: 'detached' })
  },
)

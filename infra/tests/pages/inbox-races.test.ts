import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inboxMessage, itemId } from '#channels/in-app/inbox.fixture.ts'
import { accessibilityFaults, inBrowser } from '../browser.ts'
import { badge, bellInBrowser, openPanel, titles } from './inbox.fixture.ts'

const here = bellInBrowser()

test('an answer that is older than what the stream has told takes nothing back', inBrowser, async () => {
  await using context = await here.browser.open()
  const page = await here.bell.visitWith(context, 'jon', ['a'])
  await openPanel(page)
  await page.route('**/v1/me/inbox/marks', route => route.fulfill({ status: 503, json: {} }))
  let asked = 0
  await page.route(
    url => url.pathname === '/v1/me/inbox',
    async route => {
      const response = await route.fetch()
      if (asked++ === 0) {
        await here.bell.put([inboxMessage('jon', 'b')])
        await badge(page, '2')
      }
      await route.fulfill({ response })
    },
  )
  await page.locator('.item .read').click()
  await page.locator('.notice', { hasText: 'That could not be saved.' }).waitFor()
  assert.deepEqual(await titles(page), ['b', 'a'])
})

test('what one has marked stays so, whatever the stream tells that was before', inBrowser, async () => {
  await using context = await here.browser.open()
  const page = await here.bell.visitWith(context, 'pia', ['a', 'b'])
  await openPanel(page)
  const held = Promise.withResolvers<void>()
  await page.route('**/v1/me/inbox/marks', async route => {
    if (route.request().postData()!.includes('"read"')) await held.promise
    await route.continue()
  })
  await page.locator('.item .read').first().click()
  await badge(page, '1')
  // On another device of theirs; then something new comes, and with it this was told.
  await here.bell.ask('pia', '/marks', { body: { what: 'seen', all: true } })
  await here.bell.put([inboxMessage('pia', 'c')])
  await page.locator('.item').nth(2).waitFor()
  assert.equal(await page.locator('.badge').innerText(), '2')
  const saved = page.waitForResponse(response => response.request().postData()?.includes('"read"') === true)
  held.resolve()
  await saved
  await here.bell.ask('pia', '/marks', { body: { what: 'read', ids: [itemId('pia', 'a')] } })
  await badge(page, '1')
  assert.deepEqual(await page.locator('.item.unread .title').allInnerTexts(), ['c'])
})

test('an older page that was read before what the stream has told is asked for again', inBrowser, async () => {
  await using context = await here.browser.open()
  const page = await here.bell.visitWith(
    context,
    'kai',
    Array.from({ length: 21 }, (_, n) => `n${n}`),
  )
  await openPanel(page)
  let asked = 0
  await page.route(
    url => url.searchParams.has('cursor'),
    async route => {
      const response = await route.fetch()
      if (asked++ === 0) {
        await here.bell.ask('kai', '/marks', { body: { what: 'read', ids: [itemId('kai', 'n0')] } })
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
  await using context = await here.browser.open()
  const page = await here.bell.visitWith(context, 'lena', ['a'])
  await openPanel(page)
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
  const token = await here.bell.tokenOf('mia', { scopes: ['inbox', 'preferences'] })
  await page.locator('carillon-inbox').evaluate((element, token) => Object.assign(element, { token }), token)
  assert.equal(await page.locator('.notice').count(), 0)
  await page.getByText('The archive is empty').waitFor()
  const answered = page.waitForResponse('**/v1/me/preferences')
  held.resolve()
  await answered
  const told: (string | null)[] = []
  await page.locator('.close').click()
  for (const key of ['b', 'c']) {
    await here.bell.put([inboxMessage('mia', key)])
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
    await using context = await here.browser.open()
    await here.bell.put([inboxMessage('nora', 'a')])
    const page = await context.newPage()
    await page.route('**/v1/me/inbox/stream*', route => route.fulfill({ status: 401, json: {} }))
    await page.goto(`${here.bell.url}/page`)
    const token = await here.bell.tokenOf('nora', { scopes: ['inbox', 'preferences'] })
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
      [`${here.bell.url}/ui/inbox/client.js`, token],
    )
    assert.deepEqual(new Set(states), new Set(['loading', 'signedOut']))
    await page.locator('carillon-inbox').evaluate((element, token) => Object.assign(element, { token }), token)
    await openPanel(page)
    await page.locator('.strip', { hasText: 'You are signed out.' }).waitFor()
    assert.equal(await page.locator('.item').count(), 1)
    assert.deepEqual(await accessibilityFaults(page), [])
    await page.unroute('**/v1/me/inbox/stream*')
    await page.locator('.strip button').click()
    await page.locator('.strip').waitFor({ state: 'detached' })
  },
)

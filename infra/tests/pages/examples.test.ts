import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { parseSync } from 'oxc-parser'
import type { BrowserContext, Page } from 'playwright-core'
import { inboxMessage, itemId } from '#channels/in-app/inbox.fixture.ts'
import { inBrowser } from '../browser.ts'
import { bellInBrowser } from './inbox.fixture.ts'

const here = bellInBrowser()

/** The block of a page of ours in a language that holds some text, with the addresses in it as they are here. */
function blockOf(page: string, language: string, holding: string): string {
  const text = readFileSync(path.resolve(import.meta.dirname, '../../..', page), 'utf8')
  const blocks = [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\``, 'gm'))].map(([, code]) => code!)
  const found = blocks.find(block => block.includes(holding))
  assert.ok(found, `${page} has no ${language} with ${holding}`)
  return found.replaceAll(/https:\/\/(bell|notify)\.example/g, here.bell?.url ?? '')
}

/** A product's page of another origin, whose back end gives tokens for somebody. */
async function product(context: BrowserContext, who: string, body: string): Promise<Page> {
  const origin = 'https://app.example'
  await context.route(`${origin}/`, route =>
    route.fulfill({
      contentType: 'text/html',
      body: `<!doctype html><html lang="en"><title>A product</title>${body}</html>`,
    }),
  )
  const token = () => here.bell.tokenOf(who, { scopes: ['inbox', 'preferences'] })
  await context.route(`${origin}/my-carillon-token`, async route => route.fulfill({ json: { token: await token() } }))
  await context.route(`${origin}/my-token`, async route => route.fulfill({ body: await token() }))
  const page = await context.newPage()
  await page.goto(`${origin}/`)
  return page
}

test('the bell of the documentation rings on a product’s page', inBrowser, async () => {
  await using context = await here.browser.open()
  const page = await product(context, 'ann', blockOf('infra/docs/apps.md', 'html', '<carillon-inbox>'))
  await here.bell.put([inboxMessage('ann', 'a', { title: 'It rings' })])
  await page.locator('.badge', { hasText: '1' }).waitFor()
  await page.locator('.bell').click()
  await page.getByText('It rings').waitFor()
})

test('the preferences of the documentation show on a product’s page, with its names', inBrowser, async () => {
  await using context = await here.browser.open()
  const page = await product(context, 'ben', blockOf('preferences/README.md', 'html', '<carillon-preferences>'))
  await page.getByRole('switch', { name: 'People you follow Push' }).click()
  await page.getByRole('status').getByText('Saved.').waitFor()
  const [row] = await here.bell.db.query<{ choices: string }>(`select choices from recipients where id = 'ben'`)
  assert.deepEqual(JSON.parse(row!.choices), { categories: { social: { push: false } } })
})

test('the module of the documentation reads, marks and prefers, without an element', inBrowser, async () => {
  await using context = await here.browser.open()
  await here.bell.put([inboxMessage('cem', 'a')])
  const around = `
    const fetchToken = async () => (await (await fetch('/my-carillon-token', { method: 'POST' })).json()).token
    const items = [{ id: '${itemId('cem', 'a')}' }], push = { data: {} }
    const draw = (items, unread) => (document.title = items.length + ' items, ' + unread + ' unread')`
  const code = blockOf('infra/docs/apps.md', 'js', 'connect({ token: fetchToken })')
  const page = await product(
    context,
    'cem',
    `<script type="module">${around}\n${code}\ndocument.body.append('done')</script>`,
  )
  await page.getByText('done').waitFor()
  await page.waitForFunction(() => document.title === '1 items, 0 unread')
  const [row] = await here.bell.db.query<{ choices: string }>(`select choices from recipients where id = 'cem'`)
  assert.deepEqual(JSON.parse(row!.choices), { threads: { t42: true } })
})

test(
  'the React of the documentation is JSX, and sets what React sets: a property, before the element is on the page',
  inBrowser,
  async () => {
    const { errors } = parseSync('bell.jsx', blockOf('infra/docs/apps.md', 'jsx', '<carillon-inbox token={fetchToken}'))
    assert.deepEqual(errors, [])
    await using context = await here.browser.open()
    await here.bell.put([inboxMessage('dora', 'a', { title: 'It rings', url: '/x' })])
    // As https://react.dev/blog/2024/12/05/react-19#support-for-custom-elements: whatever is a property of the element is set as one.
    const page = await product(
      context,
      'dora',
      `<div id="root"></div><script type="module">
      import '${here.bell.url}/ui/inbox/carillon-inbox.js'
      const fetchToken = async () => (await (await fetch('/my-carillon-token', { method: 'POST' })).json()).token
      const element = document.createElement('carillon-inbox')
      if (!('token' in element)) throw new Error('React would set an attribute')
      element.token = fetchToken
      const root = document.getElementById('root')
      root.addEventListener('carillon-open', event => {
        event.preventDefault()
        document.title = event.detail.url
      })
      root.append(element)
    </script>`,
    )
    await page.locator('.badge', { hasText: '1' }).waitFor()
    await page.locator('.bell').click()
    await page.getByText('It rings').click()
    await page.waitForFunction(() => document.title === '/x')
    assert.equal(page.url(), 'https://app.example/')
  },
)

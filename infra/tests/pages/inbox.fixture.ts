import path from 'node:path'
import { after, before } from 'node:test'
import type { BrowserContext, Page } from 'playwright-core'
import { createInbox, inboxMessage } from '#channels/in-app/inbox.fixture.ts'
import type { Offer } from '#contracts/preferences.ts'
import { meApi } from '#preferences/me-api.ts'
import { serveBrowserCode } from '#runtime/browser-code.ts'
import { inBrowser, openBrowser, type TestBrowser } from '../browser.ts'

const cells = (['push', 'email', 'in_app'] as const).map(channel => ({ channel, mandatory: false }))
const offers: readonly Offer[] = ['social', 'builds'].map(category => ({ category, channels: cells }))

/** A browser and a bell, while the tests of the file run that asks for them; neither where there is no browser. */
export function bellInBrowser(options: BellOptions = {}): { browser: TestBrowser; bell: Bell } {
  const here = {} as { browser: TestBrowser; bell: Bell }
  before(async () => {
    if (inBrowser.skip !== false) return
    here.browser = await openBrowser()
    here.bell = await createBell(options)
  })
  after(async () => {
    await here.browser?.[Symbol.asyncDispose]()
    await here.bell?.[Symbol.asyncDispose]()
  })
  return here
}

export const badge = (page: Page, text: string) =>
  page.locator('.badge', { hasText: new RegExp(`^${text}$`) }).waitFor()
export const openPanel = async (page: Page) => {
  await page.locator('.bell').click()
  await page.locator('.panel').waitFor()
}
export const titles = (page: Page) => page.locator('.item .title').allInnerTexts()

type BellOptions = Pick<Parameters<typeof createInbox>[0] & {}, 'also'>
export type Bell = Awaited<ReturnType<typeof createBell>>

/** A product's page with a bell, its API, and what may be told to people; `more`: what a server has besides. */
export async function createBell({ also: more = () => {} }: BellOptions = {}) {
  const inbox = await createInbox({
    also: (app, deps) => {
      more(app, deps)
      meApi(app, { ...deps, offers })
      const folderOf = (folder: string) => path.resolve(import.meta.dirname, '../../..', folder)
      serveBrowserCode(app, { inbox: folderOf('channels/in-app/web'), preferences: folderOf('preferences/page') })
      app.get('/page', async (_request, reply) => reply.type('text/html').send(page))
    },
  })
  const tokenOf = (recipient: string) => inbox.tokenOf(recipient, { scopes: ['inbox', 'preferences'] })
  const visit = async (
    context: BrowserContext,
    recipient: string,
    { url = inbox.url, language = 'en' } = {},
  ): Promise<Page> => {
    const page = await context.newPage()
    await page.exposeFunction('fetchToken', () => tokenOf(recipient))
    await page.goto(`${url}/page`)
    await page.evaluate(`document.documentElement.lang = '${language}'`)
    await page.evaluate(`document.querySelector('carillon-inbox').token = () => fetchToken()`)
    await page.waitForSelector('carillon-inbox .bell')
    return page
  }
  return {
    ...inbox,
    /** Opens the page as somebody; `url`: through something that stands between. */
    visit,
    /** Opens the page of somebody to whom these came, one after the other; each is of a thread of its own. */
    async visitWith(context: BrowserContext, recipient: string, keys: readonly string[]): Promise<Page> {
      for (const key of keys)
        await inbox.put([inboxMessage(recipient, key, { title: key, thread: `thread of ${key}` })])
      const page = await visit(context, recipient)
      if (keys.length > 0) await badge(page, String(keys.length))
      return page
    },
    /** What lies in an inbox that is used. */
    async fill(recipient: string): Promise<void> {
      for (const [at, said] of stories.entries()) {
        await inbox.put([inboxMessage(recipient, `story ${at}`, said)])
        const hours = [2_000, 300, 60, 26, 5, 1.2, 0.4, 0.1, 0][at]!
        await inbox.db.query(`update inbox_items set occurred_at = now() - $2 * interval '1 hour' where number = $1`, [
          at + 1,
          hours,
        ])
      }
      await inbox.ask(recipient, '/marks', { body: { what: 'read', upTo: 5 } })
    },
    [Symbol.asyncDispose]: () => inbox[Symbol.asyncDispose](),
  }
}

const stories = [
  { title: 'Welcome to Acme', body: 'Here comes what concerns you.', reason: 'everyone', url: '/welcome' },
  { title: 'Your trial ends in 14 days', body: '', reason: 'everyone', url: '/plans' },
  { title: 'Mira followed you', body: '', reason: 'author', url: '/people/mira' },
  {
    ...{ title: 'Nightly build failed on main', body: '3 of 1,204 tests failed: checkout, refunds, sign-in.' },
    ...{ reason: 'role', type: 'test.build', thread: 'build-812', url: '/builds/812' },
  },
  {
    title: 'Jonas replied in “Release 4.2 checklist”',
    body: 'Done on my side, the notes are in the draft.',
    thread: 'rel-42',
    url: '/t/42',
  },
  {
    title: 'Build #813 passed on main',
    body: 'It took 6 minutes.',
    reason: 'role',
    type: 'test.build',
    thread: 'build-813',
    url: '/builds/813',
  },
  {
    title: 'Priya assigned “Empty state of search” to you',
    body: 'Can you take this one? It blocks the release.',
    reason: 'assigned',
    thread: 'search',
    url: '/i/311',
  },
  {
    title: 'Ada mentioned you in “Quarterly planning”',
    body: '@you what do you think of moving the migration to the second week? Then Mira is back, and we would have two people on call.',
    reason: 'mention',
    thread: 'q1',
    url: '/t/77',
  },
  { title: 'Tom sent you a message', body: 'Lunch at 12:30?', reason: 'dm', thread: 'dm-tom' },
]

const page = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <title>A product</title>
    <style>
      :root { color-scheme: light dark; font: 16px/1.5 system-ui, "Liberation Sans", sans-serif; background: light-dark(#f4f5f8, #121317); color: light-dark(#1a1b1f, #f1f2f4) }
      body { margin: 0 }
      .bar { display: flex; align-items: center; gap: 1rem; padding: .5rem 1.25rem; background: light-dark(#fff, #1d1f24); border-bottom: 1px solid light-dark(#e4e6eb, #31343c) }
      .bar b { flex: 1 }
      main { max-width: 50rem; margin: 2rem auto; padding: 0 1.25rem }
    </style>
    <script type="module" src="/ui/inbox/carillon-inbox.js"></script>
  </head>
  <body>
    <header class="bar"><b>Acme</b><carillon-inbox></carillon-inbox></header>
    <main><h1>Projects</h1><p>What a product shows.</p><button id="other">Something else</button></main>
  </body>
</html>`

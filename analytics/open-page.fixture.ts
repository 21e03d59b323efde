import assert from 'node:assert/strict'
import { after, before } from 'node:test'
import { inBrowser, openBrowser, type TestBrowser } from '#tests/browser.ts'
import { aDay, createDashboard, type Dashboard } from './dashboard.fixture.ts'

/** The day of `aDay`. */
export const span = 'since=2026-11-20T00:00:00Z&until=2026-11-21T00:00:00Z'

/** A browser, and pages with what they ask, for the tests of a file: filled with `aDay` unless `fill` says otherwise. */
export function pagesInBrowser({ fill = fillDay, ...reader }: Options = {}): Pages {
  const here = {} as Pages
  before(async () => {
    if (inBrowser.skip !== false) return
    here.browser = await openBrowser()
    here.world = await createDashboard(reader)
    await fill(here.world)
  })
  after(async () => {
    await here.browser?.[Symbol.asyncDispose]()
    await here.world?.[Symbol.asyncDispose]()
  })
  here.open = (at, { of = here.world, ...options } = {}) => openPage(here.browser, { at, of, ...options })
  return here
}

type Options = Parameters<typeof createDashboard>[0] & { fill?: (world: Dashboard) => Promise<unknown> }
type Pages = {
  browser: TestBrowser
  world: Dashboard
  /** A page in a window of its own, of this world or of another. */
  open: (at: string, options?: Partial<Omit<Opened, 'at'>>) => ReturnType<typeof openPage>
}

const fillDay = (world: Dashboard): Promise<void> => world.store(aDay())

type Opened = Parameters<TestBrowser['open']>[0] & {
  of: Dashboard
  at: string
  before?: (tab: Tab) => Promise<unknown>
}
export type Tab = Awaited<ReturnType<Awaited<ReturnType<TestBrowser['open']>>['newPage']>>

/**
 * A page of the analytics in a window of its own, with a token that is good; `before` it is loaded. At the end of the test nothing may have gone
 * wrong in it, and nothing may have been asked of anybody else.
 */
async function openPage(browser: TestBrowser, { at, of, before, ...options }: Opened) {
  const context = await browser.open(options)
  const tab = await context.newPage()
  const wrong: string[] = []
  tab.on('pageerror', error => void wrong.push(error.message))
  tab.on('console', message => message.type() === 'error' && void wrong.push(message.text()))
  tab.on('dialog', dialog => void wrong.push(dialog.message()))
  tab.on(
    'request',
    request => request.url().startsWith(of.url) || request.url().startsWith('blob:') || wrong.push(request.url()),
  )
  await before?.(tab)
  await tab.goto(`${of.url}${at}#token=${of.token}`)
  return {
    ...{ tab, context, wrong },
    async [Symbol.asyncDispose]() {
      await context.close()
      assert.deepEqual(wrong, [])
    },
  }
}

import assert from 'node:assert/strict'
import type { TestBrowser } from '#tests/browser.ts'
import type { Dashboard } from './dashboard.fixture.ts'

type Opened = Parameters<TestBrowser['open']>[0] & {
  of: Dashboard
  at: string
  before?: (tab: Tab) => Promise<unknown>
}
type Tab = Awaited<ReturnType<Awaited<ReturnType<TestBrowser['open']>>['newPage']>>

/**
 * A page of the analytics in a window of its own, with a token that is good; `before` it is loaded. At the end of the test nothing may have gone
 * wrong in it, and nothing may have been asked of anybody else.
 */
export async function openPage(browser: TestBrowser, { at, of, before, ...options }: Opened) {
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

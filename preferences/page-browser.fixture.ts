import assert from 'node:assert/strict'
import { after, before } from 'node:test'
import type { Locator } from 'playwright-core'
import { inBrowser, openBrowser, type TestBrowser } from '#tests/browser.ts'
import { createPage, type Page, withAnn } from './page.fixture.ts'

/** A browser and the page, while the tests of the file run that asks for them; neither where there is no browser. */
export function pageInBrowser() {
  const started = {} as { browser: TestBrowser; page: Page }
  let people = 0
  before(async () => {
    if (inBrowser.skip !== false) return
    started.browser = await openBrowser()
    started.page = await createPage()
  })
  after(async () => {
    await started.browser?.[Symbol.asyncDispose]()
    await started.page?.[Symbol.asyncDispose]()
  })
  const next = () => ++people
  return Object.assign(started, {
    /** A number that no other person of the file has. */
    next,
    /** A person of the test's own with the page open. Disposing fails on whatever went wrong there and was not expected. */
    async open(options: Parameters<TestBrowser['open']>[0] = {}) {
      const { browser, page } = started
      const user = await withAnn(page, { id: `ann-${next()}` })
      const context = await browser.open(options)
      const tab = await context.newPage()
      const wrong: string[] = []
      tab.on('pageerror', error => void wrong.push(error.message))
      tab.on('console', message => message.type() === 'error' && void wrong.push(message.text()))
      await tab.goto(page.linkOf(user))
      await tab.getByRole('heading', { name: /Quiet hours|Ruhezeiten/ }).waitFor()
      return {
        ...{ tab, context, user, wrong },
        person: () => page.person(user.recipient),
        saved: () =>
          tab
            .getByRole('status')
            .getByText(/^Saved\.|^Gespeichert\./)
            .waitFor(),
        async [Symbol.asyncDispose]() {
          await context.close()
          assert.deepEqual(wrong, [])
        },
      }
    },
  })
}

/** What a screen reader says of a control after its name. */
export const description = (control: Locator): Promise<string> =>
  control.evaluate(element => {
    const root = element.getRootNode() as ShadowRoot
    return root.getElementById(element.getAttribute('aria-describedby')!)!.textContent.replaceAll(/\s+/g, ' ').trim()
  })

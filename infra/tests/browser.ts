import axe from 'axe-core'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { chromiumPath } from './chromium.ts'

/** For `test`: leaves it out where there is no browser; the runner says so loudly. */
export const inBrowser = { skip: chromiumPath() === undefined && 'no Chromium on this machine', timeout: 300_000 }

export type TestBrowser = AsyncDisposable & {
  /** A window of its own, with its own storage. */
  open(options?: Parameters<Browser['newContext']>[0]): Promise<BrowserContext>
}

/** A machine may be busy with other things for long. */
const startLimitMs = 120_000
const actLimitMs = 60_000

/** A Chromium of the test's own. Disposing closes it with all its windows. */
export async function openBrowser(): Promise<TestBrowser> {
  const browser = await chromium.launch({
    ...{ executablePath: chromiumPath()!, timeout: startLimitMs },
    args: [
      // Its sandbox needs another user than root.
      ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
      ...['--disable-gpu', '--disable-dev-shm-usage'],
      // Pages that a test makes up lie nowhere, and may call the servers of the test all the same.
      '--disable-features=LocalNetworkAccessChecks',
    ],
  })
  return {
    async open(options = {}) {
      const context = await browser.newContext({ locale: 'en-GB', timezoneId: 'Europe/Berlin', ...options })
      context.setDefaultTimeout(actLimitMs)
      return context
    },
    [Symbol.asyncDispose]: () => browser.close(),
  }
}

/** What axe-core finds wrong with the page as it is (WCAG 2.2 A and AA, and its best practices), one line for each. */
export async function accessibilityFaults(page: Page): Promise<string[]> {
  await page.evaluate(axe.source)
  const { violations } = await page.evaluate(() => (globalThis as unknown as { axe: typeof axe }).axe.run())
  return violations.flatMap(({ id, help, nodes }) =>
    nodes.map(({ target, failureSummary = '' }) => `${id}: ${help} at ${JSON.stringify(target)} ${failureSummary}`),
  )
}

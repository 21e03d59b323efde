// Takes a folder, photographs every page for people as it is on a phone and a desktop, light and dark, in every language,
// and prints the files. To be looked at before a change of a page is called done; they are not checked in.
import { mkdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { storeCommunity } from '#analytics/community.fixture.ts'
import { createDashboard } from '#analytics/dashboard.fixture.ts'
import { createPage, withAnn } from '#preferences/page.fixture.ts'
import { unsubscribePage } from '#preferences/unsubscribe-page.ts'
import { openBrowser, type TestBrowser } from './browser.ts'
import { at, decidedPack, intentFacts, people } from './analytics/packs.fixture.ts'
import { createBell } from './pages/inbox.fixture.ts'

const screens = { phone: { width: 390, height: 844 }, desktop: { width: 1280, height: 900 } }
const schemes = ['light', 'dark'] as const
const locales = ['en-GB', 'de-DE']

const [folder, ...rest] = process.argv.slice(2)
if (folder === undefined || rest.length > 0) throw new Error('name one folder')
await mkdir(folder, { recursive: true })
await using browser = await openBrowser()
await using page = await createPage()
const ann = await withAnn(page)
await photograph(browser, { name: 'preferences', url: page.linkOf(ann) })
await page.change('ann', {
  paused: '1h',
  quiet: {
    windows: [
      { start: '22:00', end: '07:00' },
      { days: ['sat', 'sun'], start: '00:00', end: '10:00' },
    ],
  },
})
await photograph(browser, { name: 'preferences-paused', url: page.linkOf(ann) })
await using bell = await createBell()
await bell.fill('ann')
await photographBell(browser)
await photographDemo(browser)
await photographUnsubscribing(browser)

/** The bell and what is behind it, as a person goes through it. */
async function photographBell(browser: TestBrowser): Promise<void> {
  for (const [screen, viewport] of Object.entries(screens))
    for (const colorScheme of schemes)
      for (const locale of locales) {
        await using context = await browser.open({ viewport, colorScheme, locale, reducedMotion: 'reduce' })
        const language = locale.slice(0, 2)
        const tab = await bell.visit(context, 'ann', { language })
        const shoot = async (name: string) => {
          const file = path.join(folder!, `inbox-${name}-${screen}-${colorScheme}-${language}.png`)
          await tab.screenshot({ path: file })
          console.log(file)
        }
        await tab.locator('.badge').waitFor()
        await shoot('closed')
        await tab.locator('.bell').click()
        await tab.locator('.item').first().waitFor()
        await shoot('open')
        await tab.locator('.why').nth(1).click()
        await shoot('why')
        await tab.locator('.shows button').last().click()
        await tab.locator('.state').waitFor()
        await shoot('empty')
      }
}

/** The product's page that shows a bell, with its back end's token made here. */
async function photographDemo(browser: TestBrowser): Promise<void> {
  const page = await readFile(path.resolve(import.meta.dirname, '../../producers/examples/web/bell.html'), 'utf8')
  for (const [screen, viewport] of Object.entries(screens))
    for (const colorScheme of schemes) {
      await using context = await browser.open({ viewport, colorScheme, reducedMotion: 'reduce' })
      await context.route('**/demo', route => route.fulfill({ contentType: 'text/html', body: page }))
      const token = await bell.tokenOf('ann', { scopes: ['inbox', 'preferences'] })
      await context.route('**/demo/token', route => route.fulfill({ json: { token } }))
      const tab = await context.newPage()
      await tab.goto(`${bell.url}/demo`)
      await tab.locator('.badge').waitFor()
      const file = path.join(folder!, `demo-${screen}-${colorScheme}.png`)
      await tab.screenshot({ path: file })
      console.log(file)
    }
}

async function photographUnsubscribing(browser: TestBrowser): Promise<void> {
  const mail = { recipient: 'ann', categories: ['social', 'daily_summary'], issued: Date.now() }
  for (const [screen, viewport] of Object.entries(screens))
    for (const colorScheme of schemes)
      for (const language of ['en', 'de'] as const)
        for (const kind of ['ask', 'off', 'still', 'unknown'] as const) {
          await using context = await browser.open({ viewport, colorScheme })
          const tab = await context.newPage()
          const state = kind === 'unknown' ? { kind } : { kind, mail, locked: kind === 'off' }
          await tab.setContent(unsubscribePage(state, language).html)
          const file = path.join(folder!, `unsubscribe-${kind}-${screen}-${colorScheme}-${language}.png`)
          await tab.screenshot({ path: file })
          console.log(file)
        }
}

await using dashboard = await createDashboard()
await storeCommunity(dashboard)
const ofADay = `since=2026-11-20T00:00:00Z&until=2026-11-21T00:00:00Z`
for (const [name, page, shown] of [
  ['dashboard', `dashboard?${ofADay}`, '.volume'],
  ['dashboard-by-type', `dashboard?${ofADay}&by=type`, '.volume'],
  ['dashboard-lift', `dashboard?${ofADay}&type=comment.created&event=thread.joined&against=arm&live=1`, '.lift'],
  ['dashboard-empty', 'dashboard?since=2025-01-01T00:00:00Z&until=2025-01-02T00:00:00Z', '.empty'],
  ['dashboard-wrong', 'dashboard?since=yesterday', '.wrong'],
  ['trace-person', 'trace?recipient=member-1', '.part'],
  ['trace-intent', 'trace?intent=docs/c-4-2', '.part'],
  ['trace-examples', `trace?${ofADay}&what=held&reason=quiet_hours`, '#examples'],
  ['rules', 'rules', 'dt'],
  ['sign-in', 'dashboard', '.sign-in'],
] as const) {
  const token = name === 'sign-in' ? '' : `#token=${dashboard.token}`
  await photograph(browser, { name, url: `${dashboard.url}/${page}${token}`, shown, languages: ['en-GB'] })
}

// Names as long as they may be, and of other scripts; more types than there are colours.
const names = [
  ...['a.name.that.goes.on.'.repeat(10), 'W'.repeat(200), 'שם ארוך מאוד '.repeat(15).trim(), '🎉👩‍👩‍👧‍👦'.repeat(12)],
  ...Array.from({ length: 26 }, (_, n) => `type.number-${n}`),
]
await using named = await createDashboard()
await named.store(
  names.map((type, n) => {
    const intents = [intentFacts(`named-${n}`, { type, occurredAt: at - (n % 10) * 3_600_000 })]
    return decidedPack(people(60 - n), { intents })
  }),
)
await photograph(browser, {
  ...{ name: 'dashboard-names', url: `${named.url}/dashboard?${ofADay}&by=type#token=${named.token}` },
  ...{ shown: '.volume', languages: ['en-GB'] },
})

type Shot = { name: string; url: string; shown?: string; languages?: readonly string[] }

async function photograph(
  browser: TestBrowser,
  { name, url, shown = '.card', languages = locales }: Shot,
): Promise<void> {
  for (const [screen, viewport] of Object.entries(screens))
    for (const colorScheme of schemes)
      for (const locale of languages) {
        await using context = await browser.open({ viewport, colorScheme, locale })
        const tab = await context.newPage()
        await tab.goto(url)
        await tab.locator(shown).first().waitFor()
        const file = path.join(folder!, `${name}-${screen}-${colorScheme}-${locale.slice(0, 2)}.png`)
        await tab.screenshot({ path: file, fullPage: true })
        console.log(file)
      }
}

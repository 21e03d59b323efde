import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Page } from 'playwright-core'
import { inboxMessage } from '#channels/in-app/inbox.fixture.ts'
import { inBrowser } from '../browser.ts'
import { until } from '../program.ts'
import { badge, bellInBrowser, openPanel, titles } from './inbox.fixture.ts'

const here = bellInBrowser()
const keys = Array.from({ length: 30 }, (_, n) => `n${String(n).padStart(2, '0')}`)

/** What counts as seen, the newest first. */
const seenBy = async (recipient: string): Promise<string[]> => {
  const rows = await here.bell.db.query<{ title: string }>(
    `select content::json ->> 'title' as title from inbox_items where recipient = $1 and seen_at is not null order by number desc`,
    [recipient],
  )
  return rows.map(({ title }) => title)
}
/** What lies before the person's eyes by at least half. */
const inView = (page: Page): Promise<string[]> =>
  page.evaluate(() => {
    const root = document.querySelector('carillon-inbox')!.shadowRoot!
    const { top, bottom } = root.querySelector('.scroll')!.getBoundingClientRect()
    return [...root.querySelectorAll('.row')]
      .filter(row => {
        const { top: from, bottom: to, height } = row.getBoundingClientRect()
        return Math.min(to, bottom) - Math.max(from, top) >= height / 2
      })
      .map(row => row.querySelector('.title')!.textContent)
  })
const said = (page: Page) => page.locator('[aria-live]').textContent()

test('what was before the eyes is seen: not what is further down, nor what is not loaded', inBrowser, async () => {
  await using context = await here.browser.open()
  const page = await here.bell.visitWith(context, 'ada', keys)
  const marks: string[][] = []
  page.on('request', request => {
    if (request.url().endsWith('/marks')) marks.push((request.postDataJSON() as { ids: string[] }).ids)
  })
  assert.deepEqual(await seenBy('ada'), [], 'a badge shows nothing yet')
  await openPanel(page)
  await page.locator('.item').nth(19).waitFor()
  const first = await inView(page)
  assert.ok(first.length > 3 && first.length < 15, `${first.length} in view`)
  await until(async () => (await seenBy('ada')).length === first.length)
  assert.deepEqual(await seenBy('ada'), first)
  const step = first.length - 1
  for (let at = step; at < 20; at += step) await page.locator('.item').nth(at).scrollIntoViewIfNeeded()
  await page.locator('.item').nth(19).scrollIntoViewIfNeeded()
  await until(async () => (await seenBy('ada')).includes('n10'))
  const seen = await seenBy('ada')
  assert.deepEqual(
    seen.filter(title => title < 'n10'),
    [],
    'what is not loaded is not',
  )
  await badge(page, '30')
  assert.equal(new Set(marks.flat()).size, marks.flat().length, 'each is told once')
  assert.equal(await said(page), '', 'nothing new came by that')
})

test('what comes while other things are shown is not seen before it is', inBrowser, async () => {
  await using context = await here.browser.open()
  const page = await here.bell.visitWith(context, 'bo', [])
  await openPanel(page)
  await page.getByText('All caught up').waitFor()
  await page.getByRole('button', { name: 'Archive', exact: true }).click()
  await page.getByText('The archive is empty').waitFor()
  for (const [at, key] of ['a', 'b'].entries()) {
    await here.bell.put([inboxMessage('bo', key)])
    await badge(page, String(at + 1))
    assert.match((await said(page))!, /A new notification/, 'but it is told of')
  }
  assert.deepEqual(await titles(page), [])
  assert.deepEqual(await seenBy('bo'), [])
  await page.getByRole('button', { name: 'All', exact: true }).click()
  await until(async () => (await seenBy('bo')).length === 2)
  await here.bell.put([inboxMessage('bo', 'c')])
  await until(async () => (await seenBy('bo')).length === 3)
  await badge(page, '3')
  await page.locator('.close').click()
  await here.bell.put([inboxMessage('bo', 'd')])
  await badge(page, '4')
  assert.deepEqual(await seenBy('bo'), ['c', 'b', 'a'])
})

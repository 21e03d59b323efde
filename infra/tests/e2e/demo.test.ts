import assert from 'node:assert/strict'
import { createHash, generateKeyPairSync } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { startEverything } from '#cli/everything.ts'
import type { InboxItem, InboxPage } from '#contracts/inbox.ts'
import { readConfig } from '#runtime/config.ts'
import { createLog } from '#runtime/log.ts'
import { accessibilityFaults, inBrowser, openBrowser } from '../browser.ts'
import { testDatabase } from '../servers.ts'
import { temporaryFolder } from '../temporary-folder.ts'

const limit = { timeout: 300_000 }
const pollMs = 250

/** Everything in this process as `carillon start` has it, on a database of its own. `keys`: the product signs tokens itself. */
async function startDemo({ keys = false } = {}) {
  await using opened = new AsyncDisposableStack()
  const { url: database } = opened.use(await testDatabase())
  const { path: folder } = opened.use(await temporaryFolder())
  const keyFile = path.join(folder, 'product.pem')
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  await writeFile(keyFile, publicKey.export({ type: 'spki', format: 'pem' }))
  const config = readConfig({
    ...{ DATABASE_URL: database, CARILLON_DATA_DIR: path.join(folder, 'data') },
    ...(keys && { CARILLON_USER_KEYS: keyFile }),
  })
  const log = createLog({ role: 'test', level: 'error' })
  const { apiUrl } = opened.use(await startEverything({ config, log, onPart() {}, demo: true }))
  const running = opened.move()
  return { url: apiUrl, [Symbol.asyncDispose]: () => running.disposeAsync() }
}

const post = (url: string, body?: unknown) =>
  fetch(url, {
    method: 'POST',
    ...(body !== undefined && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  })

async function itemsAt(url: string, token: string, count: number): Promise<InboxItem[]> {
  for (const until = AbortSignal.timeout(60_000); ; await sleep(pollMs, undefined, { signal: until })) {
    const answer = await fetch(`${url}/v1/me/inbox`, { headers: { authorization: `Bearer ${token}` } })
    // Whoever asks too often is told when to come again.
    if (answer.status === 429) continue
    assert.equal(answer.status, 200)
    const { items } = (await answer.json()) as InboxPage
    if (items.length >= count) return items
  }
}

suite('the demo page', () => {
  test('each of its buttons leads to an item in the inbox, and its policy runs nothing but itself', limit, async () => {
    await using demo = await startDemo()
    const answer = await fetch(`${demo.url}/demo`)
    assert.equal(answer.status, 200)
    assert.match(answer.headers.get('content-type')!, /^text\/html/)
    const page = await answer.text()
    const policy = answer.headers.get('content-security-policy')!
    for (const part of [`default-src 'none'`, `connect-src 'self'`, `base-uri 'none'`, `frame-ancestors 'none'`])
      assert.ok(policy.split('; ').includes(part), policy)
    assert.doesNotMatch(policy, /unsafe|\*|http/)
    const inline = page.slice(page.lastIndexOf('<script type="module">') + 22, page.lastIndexOf('</script>'))
    assert.ok(policy.includes(`script-src 'self' 'sha256-${createHash('sha256').update(inline).digest('base64')}';`))

    const { token } = (await (await post(`${demo.url}/demo/token`)).json()) as { token: string }
    const buttons = [...page.matchAll(/data-what="(\w+)"/g)].map(([, what]) => what!)
    assert.ok(buttons.length >= 3)
    for (const what of buttons) assert.equal((await post(`${demo.url}/demo/intents`, { what })).status, 202, what)
    const items = await itemsAt(demo.url, token, buttons.length)
    assert.deepEqual(items.map(({ type }) => type).toSorted(), ['build.failed', 'mention.received', 'reply.received'])
    const wrong = await post(`${demo.url}/demo/intents`, { what: 'toString' })
    assert.equal(wrong.status, 400)
    assert.match(wrong.headers.get('content-type')!, /^application\/problem\+json/)
    assert.equal((await itemsAt(demo.url, token, 0)).length, buttons.length)
  })

  test('under its policy the bell loads, has its looks, and rings', inBrowser, async () => {
    await using demo = await startDemo()
    await using browser = await openBrowser()
    await using context = await browser.open()
    const page = await context.newPage()
    const complaints: string[] = []
    page.on('console', message => void (message.type() === 'error' && complaints.push(message.text())))
    await page.goto(`${demo.url}/demo`)
    await page.locator('[data-what="mention"]').click()
    await page.locator('carillon-inbox .badge').waitFor()
    assert.equal(await page.evaluate(() => getComputedStyle(document.body).margin), '0px')
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
      assert.deepEqual(await accessibilityFaults(page), [], colorScheme)
    }
    // By keyboard: the bell, then each button, then the code.
    await page
      .locator('carillon-inbox')
      .evaluate(element => element.shadowRoot!.querySelector<HTMLElement>('.bell')!.focus())
    for (const what of ['mention', 'reply', 'build']) {
      await page.keyboard.press('Tab')
      assert.equal(await page.evaluate(() => (document.activeElement as HTMLElement).dataset['what']), what)
    }
    await page.keyboard.press('Enter')
    await page.locator('carillon-inbox .badge', { hasText: '2' }).waitFor()
    await page.keyboard.press('Tab')
    assert.equal(await page.evaluate(() => document.activeElement!.localName), 'pre')
    // What a policy does not let axe load is none of the page's.
    assert.deepEqual(complaints, [])
  })

  test('where the product signs tokens by keys of its own there is none', limit, async () => {
    await using demo = await startDemo({ keys: true })
    assert.equal((await fetch(`${demo.url}/readyz`)).status, 200)
    assert.equal((await fetch(`${demo.url}/demo`)).status, 404)
    assert.equal((await post(`${demo.url}/demo/token`)).status, 404)
    assert.equal((await post(`${demo.url}/demo/intents`, { what: 'mention' })).status, 404)
  })
})

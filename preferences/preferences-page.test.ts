import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { accessibilityFaults, inBrowser } from '#tests/browser.ts'
import { isName } from '#contracts/ids.ts'
import { tracesFolder } from '#tests/servers.ts'
import { description, pageInBrowser } from './page-browser.fixture.ts'
import { createPage, offers } from './page.fixture.ts'
import { device } from './store.fixture.ts'

const here = pageInBrowser()
const open = (options?: Parameters<typeof here.open>[0]) => here.open(options)

const noStrings = tracesFolder() === undefined && 'the folder with the hostile strings is not there'
const hostileStrings = () => JSON.parse(readFileSync(path.join(tracesFolder()!, 'blns.json'), 'utf8')) as string[]
const phone = { width: 390, height: 844 }

const hands = ['mouse', 'keyboard'] as const
type Locator = ReturnType<Awaited<ReturnType<typeof open>>['tab']['getByRole']>
const use = async (hand: (typeof hands)[number], control: Locator) => {
  if (hand === 'mouse') return control.click()
  await control.focus()
  await control.press('Enter')
}

for (const hand of hands) {
  test(`every switch does what it says, by ${hand}`, inBrowser, async () => {
    await using shown = await open()
    const { tab } = shown
    for (const name of await names(tab.getByRole('group').getByRole('switch'))) {
      const control = tab.getByRole('switch', { name, exact: true })
      const before = await control.getAttribute('aria-checked')
      const locked = (await control.getAttribute('aria-disabled')) === 'true'
      // What is locked says so to who tries; a test has to insist.
      await (locked && hand === 'mouse' ? control.click({ force: true }) : use(hand, control))
      if (!locked) await shown.saved()
      assert.equal(await control.getAttribute('aria-checked'), locked ? before : String(before === 'false'), name)
      if (!locked) await tab.getByRole('button', { name: 'Close' }).click()
    }
    const { choices } = await shown.person()
    assert.deepEqual(choices.categories, {
      mentions: { push: false, email: false, in_app: false },
      replies: { push: false, email: true, in_app: false },
      reviews: { push: false, email: true, in_app: false },
      builds: { push: false, email: false, in_app: false },
      billing: { sms: false },
    })
  })

  test(`a pause begins and ends, and what follows stands beside each switch, by ${hand}`, inBrowser, async () => {
    await using shown = await open()
    const { tab } = shown
    const why = tab.getByRole('switch', { name: 'Mentions Push' })
    for (const name of ['For 1 hour', 'Until tomorrow']) {
      await use(hand, tab.getByRole('button', { name }))
      await tab.getByText(/^Paused until /).waitFor()
      await hasFocus(tab)
      assert.match(await description(why), /Off · while everything is paused/)
      assert.match(await description(tab.getByRole('switch', { name: 'Security Push' })), /On · always sent/)
      await use(hand, tab.getByRole('button', { name: 'Resume' }))
      await tab.getByRole('button', { name: 'For 1 hour' }).waitFor()
      await hasFocus(tab)
    }
    await use(hand, tab.getByRole('button', { name: 'Until …' }))
    const until = tab.getByLabel('Pause until')
    await until.fill('2001-01-01T10:00')
    await use(hand, tab.getByRole('button', { name: 'Pause', exact: true }))
    await tab.getByText('Choose a time to come.').waitFor()
    await until.fill('2099-01-01T10:00')
    await use(hand, tab.getByRole('button', { name: 'Pause', exact: true }))
    await tab.getByText(/^Paused until .*2099/).waitFor()
    await hasFocus(tab)
    // The window lives in Berlin.
    assert.equal((await shown.person()).choices.paused, Date.parse('2099-01-01T09:00:00Z'))
  })

  test(
    `quiet hours are set, changed, taken from the organisation and switched off, by ${hand}`,
    inBrowser,
    async () => {
      await using shown = await open()
      const { tab } = shown
      await tab.getByText('Every day 22:00 – 07:00').waitFor()
      await use(hand, tab.getByRole('button', { name: 'Add other hours' }))
      // What is typed is saved a moment later, or with what comes before that.
      await use(hand, tab.getByRole('switch', { name: 'Mentions Push' }))
      await shown.saved()
      assert.deepEqual((await shown.person()).choices.categories!['mentions'], { push: false })
      assert.equal(JSON.stringify((await shown.person()).quiet), '{"windows":[{"start":"22:00","end":"08:00"}]}')
      const window = tab.getByRole('group', { name: 'Quiet hours 1' })
      for (const day of ['Saturday', 'Sunday']) await use(hand, window.getByRole('button', { name: day }))
      await window.getByLabel('From').fill('21:30')
      await window.getByLabel('to', { exact: true }).fill('06:15')
      await window.getByLabel('to', { exact: true }).press('Tab')
      const days = ['mon', 'tue', 'wed', 'thu', 'fri']
      await until(
        async () => JSON.stringify((await shown.person()).quiet),
        JSON.stringify({ windows: [{ start: '21:30', end: '06:15', days }] }),
      )
      await window.getByLabel('From').fill('06:15')
      await window.getByLabel('From').press('Tab')
      await tab.getByText('They must end at another time').waitFor()
      await window.getByLabel('From').fill('22:00')
      await window.getByLabel('From').press('Tab')
      await use(hand, tab.getByRole('button', { name: 'Use those of my organisation' }))
      await until(async () => (await shown.person()).quiet, undefined)
      await use(hand, tab.getByRole('button', { name: 'Add other hours' }))
      await use(hand, tab.getByRole('button', { name: 'Remove these hours' }))
      await hasFocus(tab)
      await until(async () => JSON.stringify((await shown.person()).quiet), '{"windows":[]}')
      const control = tab.getByRole('switch', { name: 'Quiet hours' })
      await until(() => control.getAttribute('aria-checked'), 'false')
      await use(hand, control)
      await until(
        async () => JSON.stringify((await shown.person()).quiet),
        '{"windows":[{"start":"22:00","end":"08:00"}]}',
      )
      await tab.getByLabel('Time zone').selectOption('Asia/Tokyo')
      await until(async () => (await shown.person()).zone, 'Asia/Tokyo')
    },
  )

  test(`what is muted is heard again, and every change can be taken back, by ${hand}`, inBrowser, async () => {
    await using shown = await open()
    const { tab } = shown
    const before = (await shown.person()).choices
    for (const name of [/^Unmute Release 4\.2/, /^Unmute Lunch/, /^Unmute general/]) {
      await use(hand, tab.getByRole('button', { name }))
      await shown.saved()
      await tab.getByRole('button', { name }).waitFor({ state: 'detached' })
      await hasFocus(tab)
      if (hand === 'mouse') await tab.getByRole('button', { name: 'Undo' }).click()
      else await tab.getByRole('switch', { name: 'Mentions Push' }).press('Control+z')
      await tab.getByText('Taken back.').waitFor()
      await hasFocus(tab)
      await tab.getByRole('button', { name }).waitFor()
    }
    assert.deepEqual((await shown.person()).choices, before)
  })

  test(`a device is signed out when one means it, by ${hand}`, inBrowser, async () => {
    await using shown = await open()
    const { tab } = shown
    await use(hand, tab.getByRole('button', { name: /^Sign out Pixel 9/ }))
    assert.match(await hasFocus(tab), /Keep/, 'who presses a key twice loses no device')
    await use(hand, tab.getByRole('button', { name: 'Keep' }))
    assert.match(await hasFocus(tab), /Sign out/)
    await use(hand, tab.getByRole('button', { name: /^Sign out Pixel 9/ }))
    await use(hand, tab.getByRole('button', { name: /^Really sign out\? Pixel 9/ }))
    await tab.getByText('Signed out of notifications.').waitFor()
    await hasFocus(tab)
    assert.ok(!(await here.page.endpoints(shown.user.recipient)).some(one => one.includes('pixel')))
    await use(hand, tab.getByRole('button', { name: 'Show older changes' }))
    await tab.getByText('Push added: pixel-9').waitFor()
    await tab.getByRole('button', { name: 'Show older changes' }).waitFor({ state: 'detached' })
    // More is changed elsewhere than comes with the page: what lies between can be asked for.
    for (let n = 0; n < 10; n++)
      await here.page.change(shown.user.recipient, { categories: { mentions: { push: n % 2 > 0 } } })
    await tab.evaluate(() => window.dispatchEvent(new Event('focus')))
    await tab.getByRole('button', { name: 'Show older changes' }).waitFor()
  })
}

test(
  'who uses a keyboard alone reaches every control, in the order of the page, and sees where they are',
  inBrowser,
  async () => {
    await using shown = await open()
    const { tab } = shown
    const all = await tab
      .locator('carillon-preferences')
      .evaluate(element => element.shadowRoot!.querySelectorAll('button, select, input').length)
    const seen = new Set<string>()
    for (let n = 0; n < all; n++) {
      await tab.keyboard.press('Tab')
      const [at, outline] = await tab.locator('carillon-preferences').evaluate(element => {
        const active = element.shadowRoot!.activeElement!
        const controls = [...element.shadowRoot!.querySelectorAll('button, select, input')]
        return [controls.indexOf(active), getComputedStyle(active).outlineStyle] as const
      })
      assert.equal(outline, 'solid')
      assert.equal(at, n)
      seen.add(String(at))
    }
    assert.equal(seen.size, all)
  },
)

test('the page has no fault that axe-core finds, in either language, scheme and size', inBrowser, async () => {
  for (const colorScheme of ['light', 'dark'] as const)
    for (const [locale, viewport] of [
      ['en-GB', { width: 1280, height: 900 }],
      ['de-DE', phone],
    ] as const) {
      await using shown = await open({ colorScheme, locale, viewport })
      const { tab } = shown
      assert.deepEqual(await accessibilityFaults(tab), [])
      await tab.getByRole('button', { name: /Add other hours|Weitere Zeiten/ }).click()
      await tab.getByRole('button', { name: /^Until …|^Bis …/ }).click()
      await tab.getByRole('button', { name: /^Sign out Pixel|^Abmelden Pixel/ }).click()
      await shown.saved()
      assert.deepEqual(await accessibilityFaults(tab), [])
      const overflow = await tab.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      )
      assert.equal(overflow, 0)
    }
})

test('two windows of one person stay in step, and neither undoes what the other did', inBrowser, async () => {
  await using one = await open()
  const other = await one.context.newPage()
  await other.goto(here.page.linkOf(one.user))
  const push = other.getByRole('switch', { name: 'Mentions Push' })
  await push.waitFor()
  await one.tab.getByRole('switch', { name: 'Mentions Push' }).click()
  await one.saved()
  // This window does not know of it yet; what it changes is something else, and both count.
  await other.getByRole('switch', { name: 'Replies Push' }).click()
  await other.getByRole('status').getByText('Saved.').waitFor()
  assert.equal(await push.getAttribute('aria-checked'), 'false')
  await one.tab.evaluate(() => window.dispatchEvent(new Event('focus')))
  await until(() => one.tab.getByRole('switch', { name: 'Replies Push' }).getAttribute('aria-checked'), 'false')
  const { choices } = await one.person()
  assert.deepEqual(
    [choices.categories!['mentions'], choices.categories!['replies']],
    [{ push: false }, { push: false }],
  )
  one.wrong.length = 0
})

test('a change of what was changed elsewhere meanwhile is not made, and the page says so', inBrowser, async () => {
  await using shown = await open()
  await here.page.change(shown.user.recipient, { categories: { mentions: { push: false } } })
  await shown.tab.getByRole('switch', { name: 'Mentions Push' }).click()
  await shown.tab.getByText('This was just changed elsewhere.').waitFor()
  assert.equal(await shown.tab.getByRole('switch', { name: 'Mentions Push' }).getAttribute('aria-checked'), 'false')
  shown.wrong.length = 0
})

test('without a connection nothing is lost silently, and what is chosen after it is saved', inBrowser, async () => {
  await using shown = await open()
  await shown.context.setOffline(true)
  const push = shown.tab.getByRole('switch', { name: 'Mentions Push' })
  await push.click()
  await shown.tab.getByText('No connection. Your last change may not have been saved.').waitFor()
  assert.equal(await push.getAttribute('aria-checked'), 'true', 'what is not known to be saved is not shown as such')
  assert.match(await description(push), /by default/)
  await shown.context.setOffline(false)
  const brokenOff = { contentType: 'application/json', body: '{' }
  await shown.tab.route('**/v1/me/preferences', route => route.fulfill(brokenOff), { times: 2 })
  for (const name of ['Mentions Push', 'Replies Push']) await shown.tab.getByRole('switch', { name }).click()
  await shown.saved()
  await until(() => push.getAttribute('aria-checked'), 'true')
  const { mentions, replies } = (await shown.person()).choices.categories!
  assert.deepEqual([mentions, replies], [undefined, { push: false }])
  shown.wrong.length = 0
})

test('the times of who has no time zone are those of their browser, from the first one on', inBrowser, async () => {
  const recipient = `ben-${here.next()}`
  await here.page.upsert(Date.now(), { id: recipient, endpoints: [] })
  await using context = await here.browser.open()
  const tab = await context.newPage()
  await tab.goto(here.page.linkOf({ recipient }))
  await tab.getByRole('button', { name: 'Until tomorrow' }).click()
  await tab.getByText(/^Paused until .*08:00/).waitFor()
  assert.equal((await here.page.person(recipient)).zone, 'Europe/Berlin')
  await tab.getByRole('button', { name: 'Undo' }).click()
  await tab.getByText('Taken back.').waitFor()
  assert.equal((await here.page.person(recipient)).zone, undefined)
})

test('names are text, whatever stands in them', { ...inBrowser, skip: inBrowser.skip || noStrings }, async () => {
  const all = hostileStrings()
  assert.ok(all.length > 500)
  const strings = [...new Set(all.filter(isName))]
  const id = `hostile-${here.next()}`
  const categories = strings.slice(0, 50).map(category => ({ category, channels: offers[0]!.channels }))
  await using hostile = await createPage({ offers: categories })
  // No name of a device is as hostile as what the API would refuse; the page shows even that as text.
  const apps = all.map((app, at) => ({ ...device(`token-${at}`, `device-${at}`), app }))
  await hostile.upsert(Date.now(), { id, endpoints: apps })
  await hostile.change(id, { threads: Object.fromEntries(strings.map(name => [name, true])) })
  await using context = await here.browser.open()
  const tab = await context.newPage()
  const wrong: string[] = []
  tab.on('dialog', dialog => void wrong.push(dialog.message()))
  tab.on('pageerror', error => void wrong.push(error.message))
  tab.on('request', request => request.url().startsWith(hostile.url) || wrong.push(request.url()))
  await tab.goto(hostile.linkOf({ recipient: id }))
  await tab.getByRole('heading', { name: 'Muted' }).waitFor()
  const shown = await tab.locator('carillon-preferences').evaluate(element => {
    const root = element.shadowRoot!
    const texts = (selector: string) => [...root.querySelectorAll(selector)].map(one => one.textContent)
    return {
      names: texts('[id^="muted-"] slot'),
      devices: texts('[id^="device-"] slot'),
      kinds: [...new Set([...root.querySelectorAll('*')].map(one => one.localName))],
    }
  })
  assert.deepEqual(new Set(shown.names), new Set(strings))
  assert.deepEqual(new Set(shown.devices), new Set(all))
  for (const kind of shown.kinds) assert.ok(!['script', 'img', 'iframe', 'a', 'object', 'style'].includes(kind), kind)
  assert.deepEqual(wrong, [])
})

async function names(controls: Locator): Promise<string[]> {
  const found: string[] = []
  for (const one of await controls.all()) {
    const snapshot = await one.ariaSnapshot()
    found.push(/switch "([^"]+)"/.exec(snapshot)![1]!)
  }
  return found
}

/** Fails where no control has the focus; gives the name of the one that has. */
async function hasFocus(tab: Awaited<ReturnType<typeof open>>['tab']): Promise<string> {
  const name = await tab
    .locator('carillon-preferences')
    .evaluate(element => element.shadowRoot!.activeElement?.textContent)
  assert.notEqual(name, undefined, 'the focus is lost')
  return name!
}

const waitMs = 60_000

async function until<T>(ask: () => Promise<T>, wanted: T): Promise<void> {
  const end = performance.now() + waitMs
  for (;;) {
    const found = await ask()
    if (found === wanted) return
    if (performance.now() > end) assert.equal(found, wanted)
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}

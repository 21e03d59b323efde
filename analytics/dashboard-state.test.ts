import assert from 'node:assert/strict'
import { test } from 'node:test'
import { at } from '#tests/analytics/packs.fixture.ts'
import { inBrowser } from '#tests/browser.ts'
import { until } from '#tests/program.ts'
import { pagesInBrowser, span } from './open-page.fixture.ts'

const here = pagesInBrowser()

const now = at + 3_600_000

/** The dashboard, with what it asks the API for: paths and fields, and a way to keep answers back until they are let through. */
async function open(query: string) {
  const asked: URL[] = []
  const underWay = new Set<unknown>()
  let gate = Promise.resolve()
  const opened = await here.open(`/dashboard?${query}`, {
    async before(tab) {
      // The time of the page stands still, but where a test lets it pass. Until it stands it runs: it must not be past `now` by then.
      await tab.clock.install({ time: at })
      await tab.clock.pauseAt(now)
      tab.on('request', request => underWay.add(request))
      tab.on('requestfinished', request => underWay.delete(request))
      tab.on('requestfailed', request => underWay.delete(request))
      await tab.route('**/v1/analytics/**', async route => {
        const url = new URL(route.request().url())
        if (url.pathname.endsWith('/mark')) return route.fulfill({ body: '' })
        asked.push(url)
        await gate
        await route.continue().catch(() => {})
      })
    },
  })
  const { tab } = opened
  /** What is asked comes in order: with this all that was asked before, and what the page does with answers that are there is done. */
  const pass = () => tab.evaluate(async () => (await fetch('/v1/analytics/mark')).text())
  return {
    ...opened,
    /** The charts that were asked for since, once all is answered, also what nobody waits for. */
    async asks() {
      await tab.locator('.page[aria-busy=false]').waitFor()
      await pass()
      await until(() => underWay.size === 0)
      await pass()
      return asked.splice(0).map(({ pathname, searchParams }) => ({
        ...{ chart: pathname.split('/').at(-1)!, fields: Object.fromEntries(searchParams) },
      }))
    },
    /** Keeps every answer back until what it gives is called. */
    hold() {
      const { promise, resolve } = Promise.withResolvers<void>()
      gate = promise
      return resolve
    },
    fields: () => Object.fromEntries(new URL(tab.url()).searchParams),
    card: (title: string) => tab.getByRole('region', { name: title, exact: true }),
  }
}

const chartsOf = (asked: readonly { chart: string }[]): string[] => asked.map(({ chart }) => chart).toSorted()

test('a field that is cleared is gone: from the address, and from what is asked', inBrowser, async () => {
  const texts = {
    ...{ type: 'invoice.due', category: 'social', provider: 'fcm', producer: 'docs', tenant: 'acme', arm: 'a/b' },
    ...{ platform: 'ios', app_version: '1', country: 'DE', locale: 'de', event: 'thread.joined' },
  }
  const choices = {
    ...{ channel: 'push', lane: 'default', by: 'type', unit: 'recipient' },
    ...{ bucket: 'day', zone: 'Europe/Berlin', against: 'arm' },
  }
  const ticks = { with_simulated: 'true', live: '1' }
  const all = { ...texts, ...choices, ...ticks }
  await using shown = await open(`${span}&${new URLSearchParams(all)}`)
  const { tab } = shown
  await shown.asks()
  const left: Record<string, string> = shown.fields()
  const cleared = async (field: string, clear: (control: ReturnType<typeof tab.locator>) => Promise<unknown>) => {
    await clear(tab.locator(`.filters [name=${field}]`))
    delete left[field]
    assert.deepEqual(shown.fields(), left, field)
  }
  for (const field of [...Object.keys(texts), 'until', 'since'])
    await cleared(field, async control => {
      await control.fill('')
      await control.press('Tab')
    })
  for (const field of Object.keys(choices)) await cleared(field, control => control.selectOption(''))
  for (const field of Object.keys(ticks)) await cleared(field, control => control.uncheck())
  await shown.asks()
  await tab.reload()
  const fresh = await shown.asks()
  assert.deepEqual(fresh.find(({ chart }) => chart === 'series')!.fields, { bucket: 'day' })
})

test('what was chosen and taken back is as if it never was', inBrowser, async () => {
  await using shown = await open(span)
  const { tab } = shown
  const untouched = await shown.asks()
  const first = tab
    .getByRole('group', { name: /^Outcomes over time/ })
    .getByRole('link')
    .first()
  const label = await first.getAttribute('aria-label')
  await tab.getByText('More filters and lift').click()
  await tab.getByLabel('Times in').selectOption('Europe/Berlin')
  await shown.asks()
  assert.notEqual(await first.getAttribute('aria-label'), label)
  await tab.getByLabel('Times in').selectOption('UTC')
  await tab.getByLabel('Broken down by').selectOption('type')
  await tab.getByRole('heading', { name: 'build.failed' }).waitFor()
  await tab.getByLabel('Broken down by').selectOption('Nothing')
  await shown.asks()
  assert.equal(await first.getAttribute('aria-label'), label)
  assert.equal(await shown.card('Funnel').getByRole('heading', { level: 3 }).count(), 0)
  await tab.getByRole('button', { name: 'Last 24 hours' }).click()
  assert.equal((await shown.asks()).find(({ chart }) => chart === 'series')!.fields['bucket'], 'hour')
  await tab.locator('.chip[aria-pressed=true]', { hasText: 'Last 24 hours' }).waitFor()
  await tab.getByRole('button', { name: 'Last 28 days' }).click()
  await tab.getByLabel('Each bar is a').selectOption('hour')
  await shown.asks()
  await tab.getByLabel('Each bar is a').selectOption('What fits')
  assert.equal((await shown.asks()).find(({ chart }) => chart === 'series')!.fields['bucket'], 'day')
  for (let steps = 0; steps < 8 && !shown.fields()['until']; steps++) await tab.goBack()
  assert.deepEqual(chartsOf(untouched), ['funnel', 'funnel', 'funnel', 'outcomes', 'series'])
})

test(
  'until the next answer is there, numbers are those of the question before, and say that they are',
  inBrowser,
  async () => {
    await using shown = await open(span)
    const { tab } = shown
    await shown.asks()
    const funnel = shown.card('Funnel')
    const leads = () => funnel.getByRole('link', { name: /^Intended/ }).getAttribute('href')
    const before = await leads()
    const release = shown.hold()
    await tab.getByLabel('Type', { exact: true }).fill('invoice.due')
    await tab.getByLabel('Type', { exact: true }).press('Tab')
    await tab.getByRole('status').getByText('Counting …').waitFor()
    assert.equal(await funnel.getAttribute('aria-busy'), 'true')
    assert.equal(await leads(), before)
    // Back to what is there: nothing is to be asked, and what is late changes nothing.
    await tab.goBack()
    await tab.locator('.page[aria-busy=false]').waitFor()
    await tab.goForward()
    await tab.locator('.page[aria-busy=true]').waitFor()
    release()
    await shown.asks()
    assert.equal(await funnel.getAttribute('aria-busy'), 'false')
    assert.equal(new URL((await leads())!, here.world.url).searchParams.get('type'), 'invoice.due')
  },
)

test(
  'of questions that follow each other fast the older are given up, and only the last is shown',
  inBrowser,
  async () => {
    await using shown = await open(span)
    const { tab } = shown
    await shown.asks()
    const givenUp: string[] = []
    tab.on('requestfailed', request => void givenUp.push(new URL(request.url()).searchParams.get('type')!))
    const release = shown.hold()
    for (const type of ['build.failed', 'comment.created', 'invoice.due']) {
      await tab.getByLabel('Type', { exact: true }).fill(type)
      await tab.getByLabel('Type', { exact: true }).press('Enter')
    }
    await until(() => givenUp.length === 10)
    release()
    await shown.asks()
    assert.deepEqual(
      givenUp.toSorted(),
      ['build.failed', 'comment.created'].flatMap(type => Array.from({ length: 5 }, () => type)),
    )
    assert.deepEqual(await shown.card('Volume by type').getByRole('listitem').locator('.label').allInnerTexts(), [
      'invoice.due',
    ])
  },
)

test('a date stands in the field for times in UTC where it begins in UTC', inBrowser, async () => {
  for (const [query, said] of [
    ['since=2026-11-19', '2026-11-19T00:00'],
    ['since=2026-11-19&zone=Asia/Tokyo', ''],
    ['since=2026-11-19T00:00:00%2B09:00&zone=Asia/Tokyo', '2026-11-18T15:00'],
  ] as const) {
    await using shown = await open(query)
    assert.equal(await shown.tab.getByLabel('From (UTC)').inputValue(), said, query)
  }
})

test('only charts whose question is another are asked for', inBrowser, async () => {
  await using shown = await open(`${span}&type=comment.created`)
  const { tab } = shown
  await shown.asks()
  await tab.getByText('More filters and lift').click()
  await tab.getByLabel('Lift: product event').fill('thread.joined')
  await tab.getByLabel('Lift: product event').press('Tab')
  await tab.getByRole('region', { name: 'Lift and costs' }).waitFor()
  assert.deepEqual(chartsOf(await shown.asks()), ['lift'])
  await tab.getByLabel('Times in').selectOption('Europe/Berlin')
  assert.deepEqual(chartsOf(await shown.asks()), ['outcomes', 'series'])
  await shown.card('Funnel').getByText('Numbers', { exact: true }).click()
  await shown.card('Funnel').getByRole('table').waitFor()
  assert.deepEqual(await shown.asks(), [])
})

test('Live asks for what is cheap to count, while somebody looks', inBrowser, async () => {
  await using shown = await open(`${span}&live=1`)
  const { tab } = shown
  /** What is asked for next by itself: the time begins when the last answer is there. */
  const next = async () => {
    for (;;) {
      await tab.clock.runFor(5_000)
      const charts = chartsOf(await shown.asks())
      if (charts.length > 0) return charts
    }
  }
  await shown.card('Live').waitFor()
  assert.equal((await shown.asks()).length, 6)
  assert.deepEqual(await next(), ['funnel', 'outcomes', 'series', 'tail'])
  const look = (hidden: boolean) =>
    tab.evaluate(hidden => {
      Object.defineProperty(document, 'hidden', { configurable: true, get: () => hidden })
      document.dispatchEvent(new Event('visibilitychange'))
    }, hidden)
  await look(true)
  await tab.clock.runFor(60_000)
  assert.deepEqual(await shown.asks(), [])
  await look(false)
  assert.deepEqual(chartsOf(await shown.asks()), ['funnel', 'outcomes', 'series', 'tail'])
  await tab.getByText('More filters and lift').click()
  await tab.locator('select[name=unit]').selectOption('recipient')
  await tab.getByText('Counted from the events of each hour, once').waitFor()
  await shown.asks()
  assert.deepEqual(await next(), ['tail'])
})

test('Back leaves nothing of what is no longer in the address, and opens what is', inBrowser, async () => {
  await using shown = await open(span)
  const { tab } = shown
  await shown.asks()
  const fold = shown.card('Funnel').locator('details')
  await fold.getByText('Numbers').click()
  await fold.getByRole('table').waitFor()
  await tab.getByLabel('Live', { exact: true }).check()
  await shown.card('Live').waitFor()
  await fold.getByText('Numbers').click()
  await fold.getByRole('table').waitFor({ state: 'hidden' })
  await tab.goBack()
  await shown.card('Live').waitFor({ state: 'detached' })
  assert.equal(shown.fields()['numbers'], 'funnel')
  await fold.getByRole('table').waitFor()
  await tab.goForward()
  await shown.card('Live').waitFor()
  await fold.getByRole('table').waitFor({ state: 'hidden' })
})

for (const page of ['/dashboard', '/trace'])
  test(`${page} names every module that it runs, and gets each once and packed`, inBrowser, async () => {
    const got: string[] = []
    await using opened = await here.open(page, {
      async before(tab) {
        tab.on('response', response => {
          const { pathname } = new URL(response.url())
          if (!pathname.startsWith('/ui/')) return
          got.push(pathname)
          assert.equal(response.headers()['content-encoding'], 'gzip', pathname)
        })
      },
    })
    const { tab } = opened
    await tab.getByRole('button', { name: 'Sign out' }).waitFor()
    const named = await tab
      .locator('link[rel=modulepreload]')
      .evaluateAll(all => all.map(one => one.getAttribute('href')!))
    assert.deepEqual(got.toSorted(), named.toSorted())
    const scripts = await tab.evaluate(() =>
      performance.getEntriesByType('resource').filter(({ name }) => name.includes('/ui/')),
    )
    assert.equal(scripts.length, named.length)
  })

for (const page of ['/dashboard', '/trace'])
  test(`a link with a token is taken in a tab that shows ${page} already`, inBrowser, async () => {
    await using opened = await here.open(page)
    const { tab } = opened
    await tab.getByRole('button', { name: 'Sign out' }).click()
    await tab.getByLabel('Token').waitFor()
    await tab.goto(`${here.world.url}${page}#token=${here.world.token}`)
    await tab.getByRole('button', { name: 'Sign out' }).waitFor()
    assert.equal(tab.url(), `${here.world.url}${page}`)
    // One that cannot be a token leaves nobody signed in, and does not stay in the address either.
    await tab.goto(`${here.world.url}${page}#token=a%20b`)
    await tab.getByLabel('Token').waitFor()
    assert.equal(tab.url(), `${here.world.url}${page}`)
  })

test('who signs in sees nothing of what was answered, or asked, before', inBrowser, async () => {
  await using shown = await open(span)
  const { tab, wrong } = shown
  await shown.asks()
  const signIn = async (token: string) => {
    await tab.getByLabel('Token').fill(token)
    await tab.getByRole('button', { name: 'Look' }).click()
  }
  // Signed out by the server, and by oneself while answers are awaited.
  await tab.evaluate(() => sessionStorage.setItem('carillon token', 'revoked'))
  await tab.getByLabel('Broken down by').selectOption('type')
  await tab.getByText('This token is not good here, or no longer.').waitFor()
  const release = shown.hold()
  await signIn(here.world.token)
  await tab.getByText('Counting …').waitFor()
  assert.equal(await tab.locator('.charts > :not([aria-labelledby=lift])').count(), 0)
  await tab.getByRole('button', { name: 'Sign out' }).click()
  await signIn(here.world.token)
  await tab.getByText('Counting …').waitFor()
  release()
  await shown.card('Funnel').getByRole('heading', { name: 'build.failed' }).waitFor()
  assert.equal(await tab.getByRole('alert').count(), 0)
  // That it was refused is said in the console, too.
  assert.ok(wrong.splice(0).every(text => text.includes('401')))
})

test('the focus stays where one is: in the fold of the filters, and at the token', inBrowser, async () => {
  await using shown = await open(`${span}&lane=default`)
  const { tab, wrong } = shown
  await shown.asks()
  const focused = () =>
    tab.evaluate(() => document.activeElement!.getAttribute('name') ?? document.activeElement!.localName)
  const lane = tab.locator('select[name=lane]')
  await lane.focus()
  await lane.selectOption('')
  await shown.asks()
  assert.ok(await lane.isVisible())
  assert.equal(await focused(), 'lane')
  for (const page of ['/dashboard', '/trace?recipient=user-1']) {
    await tab.goto(`${here.world.url}${page}`)
    await tab.getByRole('button', { name: 'Sign out' }).press('Enter')
    await tab.getByLabel('Token').waitFor()
    assert.equal(await focused(), 'token')
    await tab.keyboard.type('wrong')
    await tab.keyboard.press('Enter')
    await tab.getByText('This token is not good here, or no longer.').waitFor()
    assert.equal(await focused(), 'token')
    await tab.keyboard.type(here.world.token)
    await tab.keyboard.press('Enter')
    await tab.getByRole('button', { name: 'Sign out' }).waitFor()
    assert.equal(await focused(), 'h1')
  }
  assert.ok(wrong.splice(0).every(text => text.includes('401')))
})

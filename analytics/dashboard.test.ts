import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { isName } from '#contracts/ids.ts'
import { at, decidedPack, engagedPack, intentFacts, people } from '#tests/analytics/packs.fixture.ts'
import { accessibilityFaults, inBrowser } from '#tests/browser.ts'
import { tracesFolder } from '#tests/servers.ts'
import { storeCommunity } from './community.fixture.ts'
import { createDashboard } from './dashboard.fixture.ts'
import { pagesInBrowser, span } from './open-page.fixture.ts'

const here = pagesInBrowser()

test(
  'the funnel, its branches and the charts tell what the API tells, as bars, as a table and as a file',
  inBrowser,
  async () => {
    await using shown = await here.open(`/dashboard?${span}`)
    const { tab } = shown
    const asked = await fetch(`${here.world.url}/v1/analytics/funnel?${span}`, {
      headers: { authorization: `Bearer ${here.world.token}` },
    })
    const { funnels } = (await asked.json()) as { funnels: { stages: Record<string, number>; rest: { n: number }[] }[] }
    const { stages, rest } = funnels[0]!
    const funnel = tab.getByRole('region', { name: 'Funnel', exact: true })
    await funnel.getByRole('list', { name: 'Funnel' }).waitFor()
    const bars = await funnel.getByRole('list', { name: 'Funnel' }).getByRole('listitem').allInnerTexts()
    for (const [words, n] of [
      ['Intended', stages['intended']],
      ['Accepted by provider', stages['accepted']],
      ['Opened', stages['opened']],
    ] as const)
      assert.ok(
        bars.some(text => text.startsWith(words) && text.includes(n!.toLocaleString('en-GB'))),
        `${words} ${n}`,
      )
    for (const branch of ['suppressed mute', 'held: quiet hours', 'address dead'])
      assert.ok(
        bars.some(text => text.startsWith(branch)),
        branch,
      )
    assert.equal(stages['intended'], stages['accepted']! + rest.reduce((sum, { n }) => sum + n, 0))
    await funnel.getByText('Numbers').click()
    await funnel.getByRole('table').waitFor()
    assert.equal(await funnel.getByRole('row').count(), 1 + 8 + rest.length + 1)
    const [file] = await Promise.all([
      tab.waitForEvent('download'),
      funnel.getByRole('button', { name: 'CSV' }).click(),
    ])
    const csv = readFileSync(await file.path(), 'utf8').split('\r\n')
    assert.equal(csv.length, 1 + 8 + rest.length + 1 + 1)
    const all = stages['intended']
    assert.ok(csv.includes(`All,Intended,${all},1,1,${all},${all}`))
    await tab.getByRole('group', { name: /Outcomes over time: .*sent/ }).waitFor()
    await tab.getByRole('group', { name: /Notifications over time: Intended/ }).waitFor()
  },
)

test('latency, volume against the day before and lift tell what the API tells', inBrowser, async () => {
  await using community = await createDashboard()
  await storeCommunity(community)
  const asked = `${span}&type=comment.created&event=thread.joined&against=arm`
  await using shown = await here.open(`/dashboard?${asked}`, { of: community })
  const { tab } = shown
  const ask = async (query: string) => {
    const headers = { authorization: `Bearer ${community.token}` }
    return (await fetch(`${community.url}/v1/analytics/${query}`, { headers })).json() as Promise<never>
  }
  const numbersOf = async (title: string) => {
    const card = tab.getByRole('region', { name: title, exact: true })
    await card.getByText('Numbers', { exact: true }).click()
    await card.locator('details tbody tr').first().waitFor()
    const rows = await card.locator('details tbody tr').all()
    return Promise.all(rows.map(async row => (await row.locator('th, td').allInnerTexts()).map(text => text.trim())))
  }
  type Row = {
    group: string
    stages: { intended: number }
    times: Record<string, { n: number; p50: number; p99: number }>
  }
  const of = `${span}&type=comment.created`
  const { funnels: timed } = (await ask(`funnel?${of}&times=true`)) as { funnels: Row[] }
  const { n, p50 } = timed[0]!.times['attempted']!
  const attempted = (await numbersOf('Latency')).find(([name]) => name === 'Attempted')!
  assert.deepEqual(
    attempted.slice(1, 3),
    [n, p50].map(one => one.toLocaleString('en-GB')),
  )
  const { funnels, previous } = (await ask(`funnel?${of}&by=type&compare=previous`)) as {
    funnels: Row[]
    previous: { funnels: Row[] }
  }
  const [now, before] = [funnels[0]!.stages.intended, previous.funnels[0]!.stages.intended]
  assert.ok(before > 0)
  const percent = `${now > before ? '+' : ''}${((100 * (now - before)) / before).toFixed(1)} %`
  const volumes = [now, before].map(one => one.toLocaleString('en-GB'))
  assert.deepEqual(await numbersOf('Volume by type'), [['comment.created', ...volumes, percent]])
  const { groups } = (await ask(`lift?${of}&event=thread.joined&compare=arm`)) as {
    groups: { group: string; people: number; converted: number; costs: { unsubscribed: number } }[]
  }
  assert.equal(groups.length, 2)
  assert.ok(groups.every(({ converted }) => converted > 0))
  assert.deepEqual(
    (await numbersOf('Lift')).map(row => row.slice(0, 3)),
    groups.map(({ group, people, converted }) => [group, String(people), String(converted)]),
  )
  // Beside the rates stands what it cost.
  const lift = tab.getByRole('region', { name: 'Lift and costs' })
  assert.deepEqual(await lift.getByRole('columnheader').allInnerTexts(), [
    ...['Group', '95 % interval of the rate', 'Rate', 'Lift', 'People', 'Unsubscribed', 'Dead', 'Spam', 'SMS'],
  ])
})

test(
  'a bar leads to examples by a click and by keys, and an example to its trace; the looks are kept',
  inBrowser,
  async () => {
    await using shown = await here.open(`/dashboard?${span}`)
    const { tab } = shown
    await tab.getByRole('link', { name: /^held: quiet hours: [\d,]+\. Examples$/ }).click()
    await tab.getByRole('heading', { name: 'Examples: held: quiet hours' }).waitFor()
    const rows = tab.getByRole('region', { name: 'Examples', exact: true }).getByRole('row')
    assert.equal(await rows.count(), 1 + 20)
    assert.deepEqual(here.world.looks.at(-1)!.about, {
      ...{ since: '2026-11-20T00:00:00.000Z', until: '2026-11-21T00:00:00.000Z', what: 'held', reason: 'quiet_hours' },
    })
    await rows.nth(1).getByRole('link').first().click()
    await tab.getByText('Held: quiet hours until').first().waitFor()
    await tab.goBack()
    await tab.goBack()
    // One bar of a chart is reached by Tab, the others from it by arrows.
    const bars = tab.getByRole('group', { name: /^Outcomes over time/ }).getByRole('link')
    await bars.first().waitFor()
    assert.equal(await bars.locator('xpath=self::*[@tabindex="0"]').count(), 1)
    await bars.first().focus()
    await tab.keyboard.press('ArrowRight')
    await tab.keyboard.press('ArrowUp')
    const label = await tab.evaluate(() => document.activeElement!.getAttribute('aria-label'))
    assert.match(label!, /^20 Nov, 0[1-9]:00: held: quiet hours \d+\. Examples$/)
    await tab.keyboard.press('Enter')
    await tab.getByRole('heading', { name: 'Examples: held: quiet hours' }).waitFor()
    assert.equal(new URL(tab.url()).searchParams.get('reason'), 'quiet_hours')
    assert.match(new URL(tab.url()).searchParams.get('since')!, /^2026-11-20T0[1-9]:00:00\.000Z$/)
  },
)

test('all that is chosen is in the address, open numbers too; live shows what came last', inBrowser, async () => {
  await using shown = await here.open(`/dashboard?${span}`)
  const { tab } = shown
  await tab.getByText('More filters and lift').click()
  await tab.locator('select[name=lane]').selectOption('default')
  await tab.locator('input[name=producer]').fill('docs')
  await tab.locator('input[name=producer]').press('Tab')
  await tab.getByLabel('Live', { exact: true }).check()
  const latest = tab.getByRole('region', { name: 'Latest events' })
  await latest.getByText('Opened.').first().waitFor()
  await here.world.store([engagedPack([{ recipient: 'user-1', what: 'dismissed' }], { at: at + 120_000 })])
  await latest.getByRole('row').nth(1).getByText('Dismissed without being opened.').waitFor()
  const outcomes = tab.getByRole('region', { name: 'Outcomes', exact: true })
  await outcomes.getByText('Numbers', { exact: true }).click()
  await outcomes.getByRole('table').waitFor()
  const asked = Object.fromEntries(new URL(tab.url()).searchParams)
  assert.deepEqual(
    { ...asked, since: '', until: '' },
    {
      ...{ lane: 'default', producer: 'docs', live: '1', numbers: 'outcomes', since: '', until: '' },
    },
  )
  const before = await outcomes.getByRole('table').innerText()
  await tab.reload()
  await outcomes.getByRole('table').waitFor()
  assert.equal(await outcomes.getByRole('table').innerText(), before)
  assert.equal(await tab.locator('input[name=producer]').inputValue(), 'docs')
  await tab.getByRole('region', { name: 'Latest events' }).waitFor()
})

test('the address holds all that is shown: what is chosen is in it, and back goes back', inBrowser, async () => {
  await using shown = await here.open(`/dashboard?${span}`)
  const { tab } = shown
  assert.equal(new URL(tab.url()).hash, '')
  await tab.getByLabel('Broken down by').selectOption('type')
  await tab.getByRole('heading', { name: 'build.failed' }).waitFor()
  await tab.getByLabel('Type', { exact: true }).fill('invoice.due')
  await tab.getByLabel('Type', { exact: true }).press('Tab')
  await tab.getByRole('heading', { name: 'build.failed' }).waitFor({ state: 'detached' })
  assert.equal(new URL(tab.url()).searchParams.get('type'), 'invoice.due')
  const again = await shown.context.newPage()
  await again.goto(`${tab.url()}#token=${here.world.token}`)
  await again.getByRole('heading', { name: 'invoice.due' }).waitFor()
  assert.equal(await again.getByLabel('Type', { exact: true }).inputValue(), 'invoice.due')
  await tab.goBack()
  await tab.getByRole('heading', { name: 'build.failed' }).waitFor()
  assert.equal(await tab.getByLabel('Type', { exact: true }).inputValue(), '')
})

test(
  'a trace tells each step with sentence, code, time in a zone, and what the code means; the look is kept',
  inBrowser,
  async () => {
    await using shown = await here.open('/trace?intent=docs/comment.created-0')
    const { tab } = shown
    await tab.getByRole('heading', { name: 'comment.created' }).waitFor()
    const muted = tab.getByRole('listitem').filter({ hasText: 'muted' }).first()
    const text = await muted.innerText()
    assert.match(
      text,
      /20 Nov 2026, 13:00:00[^]*Not sent: the person muted Lunch on Friday\.[^]*suppressed_mute[^]*muted_thread/,
    )
    assert.deepEqual(here.world.looks.at(-1), { who: 'eve', about: { intent: 'docs/comment.created-0' } })
    const before = here.world.looks.length
    await tab.getByLabel('Times in').selectOption('UTC')
    await tab.getByRole('button', { name: 'Look' }).click()
    await muted.getByText('20 Nov 2026, 12:00:00').waitFor()
    assert.equal(here.world.looks.length, before)
    await tab.getByRole('link', { name: 'What muted_thread means' }).first().click()
    await tab.locator('#rule-muted_thread').waitFor()
    await tab.goBack()
    await tab.getByRole('heading', { name: 'comment.created' }).waitFor()
    await tab.getByRole('combobox', { name: 'Of' }).selectOption('recipient')
    await tab.getByLabel('The id of the person').fill('user-1')
    await tab.getByLabel('The id of the person').press('Enter')
    await tab.getByRole('heading', { name: 'invoice.due' }).first().waitFor()
    assert.deepEqual(here.world.looks.at(-1), { who: 'eve', about: { recipient: 'user-1' } })
    await tab.getByRole('region', { name: 'Addresses of the person' }).getByText('…f00d').waitFor()
    await tab.getByLabel('From (UTC)').fill('2026-11-20T12:00')
    await tab.getByRole('button', { name: 'Look' }).click()
    await tab.getByRole('heading', { name: 'invoice.due' }).first().waitFor({ state: 'detached' })
    await tab.getByRole('heading', { name: 'comment.created' }).first().waitFor()
    assert.equal(new URL(tab.url()).searchParams.get('since'), '2026-11-20T12:00:00Z')
    // To one delivery, and from it to all of its intent.
    await tab.getByRole('link', { name: 'device-1' }).first().click()
    await tab.getByText('Only what went to this endpoint of the person.').waitFor()
    assert.equal(await tab.locator('.part').count(), 1)
    assert.deepEqual(Object.keys(here.world.looks.at(-1)!.about), ['intent', 'recipient', 'endpoint'])
    await tab.getByRole('link', { name: 'All of the intent' }).click()
    await tab.locator('.part').nth(1).waitFor()
    await tab.getByRole('link', { name: 'What default means' }).first().click()
    await tab.locator('#rule-default').waitFor()
    assert.match(await tab.locator('#rule-default').innerText(), /nothing speaks against it/)
  },
)

test('nobody sees anything without a token, and the pages say which one they want', inBrowser, async () => {
  await using context = await here.browser.open()
  const tab = await context.newPage()
  for (const at of ['/dashboard', '/trace?recipient=user-1']) {
    await tab.goto(`${here.world.url}${at}`)
    await tab.getByLabel('Token').fill('wrong')
    await tab.getByRole('button', { name: 'Look' }).click()
    await tab.getByText('This token is not good here, or no longer.').waitFor()
    await tab.getByLabel('Token').fill(here.world.token)
    await tab.getByRole('button', { name: 'Look' }).click()
    await tab
      .getByRole('heading', { name: at === '/dashboard' ? 'Outcomes' : 'comment.created' })
      .first()
      .waitFor()
    await tab.getByRole('button', { name: 'Sign out' }).click()
    await tab.getByLabel('Token').waitFor()
  }
  for (const at of ['/dashboard', '/trace', '/rules']) {
    const { headers } = await fetch(`${here.world.url}${at}`)
    for (const part of ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"])
      assert.ok(headers.get('content-security-policy')!.includes(part))
  }
})

const few = 'since=2026-11-20T09:00:00Z&until=2026-11-20T12:00:00Z'
for (const at of [
  `/dashboard?${few}&live=1&type=comment.created&event=thread.joined`,
  '/trace?intent=docs/comment.created-0&recipient=user-1',
  `/trace?${few}&stage=opened`,
  '/rules',
])
  test(`axe-core finds no fault with ${at} at any width, light and dark`, inBrowser, async () => {
    await using shown = await here.open(at)
    const { tab } = shown
    await tab.locator('.tail, .part, .codes-table, #examples').first().waitFor()
    for (const one of await tab.getByText('Numbers', { exact: true }).all()) await one.click()
    for (const width of [375, 768, 1440])
      for (const colorScheme of ['light', 'dark'] as const) {
        await tab.setViewportSize({ width, height: 900 })
        await tab.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
        assert.deepEqual(await accessibilityFaults(tab), [], `${colorScheme} ${width}`)
      }
    for (const width of [320, 360, 375, 768, 1440]) {
      await tab.setViewportSize({ width, height: 900 })
      const over = await tab.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
      assert.equal(over, 0, `${width}`)
    }
  })

const noStrings = tracesFolder() === undefined && 'the folder with the hostile strings is not there'

test(
  'names of types are text, whatever stands in them',
  { ...inBrowser, skip: inBrowser.skip || noStrings },
  async () => {
    const all = JSON.parse(readFileSync(path.join(tracesFolder()!, 'blns.json'), 'utf8')) as string[]
    const strings = [...new Set(all.filter(isName))]
    assert.ok(strings.length > 200)
    await using hostile = await createDashboard()
    await hostile.store(
      strings.map((type, n) => decidedPack(people(1), { intents: [intentFacts(`h-${n}`, { type })] })),
    )
    await using shown = await here.open(`/dashboard?${span}&by=type`, { of: hostile })
    const { tab } = shown
    await tab.locator('h3').first().waitFor({ state: 'attached', timeout: 60_000 })
    await tab.getByRole('region', { name: 'Funnel', exact: true }).getByText('Numbers', { exact: true }).click()
    await tab.locator('#funnel').locator('xpath=ancestor::section').getByRole('table').waitFor()
    const found = await tab.evaluate(() => ({
      names: [...document.querySelectorAll('#funnel')[0]!.closest('section')!.querySelectorAll('tbody th')].map(
        one => one.textContent,
      ),
      kinds: [...new Set([...document.querySelectorAll('main *')].map(one => one.localName))],
    }))
    assert.deepEqual(new Set(found.names), new Set(strings))
    await tab.setViewportSize({ width: 320, height: 800 })
    assert.equal(
      await tab.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth),
      0,
    )
    for (const kind of found.kinds) assert.ok(!['script', 'img', 'iframe', 'object', 'style'].includes(kind), kind)
    const trace = await shown.context.newPage()
    await trace.goto(`${hostile.url}/trace?recipient=user-0#token=${hostile.token}`)
    await trace.locator('.trace').first().waitFor()
    const types = await trace.locator('.trace:not([aria-labelledby]) h2').allTextContents()
    assert.deepEqual(new Set(types), new Set(strings))
  },
)

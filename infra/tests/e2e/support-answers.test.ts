import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { ToldTrace } from '#analytics/trace-api.ts'
import { serveApi } from '#cli/api.ts'
import { catalogueOf } from '#contracts/catalogue.ts'
import { readActs } from '#ledger/operator-log.ts'
import { createProducerToken } from '#producers/http/producer-tokens.ts'
import { defineNotification } from '#producers/sdk/define-notification.ts'
import { createMetrics } from '#runtime/metrics.ts'
import { z } from 'zod'
import { inBrowser, openBrowser, type TestBrowser } from '../browser.ts'
import { startProgram, until } from '../program.ts'
import { startWorld, type World } from '../world.ts'

const about = { category: 'social', lane: 'default', owner: 'docs', value: 3, schema: z.object({}) } as const
const words = () => ({ title: 'Hello', body: '' })
const toInbox = { deliver: [{ channel: 'in_app' }], templates: { en: { in_app: words } } } as const
const toPush = { deliver: [{ channel: 'push' }], templates: { en: { push: words } } } as const
const news = defineNotification({ ...about, ...toInbox, type: 'news' })
const ping = defineNotification({ ...about, ...toPush, type: 'ping', doubt: 'never' })
const once = defineNotification({ ...about, ...toInbox, type: 'once', dedupe: { key: () => 'k', within: '10m' } })
const few = defineNotification({ ...about, ...toInbox, type: 'few', throttle: { limit: 1, per: '1h' } })
const together = defineNotification({ ...about, ...toPush, type: 'together', digest: { every: '1h', maxItems: 2 } })
const slow = defineNotification({
  ...{ ...about, ...toPush, type: 'slow', lane: 'bulk' },
})
const broken = defineNotification({
  ...{ ...about, ...toInbox, type: 'broken' },
  templates: {
    en: {
      in_app: () => {
        throw new Error('a fault of the template')
      },
    },
  },
})
const types = [news, ping, once, few, together, slow, broken]
const iso = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`
const uuid = '[0-9a-f]{8}-[0-9a-f-]{27}'

let world: World
let api: Awaited<ReturnType<typeof serveApi>>
let token: string
let browser: TestBrowser | undefined
before(async () => {
  world = await startWorld({ catalogue: catalogueOf('1', types), served: ['critical', 'default'] })
  api = await serveApi(world.installation, { host: '127.0.0.1', port: 0, metrics: createMetrics() })
  token = await createProducerToken(world.installation.db, { producer: 'eve', types: [], scopes: ['trace'] })
  if (inBrowser.skip === false) browser = await openBrowser()
})
after(async () => {
  await browser?.[Symbol.asyncDispose]()
  await api?.[Symbol.asyncDispose]()
  await world?.[Symbol.asyncDispose]()
})

/** What support asks of an intent whose key is the name of the answer, and what it is told: text and codes. */
type Case = { tell: () => Promise<unknown>; sentence: RegExp; code: string; rule?: string }

const cases: Record<string, Case> = {
  muted: {
    tell: async () => {
      await person('muted', { choices: { threads: { t1: Date.now() + 3_600_000 } } })
      await notify(news, 'muted', { thread: 't1' })
    },
    ...{ sentence: RegExp(`the person muted t1 until ${iso}`), code: 'suppressed_mute', rule: 'muted_thread' },
  },
  quiet: {
    tell: async () => {
      // All day but a minute that is far away.
      const hour = new Date(Date.now() + 12 * 3_600_000).toISOString().slice(11, 13)
      const quiet = `${hour}:01-${hour}:00`
      await person('quiet', { quiet, zone: 'UTC', endpoints: [phone('quiet')] })
      await notify(ping, 'quiet')
    },
    ...{ sentence: RegExp(`Held: quiet hours until ${iso}`), code: 'held', rule: 'quiet_hours' },
  },
  digest: {
    tell: async () => {
      await person('digest', { endpoints: [phone('digest')] })
      await notify(together, 'digest', { occurredAt: Date.now() - 1_000 })
      await notify(together, 'digest', { key: 'digest-2' })
    },
    sentence: RegExp(`Not sent by itself: told together with others, in intent ${uuid}`),
    ...{ code: 'digested', rule: 'digested' },
  },
  duplicate: {
    tell: () => twice(once, 'duplicate'),
    sentence: RegExp(
      `a duplicate of what happened at ${iso}; .* once in 10m\\. It is a duplicate of intent ${uuid}\\.`,
    ),
    ...{ code: 'deduplicated', rule: 'deduplicated' },
  },
  throttled: {
    tell: () => twice(few, 'throttled'),
    ...{ sentence: /more than 1 in 1h for this person/, code: 'throttled', rule: 'throttled' },
  },
  dropped: {
    tell: async () => {
      await person('dropped', { endpoints: [phone('dropped', 'dead-1')] })
      await notify(ping, 'dropped', { key: 'dropped-first' })
      await isToldAs('dropped-first', 'address_dead')
      await notify(ping, 'dropped')
    },
    sentence: /no usable address for push: its token was dropped on \d{4}-\d\d-\d\d\./,
    ...{ code: 'no_endpoint', rule: 'no_endpoint' },
  },
  refused: {
    tell: async () => {
      world.simulators.script.set({ provider: 'fcm', address: 'token-refused', answer: 'invalidArgument' })
      await person('refused', { endpoints: [phone('refused')] })
      await notify(ping, 'refused')
    },
    ...{ sentence: /the provider refused the message/, code: 'rejected', rule: 'rejected' },
  },
  template: {
    tell: () => notify(broken, 'template'),
    sentence: /its template failed \(broken, in_app, en: it failed\)/,
    ...{ code: 'template_error', rule: 'template_failed' },
  },
  queued: {
    tell: async () => {
      // By a lane that nobody works on.
      for (const key of ['queued-first', 'queued']) {
        await person(key, { endpoints: [phone(key)] })
        await notify(slow, key)
        await until(async () => (await ask(key)).length > 0)
      }
    },
    ...{ sentence: /Still queued: 1 is ahead of it\./, code: 'queued' },
  },
  sent: {
    tell: async () => {
      await person('sent', { endpoints: [phone('sent')] })
      await notify(ping, 'sent')
    },
    ...{ sentence: RegExp(`Sent, and accepted by fcm at ${iso}\\.`), code: 'sent' },
  },
}

const limits = { timeout: 300_000, concurrency: true }

test(
  'each answer that support needs is told by the API, the command line and the page, as text and as codes',
  limits,
  async t => {
    const told = Object.entries(cases).map(([key, { tell, sentence, code, rule }]) =>
      t.test(key, async () => {
        await tell()
        let found: Entry | undefined
        await until(async () => {
          found = (await ask(key)).find(entry => codeOf(entry) === code && sentence.test(entry.sentence))
          return found !== undefined
        })
        assert.equal(found!.rule, rule)
        const [printed] = await Promise.all([printedOf(key), looksRightOnThePage(key, found!)])
        assert.match(printed, RegExp(`\\b${code} .*${sentence.source}`))
      }),
    )
    await Promise.all(told)
    const acts = await readActs(world.installation.db, { limit: 1_000 })
    for (const who of ['eve', 'ada'])
      for (const key of Object.keys(cases))
        assert.ok(
          acts.some(act => act.who === who && act.what === 'trace' && Object.values(act.about).includes(`test/${key}`)),
          `${who} looked at ${key}`,
        )
  },
)

test('a trace of a person tells their addresses masked, and whole nowhere', limits, async () => {
  const whole = { phone: 'fcm-token-of-ann-4711', mail: 'ann.the.reader@example.org', number: '+4915112345678' }
  await person('masked', {
    endpoints: [
      phone('masked', whole.phone),
      { id: 'mail', channel: 'email', provider: 'sendgrid', address: whole.mail, ...alive },
      { id: 'number', channel: 'sms', provider: 'twilio', address: whole.number, ...alive },
    ],
  })
  await notify(ping, 'masked')
  await isToldAs('masked', 'sent')
  const headers = { authorization: `Bearer ${token}` }
  const response = await fetch(`${api.url}/v1/trace?recipient=of-masked`, { headers })
  const told = await response.text()
  const { addresses } = JSON.parse(told) as ToldTrace
  const shown = addresses.filter(({ address }) => address !== undefined)
  assert.deepEqual(
    shown.map(({ id }) => id),
    ['phone', 'mail', 'number'],
  )
  const pages = browser ? [await pageText(browser)] : []
  for (const text of [told, ...pages])
    for (const address of Object.values(whole)) assert.ok(!text.includes(address), address)
})

async function pageText(browser: TestBrowser): Promise<string> {
  await using context = await browser.open()
  const tab = await context.newPage()
  await tab.goto(`${api.url}/trace?recipient=of-masked#token=${token}`)
  await tab.getByRole('region', { name: 'Addresses now' }).waitFor()
  return await tab.content()
}

type Entry = { sentence: string; rule?: string; what?: string; state?: string }
const codeOf = ({ what, state }: Entry): string | undefined => state ?? what

async function ask(key: string): Promise<Entry[]> {
  const headers = { authorization: `Bearer ${token}` }
  const response = await fetch(`${api.url}/v1/trace?intent=test/${key}`, { headers })
  if (response.status === 404) return []
  assert.equal(response.status, 200)
  const { lines, open } = (await response.json()) as ToldTrace
  return [...lines, ...open]
}

async function printedOf(key: string): Promise<string> {
  const env = { DATABASE_URL: world.installation.addresses.databaseUrl }
  await using command = startProgram(['trace', `test/${key}`, '--as', 'ada'], env)
  assert.equal(await command.ended, 0, command.said())
  return command.out.replaceAll(/\s+/g, ' ')
}

/** Sentences stand there with their times in the reader's zone. */
async function looksRightOnThePage(key: string, entry: Entry): Promise<void> {
  if (!browser) return
  await using context = await browser.open({ timezoneId: 'UTC' })
  const tab = await context.newPage()
  await tab.goto(`${api.url}/trace?intent=test/${key}#token=${token}`)
  const line = tab.getByRole('listitem').filter({ has: tab.getByText(codeOf(entry)!, { exact: true }) })
  const said = line.locator('.sentence').first()
  await said.waitFor()
  const text = await line.locator('.sentence').allInnerTexts()
  const words = entry.sentence.replaceAll(RegExp(iso, 'g'), '⌚').split('⌚')
  assert.ok(
    text.some(one => words.every(part => one.includes(part))),
    `${JSON.stringify(words)} in ${JSON.stringify(text)}`,
  )
  if (entry.rule !== undefined) await line.getByText(entry.rule, { exact: true }).first().waitFor()
}

type Told = { key?: string; thread?: string; occurredAt?: number }

const notify = (type: (typeof types)[number], name: string, { key = name, ...told }: Told = {}) =>
  world.notifier.notify(type, { to: [`of-${name}`], data: {}, key, ...told })

async function twice(type: (typeof types)[number], name: string): Promise<void> {
  await notify(type, name, { key: `${name}-first`, occurredAt: Date.now() - 1_000 })
  await isToldAs(`${name}-first`, 'deliver')
  await notify(type, name)
}

const isToldAs = (key: string, what: string): Promise<void> =>
  until(async () => (await ask(key)).some(entry => codeOf(entry) === what))

type Columns = { choices?: object; quiet?: string; zone?: string; endpoints?: readonly object[] }

async function person(name: string, { choices, quiet, zone, endpoints }: Columns): Promise<void> {
  const json = (value: unknown) => (value === undefined ? null : JSON.stringify(value))
  await world.installation.db.query(
    'insert into recipients (id, choices, quiet, zone, endpoints) values ($1, $2, $3, $4, $5)',
    [`of-${name}`, json(choices), quiet ?? null, zone ?? null, json(endpoints)],
  )
}

const alive = { state: 'active', since: 0 } as const
const phone = (name: string, address = `token-${name}`) => ({
  ...{ id: 'phone', channel: 'push', provider: 'fcm', address, ...alive },
})

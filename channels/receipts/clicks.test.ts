import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { test } from 'node:test'
import vm from 'node:vm'
import { attemptId, newBatchId } from '#contracts/ids.ts'
import type { EventPack } from '#contracts/event.ts'
import { setup as startSimulators } from '#local/simulators/test-setup.ts'
import { createHttp, listen } from '#runtime/http.ts'
import { tracesFolder } from '#tests/servers.ts'
import { clickToken } from '../attempt-token.ts'
import { sendgridProvider } from '../email/sendgrid.ts'
import { pageOf } from '../page.fixture.ts'
import { createWorld, greeting, mailbox } from '../world.fixture.ts'
import { clicksApi } from './clicks.ts'
import { everyRow } from './every-row.fixture.ts'

const target = `https://example.com/read?q="><script>alert(1)</script>&x='`
const browser = 'Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0'
const type = {
  ...greeting,
  templates: {
    en: {
      ...greeting.templates.en,
      email: () => ({
        subject: 'Hello',
        text: `Read ${target}`,
        html: pageOf('Hello', [target, 'mailto:us@example.com']),
      }),
    },
  },
}

/** A worker, people with a mailbox each, and the API that the links of their mails lead to. */
async function setup(...people: string[]) {
  await using opened = new AsyncDisposableStack()
  const world = opened.use(await createWorld({ types: [type] }))
  const { db, deps } = world
  const simulators = opened.use(await startSimulators())
  const app = createHttp({ log: deps.log, metrics: deps.metrics, bodyLimitBytes: 1024 * 1024 })
  clicksApi(app, { ...deps, secret: deps.addressKey })
  const url = await listen(app, { port: 0, host: '127.0.0.1' })
  opened.defer(() => app.close())
  world.use(
    sendgridProvider({
      ...{ apiKey: simulators.credentials.sendgrid.apiKey, from: 'us@example.com' },
      ...{ baseUrl: `http://127.0.0.1:${simulators.ports.sendgrid}/`, links: { url, secret: deps.addressKey } },
    }),
  )
  for (const id of people) await world.addPerson(id, { endpoints: [mailbox(`${id}@example.com`)] })
  const running = opened.move()
  return {
    ...{ ...world, url },
    /** Mails everybody, and gives the link that each got. */
    async mail() {
      const to = people.map(recipient => ({ recipient, endpoint: 'mail' }))
      await world.deliver(await world.write({ channel: 'email', provider: 'sendgrid', to }))
      const lines = simulators.log.entries().filter(({ provider }) => provider === 'sendgrid')
      assert.ok(lines.every(({ links }) => links![1] === 'mailto:us@example.com'))
      return Object.fromEntries(
        lines.map(({ address, links }): [string, string] => [address.split('@')[0]!, links![0]!]),
      )
    },
    call: (method: string, link: string, headers: Record<string, string> = {}) =>
      fetch(new URL(link, url), { method, headers: { 'user-agent': browser, ...headers } }),
    async told() {
      const rows = await db.query<{ payload: string }>(`select payload from outbox where payload like '%engaged%'`)
      const packs = new Map(rows.map(row => JSON.parse(row.payload) as EventPack).map(pack => [pack.pack, pack]))
      return [...packs.values()]
        .flatMap(({ slots }) => slots.map(({ recipient, what }) => `${recipient} ${what}`))
        .sort()
    },
    async read() {
      const rows = await db.query<{ recipient: string }>(
        `select recipient from engagements where what = 'read' order by 1`,
      )
      return rows.map(row => row.recipient)
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

test('a link leads on by a page that tells; who followed it has read it, once, and nobody else', async () => {
  await using world = await setup('anna', 'ben')
  const { anna, ben } = await world.mail()
  assert.notEqual(anna, ben)
  const page = await world.call('GET', anna!)
  assert.equal(page.status, 200)
  const text = await page.text()
  const nonce = /<script nonce="([^"]+)">/.exec(text)![1]
  const csp = page.headers.get('content-security-policy')!
  assert.ok(csp.startsWith(`default-src 'none'; script-src 'nonce-${nonce}'; connect-src 'self';`), csp)
  assert.equal(page.headers.get('referrer-policy'), 'no-referrer')
  assert.match(page.headers.get('content-type')!, /^text\/html/)
  const [, href] = /href="([^"]*)"/.exec(text)!
  assert.equal(
    href!.replace(/&(#39|\w+);/g, (_, name: string) => ({ amp: '&', lt: '<', gt: '>', quot: '"' })[name] ?? "'"),
    target,
  )
  assert.equal(text.match(/<script/g)!.length, 1)
  assert.deepEqual(run(/<script[^>]*>([^]*)<\/script>/.exec(text)![1]!), ['POST ""', 'to the target'])
  assert.deepEqual(await world.told(), [])
  for (let n = 0; n < 2; n++) assert.equal((await world.call('POST', anna!)).status, 204)
  assert.deepEqual([await world.told(), await world.read()], [['anna opened'], ['anna']])
})

test('who opens every link ten times and tells nothing changes nothing', async () => {
  await using world = await setup('anna', 'ben', 'cem')
  const links = Object.values(await world.mail())
  const before = await everyRow(world.db)
  for (let n = 0; n < 10; n++)
    for (const link of links)
      for (const method of ['GET', 'HEAD', 'OPTIONS']) await (await world.call(method, link)).arrayBuffer()
  assert.deepEqual(await everyRow(world.db), before)
})

test('a machine that tells is told apart, and has read nothing for anybody', async () => {
  await using world = await setup('anna')
  const { anna } = await world.mail()
  const machines: Record<string, string>[] = [
    { 'user-agent': 'Mozilla/5.0 (compatible; bingbot/2.0)' },
    { 'user-agent': '' },
    { 'user-agent': 'Mozilla/5.0 HeadlessChrome/141.0' },
    { 'sec-purpose': 'prefetch;prerender' },
  ]
  for (const headers of machines) assert.equal((await world.call('POST', anna!, headers)).status, 204)
  assert.deepEqual([await world.told(), await world.read()], [['anna machine_opened'], []])
})

test('an old mail leads on for ever; what the ledger has forgotten is not told of', async () => {
  await using world = await setup('anna')
  const { anna } = await world.mail()
  world.clock.set(world.clock.now() + 400 * 86_400_000)
  const before = await everyRow(world.db)
  assert.equal((await world.call('GET', anna!)).status, 200)
  assert.equal((await world.call('POST', anna!)).status, 204)
  assert.deepEqual(await everyRow(world.db), before)
})

test('what is no link of ours leads nowhere and changes nothing', async t => {
  await using world = await setup('anna')
  const { anna } = await world.mail()
  const token = anna!.split('/c/')[1]!
  const attempt = attemptId({ batch: newBatchId(), slot: 0 })
  const signed = (target: string, secret = world.deps.addressKey) => clickToken({ attempt, target }, secret)
  const folder = tracesFolder()
  if (!folder) t.diagnostic('without the recorded list of naughty strings')
  const naughty = folder
    ? (JSON.parse(await readFile(path.join(folder, 'blns.json'), 'utf8')) as string[])
    : ['\0', '<']
  const tokens = [
    ...naughty.filter(text => text.isWellFormed() && !['', '.', '..'].includes(text)),
    ...[token.slice(0, -1), token.slice(1), `${token}A`, token.toUpperCase(), 'x'.repeat(1_700), 'x'.repeat(9_000)],
    ...[
      'javascript:alert(1)',
      'data:text/html,x',
      'http://example.com/',
      '//example.com',
      '/v1',
      'ftp://a.example',
      '',
    ].map(target => signed(target)),
    signed('https://example.com/', 'another secret of somebody'),
  ]
  const before = await everyRow(world.db)
  const check = async (method: string, one: string) => {
    const response = await world.call(method, `/c/${encodeURIComponent(one)}`)
    assert.equal(response.status, one.length > 1_800 ? 414 : 404, JSON.stringify(one))
    assert.ok(!(await response.text()).includes('<script'))
  }
  for (let at = 0; at < tokens.length; at += 50)
    await Promise.all(tokens.slice(at, at + 50).flatMap(one => [check('GET', one), check('POST', one)]))
  assert.deepEqual(await everyRow(world.db), before)
})

/** What the page's script does, in order. */
function run(script: string): string[] {
  const done: string[] = []
  const page = {
    fetch: async (url: string, { method }: { method: string }) => void done.push(`${method} "${url}"`),
    location: { replace: (href: string) => void done.push(`to the ${href}`) },
    document: { getElementById: (id: string) => ({ href: id }) },
  }
  vm.runInNewContext(script, page)
  return done
}

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sendgridProvider } from '#channels/email/sendgrid.ts'
import { everyRow } from '#channels/receipts/every-row.fixture.ts'
import { clicksApi } from '#channels/receipts/clicks.ts'
import { createWorld, greeting, mailbox } from '#channels/world.fixture.ts'
import { setup as startSimulators } from '#local/simulators/test-setup.ts'
import { changeChoices } from '#preferences/choice-store.ts'
import { hostedPage } from '#preferences/hosted-page.ts'
import { meApi } from '#preferences/me-api.ts'
import { pageLinkUser } from '#preferences/page-link.ts'
import { deleteRecipient } from '#preferences/recipient-store.ts'
import { unsubscribeApi } from '#preferences/unsubscribe-api.ts'
import { unsubscribeTokens } from '#preferences/preferences.ts'
import { html } from '#producers/sdk/html.ts'
import { createHttp, listen } from '#runtime/http.ts'
import { serveUsers } from '#runtime/user-requests.ts'
import type { OwnPreferences } from '#contracts/preferences.ts'

const mail = () => ({
  subject: 'News',
  text: 'https://example.com/news',
  html: html`<p>News: <a href="https://example.com/news">read</a></p>`,
})
const social = { ...greeting, templates: { en: { ...greeting.templates.en, email: mail } } }
const security = { ...social, type: 'test.security', category: 'security', mandatory: true }
const oneClick = () => new URLSearchParams({ 'List-Unsubscribe': 'One-Click' })
const undo = () => new URLSearchParams({ Resubscribe: 'Yes' })
const multipart = () => {
  const form = new FormData()
  form.set('List-Unsubscribe', 'One-Click')
  return form
}

/** People with a mailbox each, a worker, and the API that the links of their mails lead to. */
async function setup(...people: string[]) {
  await using opened = new AsyncDisposableStack()
  const world = opened.use(await createWorld({ types: [social, security] }))
  const { db, clock, deps } = world
  const simulators = opened.use(await startSimulators())
  const app = createHttp({ log: deps.log, metrics: deps.metrics, bodyLimitBytes: 1024 * 1024 })
  unsubscribeApi(app, { db, clock, secret: deps.addressKey })
  clicksApi(app, { ...deps, secret: deps.addressKey })
  const linkUser = (link: string, now: number) => pageLinkUser(link, { secret: deps.addressKey, now })
  const users = serveUsers(app, { keys: [], origins: [], audience: 'carillon', clock, linkUser })
  hostedPage(app)
  meApi(app, { db, clock, users, offers: [{ category: 'social', channels: [{ channel: 'email', mandatory: false }] }] })
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
  const lines = () => simulators.log.entries().filter(({ provider }) => provider === 'sendgrid')
  const to = people.map(recipient => ({ recipient, endpoint: 'mail' }))
  return {
    ...{ ...world, app, url, lines },
    /** Puts a mail to everybody on the queue. */
    queue: (key = 'k') => world.write({ channel: 'email', provider: 'sendgrid', to: to.map(one => ({ ...one, key })) }),
    /** Mails everybody, and gives the headers that each got. */
    async mail(type?: string) {
      const key = `mail ${type}`
      const typed = to.map(one => ({ ...one, key, ...(type && { type }) }))
      await world.deliver(await world.write({ channel: 'email', provider: 'sendgrid', to: typed }))
      return Object.fromEntries(lines().map(({ address, headers }) => [address.split('@')[0]!, headers ?? {}]))
    },
    call: (method: string, link: string, more: RequestInit = {}) =>
      fetch(link, { method, redirect: 'manual', ...more }),
    wishes: () =>
      db.query<{ recipient: string; category: string; channel: number; wish: boolean; source: string }>(
        'select recipient, category, channel, wish, source from consent_log order by id',
      ),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

const linkIn = (headers: Record<string, unknown>): string => /^<(.*)>$/.exec(String(headers['List-Unsubscribe']))![1]!

test('one click ends the mails of a category, for one person, by either form, once', async () => {
  await using world = await setup('ann', 'bob', 'eve')
  const { ann, bob, eve } = await world.mail()
  for (const headers of [ann!, bob!, eve!]) assert.equal(headers['List-Unsubscribe-Post'], 'List-Unsubscribe=One-Click')
  for (const [headers, body] of [
    [ann!, oneClick],
    [ann!, oneClick],
    [bob!, multipart],
  ] as const) {
    const answer = await world.call('POST', linkIn(headers), { body: body() })
    assert.deepEqual(
      [answer.status, answer.headers.get('location'), answer.headers.get('set-cookie')],
      [200, null, null],
    )
    assert.match(await answer.text(), /You get no more mails about “Social”/)
  }
  const off = { category: 'social', channel: 2, wish: false, source: 'one_click' }
  assert.deepEqual(await world.wishes(), [
    { recipient: 'ann', ...off },
    { recipient: 'bob', ...off },
  ])
})

test('what waits on the queue is stopped by it, and comes after it was undone', async () => {
  await using world = await setup('ann', 'bob')
  const { ann } = await world.mail()
  const waiting = await world.queue('waits')
  await world.call('POST', linkIn(ann!), { body: oneClick() })
  await world.deliver(waiting)
  assert.deepEqual(await world.ends(), { ann: 'suppressed_preference', bob: 'sent' })
  const page = await (await world.call('POST', linkIn(ann!), { body: undo() })).text()
  assert.match(page, /You get mails about “Social” again/)
  await world.deliver(await world.queue('later'))
  assert.equal(world.lines().filter(line => line.address === 'ann@example.com').length, 2)
})

test('undoing it adds no send over a wish for no mails at all, and the page says how it stands', async () => {
  await using world = await setup('ann')
  const { ann } = await world.mail()
  const { db, clock } = world
  await changeChoices({ db, now: clock.now() }, 'ann', { categories: { '*': { email: false } } })
  await world.call('POST', linkIn(ann!), { body: oneClick() })
  const page = await (await world.call('POST', linkIn(ann!), { body: undo() })).text()
  assert.match(page, /You still get no mails about “Social”/)
  assert.doesNotMatch(page, /<button>/)
  await world.deliver(await world.queue('later'))
  assert.equal(world.lines().length, 1)
  assert.deepEqual(
    (await world.wishes()).map(({ category, wish }) => [category, wish]),
    [
      ['*', false],
      ['social', false],
      ['social', null],
    ],
  )
})

test('who opens every link of a mail changes nothing', async () => {
  await using world = await setup('ann', 'bob')
  const headers = await world.mail()
  const links = [...Object.values(headers).map(linkIn), ...world.lines().flatMap(line => line.links!)]
  assert.deepEqual(
    links.filter(link => !link.startsWith(world.url)),
    [],
  )
  assert.equal(links.filter(link => link.includes('/preferences/')).length, 2)
  const before = await everyRow(world.db)
  for (let n = 0; n < 3; n++)
    for (const link of links)
      for (const method of ['GET', 'HEAD', 'OPTIONS']) {
        const answer = await world.call(method, link)
        assert.ok(method !== 'GET' || answer.status === 200, link)
        await answer.arrayBuffer()
      }
  assert.deepEqual(await everyRow(world.db), before)
})

test('beside it every mail leads to the page of its person, in the mail’s tenant, for so long as a link lives', async () => {
  await using world = await setup('ann', 'bob')
  await world.db.query(`insert into tenants (id, settings) values ('acme', '{"locks": {"social": {"email": true}}}')`)
  const to = ['ann', 'bob'].map(recipient => ({
    recipient,
    endpoint: 'mail',
    key: recipient,
    intent: { tenant: 'acme' },
  }))
  await world.deliver(await world.write({ channel: 'email', provider: 'sendgrid', to }))
  const pages = new Map(
    world
      .lines()
      .map(({ address, links }) => [address, links!.filter(link => link.includes('/preferences/'))] as const),
  )
  const tokens = ['ann', 'bob'].map(who => {
    const [link, ...others] = pages.get(`${who}@example.com`)!
    assert.deepEqual(others, [])
    return link!.split('/').at(-1)!
  })
  const { clock, deps } = world
  const whose = (token: string, now = clock.now()) => pageLinkUser(token, { secret: deps.addressKey, now })
  assert.deepEqual(
    tokens.map(token => whose(token)),
    [
      { recipient: 'ann', tenant: 'acme' },
      { recipient: 'bob', tenant: 'acme' },
    ],
  )
  assert.equal(whose(tokens[0]!, clock.now() + 91 * 86_400_000), undefined)
  const answer = await world.call('GET', `${world.url}/v1/me/preferences`, {
    headers: { authorization: `Bearer ${tokens[0]}` },
  })
  const { grid } = (await answer.json()) as OwnPreferences
  assert.equal(grid[0]!.cells[0]!.rule, 'tenant_locked')
  // One token is no other: neither opens what the other does.
  const unsubscribe = linkIn(world.lines()[0]!.headers!).split('/').at(-1)!
  assert.equal(whose(unsubscribe), undefined)
  assert.equal((await world.call('GET', `${world.url}/u/${tokens[0]}`)).status, 404)
})

test('the page asks first, in the language of its reader, and runs nothing', async () => {
  await using world = await setup('ann')
  const link = linkIn((await world.mail()).ann!)
  const pageIn = async (language: string) =>
    (await world.call('GET', link, { headers: { 'accept-language': language } })).text()
  assert.match(await pageIn('en'), /<h1>No more mails about “Social”\?<\/h1>[^]*<button>Unsubscribe</)
  assert.match(await pageIn('de-AT,en;q=0.5'), /<html lang="de">[^]*Keine E-Mails mehr zu „Social“\?[^]*>Abbestellen</)
  assert.match(await pageIn('fr-CH, de;q=0.9, en;q=0.8'), /<html lang="de">/)
  assert.match(await pageIn('fr, *;q=0.5'), /<html lang="en">/)
  const answer = await world.call('GET', link)
  const policy = answer.headers.get('content-security-policy')!
  assert.match(policy, /^default-src 'none'; style-src 'sha256-[^']+'; form-action 'self'; .*frame-ancestors 'none'$/)
  assert.deepEqual(
    [answer.headers.get('referrer-policy'), answer.headers.get('cache-control')],
    ['no-referrer', 'no-store'],
  )
  assert.doesNotMatch(await answer.text(), /<script/)
  await world.call('POST', link, { body: oneClick() })
  assert.match(await pageIn('en'), /You get no more mails[^]*value="Yes"[^]*<button>Undo</)
})

test('what must be told carries no such link', async () => {
  await using world = await setup('ann')
  assert.deepEqual(await world.mail('test.security'), { ann: {} })
})

test('a token that is not ours, or a form that says something else, is told so and changes nothing', async () => {
  await using world = await setup('ann')
  const link = linkIn((await world.mail()).ann!)
  const before = await everyRow(world.db)
  for (const bad of [`${link}A`, link.slice(0, -1), `${world.url}/u/AQ`, `${world.url}/u/${'x'.repeat(1_500)}`])
    for (const method of ['GET', 'POST']) {
      const answer = await world.call(method, bad, method === 'POST' ? { body: oneClick() } : {})
      assert.equal(answer.status, 404)
      assert.match(await answer.text(), /This link leads nowhere[^]*Nothing was changed/)
    }
  const bodies = [new URLSearchParams({ 'List-Unsubscribe': 'No' }), '{"List-Unsubscribe":"One-Click"}', null]
  for (const body of bodies) assert.equal((await world.call('POST', link, { body })).status, 400)
  const torn = { body: '--x\r\n', headers: { 'content-type': 'multipart/form-data; boundary=x' } }
  assert.equal((await world.call('POST', link, torn)).status, 400)
  assert.equal((await world.call('POST', link, { body: 'x'.repeat(5_000) })).status, 413)
  assert.deepEqual(await everyRow(world.db), before)
})

test('who is deleted or not known is answered like anybody', async () => {
  await using world = await setup('ann')
  const link = linkIn((await world.mail()).ann!)
  await deleteRecipient({ db: world.db, now: world.clock.now() }, 'ann')
  for (const method of ['GET', 'POST']) {
    const answer = await world.call(method, link, method === 'POST' ? { body: oneClick() } : {})
    assert.equal(answer.status, 200)
    assert.match(await answer.text(), /You get no more mails<[^]*account was deleted/)
  }
  const asked = { recipient: 'nobody', categories: ['gone'], issued: 0 }
  const [token] = unsubscribeTokens([asked], world.deps.addressKey)
  const answer = await world.call('POST', `${world.url}/u/${token}`, { body: oneClick() })
  assert.equal(answer.status, 200)
})

test('where a tenant has a mail sent whatever people choose, the page says so', async () => {
  await using world = await setup('ann')
  const link = linkIn((await world.mail()).ann!)
  await world.db.query(`insert into tenants (id, settings) values ('acme', '{"locks": {"social": {"email": true}}}')`)
  await world.db.query(`update recipients set tenant = 'acme'`)
  const answer = await world.call('POST', link, { body: oneClick() })
  const page = await answer.text()
  assert.match(page, /<h1>Your choice is saved<[^]*they still come. Your choice is kept[^]*<button>Undo</)
  assert.doesNotMatch(page, /You get no more mails/)
})

test('an address that floods is asked to come later', async () => {
  await using world = await setup('ann')
  const link = linkIn((await world.mail()).ann!)
  const said = await Promise.all(Array.from({ length: 2_500 }, () => world.app.inject('/u/AQ')))
  assert.deepEqual(new Set(said.map(answer => answer.statusCode)), new Set([404, 429]))
  assert.match(String(said.find(answer => answer.statusCode === 429)!.headers['retry-after']), /^[1-9]\d*$/)
  // There is room again soon.
  world.clock.set(world.clock.now() + 1_000)
  assert.equal((await world.call('POST', link, { body: oneClick() })).status, 200)
  assert.equal((await world.wishes()).length, 1)
})

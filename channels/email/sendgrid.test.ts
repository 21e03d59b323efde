import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { attemptId, newBatchId, type RecipientId } from '#contracts/ids.ts'
import { type ClickLinks, clickUrl } from '../click-links.ts'
import { pageOf } from '../page.fixture.ts'
import type { OutMessage } from '../provider.ts'
import { pageLinkTokens, unsubscribeTokens } from '#preferences/preferences.ts'
import { sendgridProvider } from './sendgrid.ts'

test('mails of different texts travel in one request, and each person gets their own', async () => {
  await using server = await startRecorder()
  const mails = ['ann', 'bob', 'eve'].map(name => mail(`${name}@example.com`, `for ${name}`))
  await server.send(mails)
  const [request, ...more] = server.requests
  assert.equal(more.length, 0)
  mails.forEach(({ endpoint, content }, at) => {
    const one = request!.personalizations[at]!
    const { subject, 'text/plain': text, 'text/html': page } = read(request!, one)
    assert.deepEqual([one.to[0]!.email, subject], [endpoint.address, content.subject])
    assert.ok(text!.startsWith(`${content.text}\n`) && page!.includes(`>${content.html.html}<`))
    assert.doesNotMatch(page! + text!, /\[\[|\{\{(?!text\}\})/)
  })
})

test('one text for all is said once', async () => {
  await using server = await startRecorder()
  const { content } = mail('', 'news')
  await server.send(['ann', 'bob'].map(name => ({ ...mail(`${name}@example.com`, ''), content })))
  const [request] = server.requests
  assert.equal(request!.subject, 'news')
  for (const one of request!.personalizations) assert.equal(one.substitutions, undefined)
})

test('who gets two mails gets them by two requests, and answers keep their order', async () => {
  await using server = await startRecorder()
  const addresses = ['ann', 'bob', 'Ann', 'eve', 'ann'].map(name => `${name}@example.com`)
  const answers = await server.send(addresses.map((address, n) => mail(address, `mail ${n}`)))
  const to = server.requests.map(({ personalizations }) => personalizations.map(one => one.to[0]!.email))
  assert.deepEqual(
    new Set(to.map(String)),
    new Set([[addresses[0], addresses[1], addresses[3]], [addresses[2]], [addresses[4]]].map(String)),
  )
  // The recorder names each request after its first address.
  const ids = answers.map(answer => answer.kind === 'accepted' && answer.providerId)
  assert.deepEqual(ids, [addresses[0], addresses[0], addresses[2], addresses[0], addresses[4]])
})

test('many mails to one mailbox go one after another, in time or not at all', async () => {
  await using server = await startRecorder({ ms: 20 })
  const mails = Array.from({ length: 100 }, (_, n) => mail('ops@example.com', `mail ${n}`))
  const answers = await server.send(mails, 1_000)
  const kinds = answers.map(({ kind }) => kind)
  const sent = kinds.lastIndexOf('accepted') + 1
  assert.ok(sent > 1 && sent < 50, `${sent} sent`)
  assert.deepEqual(new Set(kinds.slice(0, sent)), new Set(['accepted']))
  assert.deepEqual(new Set(kinds.slice(sent)), new Set(['notBegun']))
  assert.deepEqual([server.requests.length, server.mostAtOnce()], [sent, 1])
})

test('who is asked to wait does not send the second mails of a mailbox', async () => {
  await using server = await startRecorder({ status: 429 })
  const answers = await server.send(['ann', 'bob', 'ann', 'ann'].map(name => mail(`${name}@example.com`, 'news')))
  assert.equal(server.requests.length, 1)
  const pause = { kind: 'pause', afterMs: 60_000, reason: 'HTTP 429' }
  assert.deepEqual(answers, [pause, pause, { kind: 'notBegun' }, { kind: 'notBegun' }])
})

test('nor does who is refused for a setting of ours: they are held with the first, and no call is told of them', async () => {
  await using server = await startRecorder({ status: 401 })
  const mails = Array.from({ length: 50 }, (_, n) => mail('ops@example.com', `mail ${n}`))
  const [first, ...others] = await server.send(mails)
  assert.equal(server.requests.length, 1)
  const refused = { kind: 'config', reason: 'HTTP 401' } as const
  assert.deepEqual(first, refused)
  assert.deepEqual(
    others,
    others.map(() => ({ ...refused, uncalled: true })),
  )
})

test('neither halves nor second mails begin when it is too late', async () => {
  await using server = await startRecorder({ bad: 'bob@example.com' })
  const late = { lane: 'default', now: 0, deadlineMs: 10_000, startUntilMs: 0 } as const
  const mails = ['ann', 'bob', 'ann'].map(name => mail(`${name}@example.com`, 'news'))
  const answers = await server.provider.send(mails, late)
  assert.equal(server.requests.length, 1)
  const again = { kind: 'retry', afterMs: 0, reason: 'no time left to begin' }
  assert.deepEqual(answers, [again, again, { kind: 'notBegun' }], 'the first two stood in the request that was refused')
})

test('a request refused for a setting of ours is not held against its mails', async () => {
  for (const [fields, kind] of [
    [['from'], 'config'],
    [['personalizations.0.to.0.email', 'from.email'], 'config'],
    [['mail_settings.footer'], 'config'],
    [['subject'], 'messageDead'],
    [['fromage', null], 'messageDead'],
  ] as const) {
    await using server = await startRecorder({ status: 400, fields })
    const answers = await server.send(['ann', 'bob'].map(name => mail(`${name}@example.com`, 'news')))
    assert.deepEqual(
      answers.map(answer => answer.kind),
      [kind, kind],
      fields.join(),
    )
    assert.equal(server.requests.length, 1, 'there is no bad recipient to be looked for')
  }
})

test('a mail too long for a substitution does not mix', async () => {
  await using server = await startRecorder()
  assert.equal(server.provider.mixes(mail('', 'ä'.repeat(1_400)).content), true)
  assert.equal(server.provider.mixes(mail('', 'ä'.repeat(1_500)).content), false)
})

test('each gets links of their own, in HTML and text, whether mails are alike, differ or are alone', async () => {
  const links = { url: 'https://bell.example', secret: 'a secret of this test' }
  await using server = await startRecorder({ links })
  const url = 'https://example.com/?a=1&b=2'
  const about = (said: string) => ({
    subject: 'News',
    text: `${said}\nRead: ${url}\nor ${url}.`,
    html: pageOf(said, [url, 'mailto:us@example.com', url]),
  })
  const shared = about('news')
  const to = (slot: number, content = shared) =>
    ({
      ...mail(`u${slot}@example.com`, ''),
      ...{ content, attemptId: attemptId({ batch: newBatchId(), slot }) },
    }) as OutMessage<'email'>
  for (const mails of [[to(0)], [to(1), to(2)], [to(3, about('one')), to(4, about('other'))]]) {
    await server.send(mails)
    const request = server.requests.at(-1)!
    assert.equal(request.personalizations.length, mails.length)
    mails.forEach(({ content, attemptId: id }, at) => {
      const { 'text/html': page, 'text/plain': text } = read(request, request.personalizations[at]!)
      const own = clickUrl(links, { attempt: id, target: url })
      assert.ok(page!.includes(content.html.html.replaceAll('https://example.com/?a=1&#38;b=2', own)))
      assert.ok(text!.startsWith(content.text.replace(`Read: ${url}\n`, `Read: ${own}\n`)))
    })
  }
  const [, alike] = server.requests
  assert.equal(Object.keys(alike!.personalizations[0]!.substitutions!).length, 1)
})

test('links that would not fit stay as they are', async () => {
  await using server = await startRecorder({ links: { url: 'https://bell.example', secret: 'a secret of this test' } })
  const urls = Array.from({ length: 40 }, (_, n) => `https://example.com/${'x'.repeat(300)}/${n}`)
  const content = { subject: 'News', text: '', html: pageOf('', urls) }
  assert.equal(server.provider.mixes(content), false)
  const mails = [0, 1].map(slot => ({
    ...mail(`u${slot}@example.com`, ''),
    ...{ content, attemptId: attemptId({ batch: newBatchId(), slot }) },
  }))
  await server.send(mails)
  const [request] = server.requests
  const bytes = JSON.stringify(request!.personalizations[0]!.substitutions).length
  assert.ok(bytes > 5_000 && bytes < 10_000, `${bytes}`)
  const page = read(request!, request!.personalizations[0]!)['text/html']!
  assert.ok(page.includes('https://bell.example/c/') && page.includes(urls[39]!))
})

const bell = { url: 'https://bell.example', secret: 'a secret of this test' }
const about = (address: string, said: string, more: Partial<OutMessage<'email'>> = {}): OutMessage<'email'> => ({
  ...mail(address, said),
  ...{ recipient: address.split('@')[0] as RecipientId, categories: ['social'], ...more },
})

test('each mail has headers and a foot of its own to unsubscribe by, and one content is still said once', async () => {
  await using server = await startRecorder({ links: bell })
  const { content } = mail('', 'news')
  const differ = ['eve', 'fay'].map(name => about(`${name}@example.com`, `for ${name}`))
  const must = about('gus@example.com', 'must', { locale: 'de' })
  delete must.categories
  for (const mails of [
    ['ann', 'bob'].map(name => about(`${name}@example.com`, '', { content })),
    [about('cem@example.com', 'alone', { locale: 'de-AT' })],
    [...differ, must],
  ]) {
    await server.send(mails)
    const request = server.requests.at(-1)!
    for (const [at, one] of request.personalizations.entries()) {
      const { 'text/html': page, 'text/plain': text } = read(request, one)
      const { recipient, categories } = mails[at]!
      if (!categories) {
        assert.equal(one.headers, undefined)
        assert.ok(!page!.includes('/u/') && !text!.includes('/u/') && page!.includes('weil du es wissen musst'))
        assert.ok(!page!.includes('/preferences/'))
        continue
      }
      const url = /^<(.*)>$/.exec(one.headers!['List-Unsubscribe']!)![1]!
      assert.equal(one.headers!['List-Unsubscribe-Post'], 'List-Unsubscribe=One-Click')
      const [token] = unsubscribeTokens([{ recipient, categories, issued: 0 }], bell.secret)
      assert.equal(url, `${bell.url}/u/${token}`)
      const [link] = pageLinkTokens([{ recipient, tenant: 'acme' }], { secret: bell.secret, now: 0 })
      for (const to of [url, `${bell.url}/preferences/${link}`])
        assert.ok(page!.includes(`<a href="${to}">`) && text!.includes(`: ${to}\n`))
    }
  }
  const [alike] = server.requests
  assert.deepEqual(
    alike!.personalizations.map(one => Object.keys(one.substitutions!).length),
    [2, 2],
  )
})

test('a layout of its own leads to where it is unsubscribed from, and answers go where a name says', async () => {
  const replyTo = { default: 'us@example.com', support: 'Support <help@example.com>' }
  await using server = await startRecorder({ links: bell, replyTo })
  const own = {
    subject: 'Own',
    text: 'Own',
    layout: 'none',
    html: pageOf('Own', ['#unsubscribe', '#preferences']),
  } as const
  await server.send([about('ann@example.com', '', { content: own })])
  await server.send([about('bob@example.com', '', { content: { ...own, replyTo: 'support' } })])
  const [first, second] = server.requests
  const url = /^<(.*)>$/.exec(first!.personalizations[0]!.headers!['List-Unsubscribe']!)![1]!
  const [link] = pageLinkTokens([{ recipient: 'ann', tenant: 'acme' }], { secret: bell.secret, now: 0 })
  const linked = `<a href="${url}">x</a><a href="${bell.url}/preferences/${link}">x</a>`
  assert.deepEqual(read(first!, first!.personalizations[0]!), {
    ...{ subject: 'Own', 'text/plain': 'Own', 'text/html': `<p>Own</p>${linked}` },
  })
  assert.deepEqual(
    [first!.reply_to?.email, second!.reply_to],
    ['us@example.com', { name: 'Support', email: 'help@example.com' }],
  )
  const { provider } = server
  assert.deepEqual([provider.mixes(own), provider.mixes({ ...own, replyTo: 'support' })], [false, false])
  assert.equal(provider.faultIn!({ ...own, replyTo: 'constructor' }), 'its replyTo is none of default, support')
  assert.equal(provider.faultIn!({ ...own, replyTo: 'support' }), undefined)
})

test('one bad address among a thousand is found by few requests, and all others are sent', async () => {
  const bad = 'u677@example.com'
  await using server = await startRecorder({ links: bell, bad })
  const { content } = mail('', 'news')
  const mails = Array.from({ length: 1_000 }, (_, n) => about(`u${n}@example.com`, '', { content }))
  const answers = await server.send(mails)
  const others = answers.filter((_, n) => n !== 677)
  assert.ok(answers[677]!.kind === 'messageDead' && others.every(({ kind }) => kind === 'accepted'))
  // Two for each time that the rest is halved, and the first.
  assert.equal(server.requests.length, 1 + 2 * Math.ceil(Math.log2(1_000)))
})

type Personalization = {
  to: { email: string }[]
  substitutions?: Record<string, string>
  headers?: Record<string, string>
}
type Request = {
  subject: string
  content: { type: string; value: string }[]
  personalizations: Personalization[]
  reply_to?: { email: string; name?: string }
}

/** What SendGrid would make of it for one person. */
function read({ subject, content }: Request, { substitutions = {} }: Personalization): Record<string, string> {
  const filled = (template: string) =>
    Object.entries(substitutions).reduce((said, [tag, value]) => said.replaceAll(tag, () => value), template)
  return {
    subject: filled(subject),
    ...Object.fromEntries(content.map(({ type, value }) => [type, filled(value)])),
  }
}

const mail = (address: string, said: string) =>
  ({
    endpoint: { address },
    intent: { tenant: 'acme' },
    attemptId: `attempt-${address}`,
    locale: 'en',
    // A dollar and a brace mean nothing in a substitution.
    content: { subject: said, text: `$& {{text}} ${said}`, html: { html: `<p>${said}</p>` } },
  }) as OutMessage<'email'>

type Saying = {
  ms?: number
  status?: number
  fields?: readonly (string | null)[]
  links?: ClickLinks
  replyTo?: Record<string, string>
  /** An address that is refused. */
  bad?: string
}

async function startRecorder({ ms = 0, status = 202, fields = [], links, replyTo, bad }: Saying = {}) {
  const requests: Request[] = []
  let atOnce = 0
  let mostAtOnce = 0
  const server = http.createServer(async (request, response) => {
    mostAtOnce = Math.max(mostAtOnce, ++atOnce)
    const said = JSON.parse(await text(request)) as Request
    requests.push(said)
    await sleep(ms)
    atOnce--
    const at = said.personalizations.findIndex(one => one.to[0]!.email === bad)
    const faults = at < 0 ? fields : [`personalizations.${at}.to.0.email`]
    response.writeHead(at < 0 ? status : 400, { 'x-message-id': said.personalizations[0]!.to[0]!.email })
    response.end(JSON.stringify({ errors: faults.map(field => ({ field, message: 'no' })) }))
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  const baseUrl = `http://127.0.0.1:${port}/`
  const provider = sendgridProvider({
    apiKey: 'SG.x',
    from: 'us@example.com',
    baseUrl,
    ...(links && { links }),
    ...(replyTo && { replyTo }),
  })
  return {
    ...{ requests, provider },
    mostAtOnce: () => mostAtOnce,
    send: (mails: OutMessage<'email'>[], deadlineMs = 10_000) =>
      provider.send(mails, { lane: 'default', now: 0, deadlineMs }),
    async [Symbol.asyncDispose]() {
      await provider[Symbol.asyncDispose]()
      server.closeAllConnections()
      server.close()
    },
  }
}

import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { attemptId, newBatchId } from '#contracts/ids.ts'
import { type ClickLinks, clickUrl } from '../click-links.ts'
import { pageOf } from '../page.fixture.ts'
import type { OutMessage } from '../provider.ts'
import { sendgridProvider } from './sendgrid.ts'

test('mails of different texts travel in one request, and each person gets their own', async () => {
  await using server = await startRecorder()
  const mails = ['ann', 'bob', 'eve'].map(name => mail(`${name}@example.com`, `for ${name}`))
  await server.send(mails)
  const [request, ...more] = server.requests
  assert.equal(more.length, 0)
  assert.deepEqual(
    request!.personalizations.map(one => [one.to[0]!.email, read(request!, one)]),
    mails.map(({ endpoint, content }) => [
      endpoint.address,
      { subject: content.subject, 'text/plain': content.text, 'text/html': content.html.html },
    ]),
  )
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
  assert.deepEqual(new Set(kinds.slice(sent)), new Set(['retry']))
  assert.deepEqual([server.requests.length, server.mostAtOnce()], [sent, 1])
})

test('who is asked to wait does not send the second mails of a mailbox', async () => {
  await using server = await startRecorder({ status: 429 })
  const answers = await server.send(['ann', 'bob', 'ann', 'ann'].map(name => mail(`${name}@example.com`, 'news')))
  assert.equal(server.requests.length, 1)
  const pause = { kind: 'pause', afterMs: 60_000, reason: 'HTTP 429' }
  assert.deepEqual(answers, [pause, pause, pause, pause])
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
  assert.equal(server.provider.mixes(mail('', 'ä'.repeat(1_500)).content), true)
  assert.equal(server.provider.mixes(mail('', 'ä'.repeat(1_600)).content), false)
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
      assert.equal(page, content.html.html.replaceAll('https://example.com/?a=1&#38;b=2', own))
      assert.equal(text, content.text.replace(`Read: ${url}\n`, `Read: ${own}\n`))
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

type Personalization = { to: { email: string }[]; substitutions?: Record<string, string> }
type Request = { subject: string; content: { type: string; value: string }[]; personalizations: Personalization[] }

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
    attemptId: `attempt-${address}`,
    // A dollar and a brace mean nothing in a substitution.
    content: { subject: said, text: `$& {{text}} ${said}`, html: { html: `<p>${said}</p>` } },
  }) as OutMessage<'email'>

type Saying = { ms?: number; status?: number; fields?: readonly (string | null)[]; links?: ClickLinks }

async function startRecorder({ ms = 0, status = 202, fields = [], links }: Saying = {}) {
  const requests: Request[] = []
  let atOnce = 0
  let mostAtOnce = 0
  const server = http.createServer(async (request, response) => {
    mostAtOnce = Math.max(mostAtOnce, ++atOnce)
    const said = JSON.parse(await text(request)) as Request
    requests.push(said)
    await sleep(ms)
    atOnce--
    response.writeHead(status, { 'x-message-id': said.personalizations[0]!.to[0]!.email })
    response.end(JSON.stringify({ errors: fields.map(field => ({ field, message: 'no' })) }))
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  const baseUrl = `http://127.0.0.1:${port}/`
  const provider = sendgridProvider({ apiKey: 'SG.x', from: 'us@example.com', baseUrl, ...(links && { links }) })
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

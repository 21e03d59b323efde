import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { apiClient, type Member } from './api-client.ts'
import { NotStoredError, RefusedError, UnknownError } from './errors.ts'

type Seen = { method: string; url: string; authorization: string | undefined; body: unknown }

/** A real server that answers as it is told and remembers what it was asked. */
async function serve(answer: { status: number; body?: string } = { status: 204 }, under = '') {
  const seen: Seen[] = []
  const server = createServer((request, response) => {
    let text = ''
    request.on('data', chunk => (text += String(chunk)))
    request.on('end', () => {
      const { method, url, headers } = request
      seen.push({ method: method!, url: url!, authorization: headers.authorization, body: text && JSON.parse(text) })
      response.writeHead(answer.status, { 'content-type': 'application/json' }).end(answer.body)
    })
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}${under}`
  return {
    api: apiClient({ url, token: 'secret' }),
    seen,
    async [Symbol.asyncDispose]() {
      server.close()
    },
  } // prettier
}

test('names are quoted in paths and the token goes along', async () => {
  await using world = await serve()
  await world.api.recipients.upsert('a/b ?', { locale: 'de' })
  assert.deepEqual(world.seen, [
    { method: 'PUT', url: '/v1/recipients/a%2Fb%20%3F', authorization: 'Bearer secret', body: { locale: 'de' } },
  ])
})

test('a path in the URL of the API stays in front of every other', async () => {
  for (const under of ['/carillon', '/carillon/']) {
    await using world = await serve({ status: 204 }, under)
    await world.api.recipients.delete('u1')
    assert.equal(world.seen[0]!.url, '/carillon/v1/recipients/u1')
  }
})

test('a name that would lead elsewhere in a path is refused', async () => {
  await using world = await serve()
  await assert.rejects(world.api.recipients.delete('..'), RefusedError)
  await assert.rejects(world.api.status('..'), RefusedError)
  await assert.rejects(world.api.audiences.add('.', ['u1']), RefusedError)
  assert.equal(world.seen.length, 0)
  await world.api.recipients.delete('...')
  assert.equal(world.seen[0]!.url, '/v1/recipients/...')
})

test('a member named twice is one member, as it was named first', async () => {
  await using world = await serve()
  await world.api.audiences.replace('all', ['b', { id: 'a', reason: 'first' }, 'b', { id: 'a', reason: 'again' }])
  const [{ body }] = world.seen as [Seen]
  assert.deepEqual(body, { after: null, until: 'b', members: [{ id: 'a', reason: 'first' }, { id: 'b' }] })
})

test('an audience is replaced range by range, in order of the bytes of the ids', async () => {
  await using world = await serve()
  const members = Array.from({ length: 1001 }, (_, at) => `u${at}`)
  await world.api.audiences.replace('all', members.toReversed())
  const ranges = world.seen.map(
    ({ body }) => body as { after: string | null; until: string | null; members: { id: string }[] },
  )
  assert.deepEqual(
    ranges.map(range => range.members.length),
    [1000, 1, 0],
  )
  assert.deepEqual(
    ranges.map(range => range.after),
    [null, ranges[0]!.until, ranges[1]!.until],
  )
  assert.equal(ranges[2]!.until, null, 'the last request takes away whatever is behind')
  const ids = ranges.flatMap(range => range.members.map(member => member.id))
  assert.deepEqual(
    ids,
    members.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))),
  )
})

test('a source of members is read page by page, by key', async () => {
  await using world = await serve()
  const pages = new Map<string | undefined, Member[]>([
    [undefined, ['a', { id: 'b', reason: 'role' }]],
    ['b', ['c']],
  ])
  await world.api.audiences.replace('all', async after => pages.get(after) ?? [])
  assert.deepEqual(
    world.seen.map(({ body }) => body),
    [
      { after: null, until: 'b', members: [{ id: 'a' }, { id: 'b', reason: 'role' }] },
      { after: 'b', until: 'c', members: [{ id: 'c' }] },
      { after: 'c', until: null, members: [] },
    ],
  )
})

test('an answer becomes one of three errors', async () => {
  const problem = JSON.stringify({ detail: 'all wrong', errors: [{ detail: 'zone: is unknown' }] })
  await using refusing = await serve({ status: 422, body: problem })
  await assert.rejects(refusing.api.recipients.upsert('u1', {}), (error: RefusedError) => {
    assert.deepEqual(error.problems, ['zone: is unknown'])
    return error instanceof RefusedError
  })
  await using busy = await serve({ status: 503 })
  await assert.rejects(busy.api.recipients.delete('u1'), NotStoredError)
  await using broken = await serve({ status: 500 })
  await assert.rejects(broken.api.status('k'), UnknownError)
  const { api } = broken
  await broken[Symbol.asyncDispose]()
  await assert.rejects(api.status('k'), UnknownError)
})

test('what people did is said in the words of the API', async () => {
  await using world = await serve()
  const { api } = world
  await api.read({ user: 'u1', thread: 't1', upTo: Date.UTC(2026, 10, 21) })
  await api.read({ user: 'u1', device: 'phone' })
  await api.seen({ user: 'u1', intent: 'i' })
  await api.presence({ user: 'u1', activeUntil: new Date(Date.UTC(2026, 10, 21)) })
  await api.presence({ user: 'u1', activeUntil: null })
  await api.track({ user: 'u1', event: 'invite.accepted', key: 'k' })
  await assert.rejects(api.read({ user: 'u1', upTo: Number.NaN }), RefusedError)
  const midnight = '2026-11-21T00:00:00.000Z'
  assert.deepEqual(
    world.seen.map(({ method, url, body }) => [`${method} ${url}`, body]),
    [
      ['POST /v1/recipients/u1/read', { thread: 't1', upTo: midnight }],
      ['POST /v1/recipients/u1/read', { device: 'phone' }],
      ['POST /v1/recipients/u1/seen', { intent: 'i' }],
      ['PUT /v1/recipients/u1/presence', { activeUntil: midnight }],
      ['PUT /v1/recipients/u1/presence', { activeUntil: null }],
      ['POST /v1/events', { user: 'u1', event: 'invite.accepted', key: 'k' }],
    ],
  )
})

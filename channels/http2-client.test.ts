import assert from 'node:assert/strict'
import { once } from 'node:events'
import http2 from 'node:http2'
import net, { type AddressInfo } from 'node:net'
import { test } from 'node:test'
import { until } from '#runtime/link.fixture.ts'
import { http2Client, type Request } from './http2-client.ts'

const { NGHTTP2_CANCEL, NGHTTP2_REFUSED_STREAM } = http2.constants

/** A server that does with each stream what `serve` says; `sessions` counts connections. */
async function startServer(serve: (stream: http2.ServerHttp2Stream, path: string) => unknown) {
  const open = new Set<http2.ServerHttp2Session>()
  let sessions = 0
  const server = http2.createServer()
  server.on('session', session => {
    sessions++
    open.add(session)
  })
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {})
    serve(stream as http2.ServerHttp2Stream, headers[':path']!)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const client = http2Client(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  return {
    client,
    sessions: () => sessions,
    async [Symbol.asyncDispose]() {
      client.close()
      for (const session of open) session.destroy()
      server.close()
    },
  }
}

const requestsFor = (...paths: readonly string[]): Request[] => paths.map(path => ({ path, headers: {}, body: path }))
const limitMs = 10_000
const statusesOf = (found: readonly object[]) =>
  found.map(one => ('status' in one ? one.status : (one as { code: string }).code))

test('what comes back stands in the order of what was asked, on as few connections as carry it', async () => {
  const now = new Map<unknown, number>()
  let most = 0
  await using server = await startServer((stream, path) => {
    const busy = (now.get(stream.session) ?? 0) + 1
    most = Math.max(most, busy)
    now.set(stream.session, busy)
    const waitMs = 20 - (Number(path.slice(1)) % 20)
    stream.resume()
    setTimeout(() => {
      now.set(stream.session, now.get(stream.session)! - 1)
      stream.respond({ ':status': 200 })
      stream.end(path)
    }, waitMs)
  })
  const paths = Array.from({ length: 250 }, (_, n) => `/${n}`)
  for (let round = 0; round < 2; round++) {
    const found = await server.client.postAll(requestsFor(...paths), limitMs)
    assert.deepEqual(
      found.map(one => 'body' in one && one.body),
      paths,
    )
  }
  assert.equal(most, 100)
  assert.equal(server.sessions(), 3)
})

test('what finds no place on any connection by the deadline was not sent', async () => {
  await using server = await startServer(() => {})
  const found = await server.client.postAll(requestsFor(...Array.from({ length: 900 }, (_, n) => `/${n}`)), 5_000)
  const codes = Map.groupBy(statusesOf(found), code => code)
  assert.deepEqual(
    [...codes].map(([code, all]) => [code, all.length]),
    [
      ['deadline', 800],
      ['NOT_SENT', 100],
    ],
  )
})

test('what finds its place too late is not sent, and what was asked before has its time', async t => {
  const asked: http2.ServerHttp2Stream[] = []
  const now = performance.now.bind(performance)
  await using server = await startServer(stream => {
    if (asked.push(stream) < 800) return
    t.mock.method(performance, 'now', () => now() + limitMs)
    for (const one of asked.splice(0)) {
      one.respond({ ':status': 200 })
      one.end()
    }
  })
  const requests = requestsFor(...Array.from({ length: 900 }, (_, n) => `/${n}`))
  const found = await server.client.postAll(requests, limitMs, performance.now() + limitMs)
  const codes = Map.groupBy(statusesOf(found), code => code)
  assert.deepEqual(
    [...codes].map(([code, all]) => [code, all.length]),
    [
      [200, 800],
      ['NOT_SENT', 100],
    ],
  )
})

test('what a server has not looked at is told apart from what it may have', async () => {
  await using server = await startServer((stream, path) => {
    if (path === '/refused') return stream.close(NGHTTP2_REFUSED_STREAM)
    stream.respond({ ':status': 200 })
    if (path === '/whole') return stream.end('{}')
    stream.write('{')
    setImmediate(() => stream.session!.destroy())
  })
  const found = await server.client.postAll(requestsFor('/refused', '/whole'), limitMs)
  assert.deepEqual(statusesOf(found), ['REFUSED_STREAM', 200])
  const [cut] = statusesOf(await server.client.postAll(requestsFor('/cut'), limitMs))
  assert.ok(typeof cut === 'string' && cut !== 'REFUSED_STREAM', String(cut))
})

test('a server that goes away is asked on a new connection', async () => {
  await using server = await startServer((stream, path) => {
    stream.respond({ ':status': 200 })
    stream.end(path)
    if (path === '/last') stream.session!.goaway()
  })
  assert.deepEqual(statusesOf(await server.client.postAll(requestsFor('/last'), limitMs)), [200])
  assert.deepEqual(statusesOf(await server.client.postAll(requestsFor('/next'), limitMs)), [200])
  assert.equal(server.sessions(), 2)
})

test('at the deadline what has no answer is cancelled at the server, and what has one keeps it', async () => {
  const cancelled = Promise.withResolvers<number | undefined>()
  await using server = await startServer((stream, path) => {
    if (path === '/mute') return stream.on('close', () => cancelled.resolve(stream.rstCode))
    stream.respond({ ':status': 200 })
    return stream.end()
  })
  const found = await server.client.postAll(requestsFor('/heard', '/mute'), 200)
  assert.deepEqual(statusesOf(found), [200, 'deadline'])
  assert.equal(await cancelled.promise, NGHTTP2_CANCEL)
})

test('a connection that let a deadline pass is not asked again', async () => {
  await using server = await startServer((stream, path) => {
    if (path === '/mute') return
    stream.respond({ ':status': 200 })
    stream.end(path)
  })
  assert.deepEqual(statusesOf(await server.client.postAll(requestsFor('/mute'), 100)), ['deadline'])
  assert.deepEqual(statusesOf(await server.client.postAll(requestsFor('/next'), limitMs)), [200])
  assert.equal(server.sessions(), 2)
})

test('where nobody listens nothing is asked', async () => {
  const server = await startServer(() => {})
  await server[Symbol.asyncDispose]()
  assert.deepEqual(statusesOf(await server.client.postAll(requestsFor('/'), limitMs)), ['ECONNREFUSED'])
})

test('a connection that never comes about ends with what waited for it', async () => {
  const sockets = new Set<net.Socket>()
  await using server = net.createServer(socket => {
    sockets.add(socket.on('error', () => {}).resume())
    socket.on('close', () => sockets.delete(socket))
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const client = http2Client(`https://127.0.0.1:${(server.address() as AddressInfo).port}`)
  const asked = client.postAll([{ path: '/', headers: {}, body: '' }], 300)
  await until(() => sockets.size > 0, 'it is called')
  assert.deepEqual(await asked, [{ code: 'deadline' }])
  await until(() => sockets.size === 0, 'it is called no more').finally(() => sockets.forEach(one => one.destroy()))
  client.close()
})

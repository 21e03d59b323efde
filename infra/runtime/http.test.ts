import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { test } from 'node:test'
import { createHttp, listen, problem, serveOperations } from './http.ts'
import { createLog } from './log.ts'
import { createMetrics } from './metrics.ts'

type Problem = {
  type: string
  title: string
  status: number
  detail?: string
  instance?: string
  errors?: { detail: string; pointer?: string }[]
}

async function setup() {
  const lines: string[] = []
  const metrics = createMetrics()
  const log = createLog({ role: 'api', write: line => void lines.push(line) })
  const app = createHttp({ log, metrics, bodyLimitBytes: 1_000 })
  const reasons: string[] = []
  serveOperations(app, { metrics, readiness: async () => reasons })
  const person = {
    type: 'object',
    required: ['id', 'a/b'],
    additionalProperties: false,
    properties: { id: { type: 'string' }, 'a/b': {}, n: { type: 'integer' }, why: { enum: ['dm', 'role'] } },
  }
  app.post('/people', { schema: { body: person } }, async request => request.body)
  app.get('/people', { schema: { querystring: { type: 'object', required: ['page'] } } }, async () => [])
  app.options('/mine/*', async () => '')
  app.get('/mine/inbox', async () => [])
  app.get('/secrets/:token', async () => {
    throw new Error('canary in the database')
  })
  app.get('/busy', async () => {
    throw problem(429, {
      type: 'https://bell.example/problems/busy',
      detail: 'slow down',
      headers: { 'retry-after': '3' },
    })
  })
  const url = await listen(app, { port: 0, host: '127.0.0.1' })
  const problemOf = async (path: string, init?: RequestInit): Promise<Problem & { response: Response }> => {
    const response = await fetch(url + path, init)
    assert.match(response.headers.get('content-type') ?? '', /^application\/problem\+json/)
    const body = (await response.json()) as Problem
    assert.equal(body.status, response.status)
    return { ...body, response }
  }
  return { url, lines, reasons, problemOf, [Symbol.asyncDispose]: () => app.close() }
}

const json = (body: string): RequestInit => ({ method: 'POST', headers: { 'content-type': 'application/json' }, body })

test('every refusal is a problem document', async () => {
  await using api = await setup()
  assert.equal((await api.problemOf('/nowhere')).status, 404)
  assert.equal((await api.problemOf('/%E0%A4%A')).status, 400)
  assert.equal((await api.problemOf('/people', json('{'))).status, 400)
  assert.equal((await api.problemOf('/people', json(''))).status, 400)
  assert.equal((await api.problemOf('/people', json('{"__proto__":{"x":1}}'))).status, 400)
  assert.equal((await api.problemOf('/people', json(`"${'x'.repeat(1_000)}"`))).status, 413)
  assert.equal((await api.problemOf('/people', { method: 'POST', body: 'text' })).status, 415)
  const busy = await api.problemOf('/busy')
  assert.equal(busy.response.headers.get('retry-after'), '3')
  assert.deepEqual(
    [busy.type, busy.title, busy.detail],
    ['https://bell.example/problems/busy', 'Too Many Requests', 'slow down'],
  )
})

test('a path that takes other methods says which; what is below a path that only browsers ask about is nowhere', async () => {
  await using api = await setup()
  for (const [method, path, allow] of [
    ['DELETE', '/people', 'GET, HEAD, POST'],
    ['PUT', '/people?page=1', 'GET, HEAD, POST'],
    ['OPTIONS', '/people', 'GET, HEAD, POST'],
    ['POST', '/secrets/canary', 'GET, HEAD'],
    ['DELETE', '/mine/inbox', 'GET, HEAD, OPTIONS'],
  ] as const) {
    const { status, detail, response } = await api.problemOf(path, { method })
    assert.deepEqual([status, response.headers.get('allow')], [405, allow], `${method} ${path}`)
    assert.match(detail!, new RegExp(`no ${method} at this path: it takes ${allow}`))
    assert.doesNotMatch(detail!, /canary/)
  }
  for (const method of ['GET', 'DELETE']) {
    const { status, response } = await api.problemOf('/mine/nothing', { method })
    assert.deepEqual([status, response.headers.get('allow')], [404, null], method)
  }
})

test('invalid input is told with all its problems and where they are; nothing is coerced or dropped', async () => {
  await using api = await setup()
  const { status, detail, errors } = await api.problemOf('/people', json('{"n":"1","extra":true,"why":"x"}'))
  assert.deepEqual([status, detail], [400, '5 problems'])
  assert.deepEqual(
    errors?.toSorted((a, b) => a.pointer!.localeCompare(b.pointer!)),
    [
      { detail: 'is missing', pointer: '#/a~1b' },
      { detail: 'is not known', pointer: '#/extra' },
      { detail: 'is missing', pointer: '#/id' },
      { detail: 'must be integer', pointer: '#/n' },
      { detail: 'must be one of dm, role', pointer: '#/why' },
    ],
  )
  const paged = await api.problemOf('/people')
  assert.deepEqual(
    [paged.detail, paged.errors],
    ['querystring page is missing', [{ detail: 'querystring page is missing' }]],
  )
  // What is the only one is told in the detail, for who reads no further.
  assert.equal((await api.problemOf('/people', json('{"id":"1"}'))).detail, 'a~1b is missing')
  assert.equal((await api.problemOf('/people', json('[]'))).detail, 'the body must be object')
})

test('an unexpected error tells the caller an id and the log the rest, without the path’s token', async () => {
  await using api = await setup()
  const { status, detail, instance } = await api.problemOf('/secrets/canary-token')
  assert.equal(status, 500)
  assert.doesNotMatch(JSON.stringify(detail), /canary/)
  const line = JSON.parse(api.lines[0]!) as { requestId: string; route: string }
  assert.equal(instance, `urn:uuid:${line.requestId}`)
  assert.equal(line.route, '/secrets/:token')
  assert.doesNotMatch(api.lines.join(''), /canary-token/)
})

test('answers are not cached, sniffed, or referred to', async () => {
  await using api = await setup()
  const { headers } = await fetch(`${api.url}/healthz`)
  assert.equal(headers.get('cache-control'), 'no-store')
  assert.equal(headers.get('x-content-type-options'), 'nosniff')
  assert.equal(headers.get('referrer-policy'), 'no-referrer')
  assert.equal(headers.get('x-powered-by'), null)
})

test('health is always, readiness gives its reasons, metrics count requests by route', async () => {
  await using api = await setup()
  assert.equal((await fetch(`${api.url}/healthz`)).status, 200)
  assert.equal((await fetch(`${api.url}/readyz`)).status, 200)
  api.reasons.push('batches are ready and nobody claims them')
  const { status, errors } = await api.problemOf('/readyz')
  assert.equal(status, 503)
  assert.deepEqual(errors, [{ detail: 'batches are ready and nobody claims them' }])
  await fetch(`${api.url}/nowhere/canary`)
  const response = await fetch(`${api.url}/metrics`)
  const text = await response.text()
  assert.match(response.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/)
  assert.match(text, /http_seconds_count\{method="GET",route="\/readyz",status="503"\} 1/)
  assert.doesNotMatch(text, /canary/)
})

test('what is not HTTP gets a problem, too', async () => {
  await using api = await setup()
  const socket = net.connect(Number(new URL(api.url).port), '127.0.0.1')
  socket.end('NOT HTTP\r\n\r\n')
  let answer = ''
  socket.on('data', data => void (answer += String(data)))
  await once(socket, 'close')
  assert.match(answer, /^HTTP\/1\.1 400 Bad Request\r\n/)
  assert.match(answer, /application\/problem\+json/)
})

test('who asks is the connection, or what so many proxies say', async () => {
  for (const [proxies, ip] of [
    [0, '127.0.0.1'],
    [1, '198.51.100.7'],
    [2, '203.0.113.9'],
  ] as const) {
    const metrics = createMetrics()
    const log = createLog({ role: 'test', write: () => {} })
    await using app = createHttp({ log, metrics, bodyLimitBytes: 100, proxies })
    app.get('/ip', async request => ({ ip: request.ip }))
    const url = await listen(app, { port: 0, host: '127.0.0.1' })
    // The first was written by whoever likes.
    const headers = { 'x-forwarded-for': '192.0.2.1, 203.0.113.9, 198.51.100.7' }
    assert.deepEqual(await (await fetch(`${url}/ip`, { headers })).json(), { ip })
  }
})

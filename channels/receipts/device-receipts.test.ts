import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { test } from 'node:test'
import type { EventPack } from '#contracts/event.ts'
import { newDigestId } from '#contracts/ids.ts'
import { createHttp, listen } from '#runtime/http.ts'
import { tracesFolder } from '#tests/servers.ts'
import { everyRow } from './every-row.fixture.ts'
import { device, greeting, phones, worldWithFcm } from '../world.fixture.ts'
import { deviceReceiptsApi } from './device-receipts.ts'
import { createReceipts, type WaitingReceipt } from '../in-app/web/receipts.ts'

const type = { ...greeting, acted: 'greeting.answered' }

/** A worker, people with a phone each, and the API that their phones report to. */
async function setup(...people: string[]) {
  await using opened = new AsyncDisposableStack()
  const world = opened.use(await worldWithFcm({ types: [type] }))
  for (const id of people) await world.addPerson(id, { endpoints: [device(`of-${id}`)] })
  const { db, clock, deps } = world
  const app = createHttp({ log: deps.log, metrics: deps.metrics, bodyLimitBytes: 1024 * 1024 })
  deviceReceiptsApi(app, { ...deps, secret: deps.addressKey })
  const url = await listen(app, { port: 0, host: '127.0.0.1' })
  opened.defer(() => app.close())
  const running = opened.move()
  const post = (body: string, headers: Record<string, string> = { 'content-type': 'application/json' }) =>
    fetch(new URL('/v1/receipts', url), { method: 'POST', headers, body })
  return {
    ...{ ...world, url, post },
    /** Sends a push to everybody, and gives the token that each phone got. */
    async push() {
      const before = world.simulators.log.entries().length
      await world.deliver(await world.write(phones(...people)))
      const lines = world.simulators.log.entries().slice(before)
      const tokens = lines.flatMap(one => (one.receipt === undefined ? [] : [[one.address.slice(3), one.receipt]]))
      return Object.fromEntries(tokens) as Record<string, string>
    },
    async report(...said: [token: string, event: string, at?: string][]) {
      const now = new Date(clock.now()).toISOString()
      const response = await post(
        JSON.stringify({ receipts: said.map(([token, event, at = now]) => ({ token, event, at })) }),
      )
      return { status: response.status, ...((await response.json()) as object) }
    },
    /** `anna opened`, by the packs that the sink would store: each name once. */
    async told() {
      const rows = await db.query<{ payload: string }>(`select payload from outbox order by id`)
      const packs = rows.map(row => JSON.parse(row.payload) as EventPack).filter(({ kind }) => kind !== 'settled')
      const once = new Map(packs.map(pack => [`${pack.day} ${pack.pack}`, pack]))
      return [...once.values()]
        .filter(({ kind }) => kind !== 'decided')
        .flatMap(({ slots }) => slots.map(({ recipient, what }) => `${recipient} ${what}`))
        .sort()
    },
    async engaged() {
      const rows = await db.query<{ line: string }>(
        `select concat_ws(' ', recipient, what, nullif(event, '')) as line from engagements order by 1`,
      )
      return rows.map(row => row.line)
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

test('what a device says counts for its person, once, in whatever order', async () => {
  await using world = await setup('anna', 'ben', 'cem', 'dora')
  const { anna, ben, cem, dora } = await world.push()
  for (let n = 0; n < 2; n++) {
    assert.deepEqual(await world.report([anna!, 'opened']), { status: 200, known: 1, unknown: 0 })
    const rest: [string, string][] = [
      [anna!, 'shown'],
      [anna!, 'opened'],
      [ben!, 'shown'],
      [cem!, 'dismissed'],
    ]
    assert.deepEqual(await world.report(...rest, [dora!, 'acted']), { status: 200, known: 5, unknown: 0 })
  }
  const told = [
    ...['anna delivered', 'anna opened', 'anna seen', 'ben delivered', 'ben seen'],
    ...['cem delivered', 'cem dismissed', 'dora acted', 'dora delivered'],
  ]
  assert.deepEqual(await world.told(), told)
  assert.deepEqual(await world.engaged(), ['anna read', 'anna seen', 'ben seen', 'dora acted greeting.answered'])
})

test('what a push told of several was looked at with it; of who was erased nothing is kept', async () => {
  await using world = await setup('anna', 'ben')
  const { ben } = await world.push()
  await world.db.query(`update recipients set erased_at = now() where id = 'ben'`)
  const to = ['a', 'b', 'c'].map(key => ({ recipient: 'anna', endpoint: 'phone', key }))
  const intent = { digest: { id: newDigestId() } }
  await world.deliver(await world.write({ channel: 'push', provider: 'fcm', to, intent }))
  const token = world.simulators.log.entries().at(-1)!.receipt!
  const said: [string, string][] = [
    [token, 'opened'],
    [ben!, 'opened'],
    [ben!, 'acted'],
  ]
  assert.deepEqual(await world.report(...said), { status: 200, known: 3, unknown: 0 })
  assert.deepEqual(await world.engaged(), ['anna read', 'anna read', 'anna read'])
})

test('a device may say it before we have recorded the call, and after another attempt', async () => {
  await using world = await setup('anna')
  const { log } = world.simulators
  let early: Promise<unknown> | undefined
  world.deps.failpoint = async name => {
    if (name === 'after send before record') early = world.report([log.entries().at(-1)!.receipt!, 'opened'])
    await early
  }
  world.simulators.script.set({ provider: 'fcm', answer: 'acceptThen500', times: 1 })
  await world.deliver(await world.write(phones('anna')))
  await world.makeDue()
  await world.deliver(await world.open())
  const tokens = [...new Set(log.entries().flatMap(({ receipt }) => receipt ?? []))]
  assert.equal(tokens.length, 2)
  for (const token of tokens)
    assert.deepEqual(await world.report([token, 'opened']), { status: 200, known: 1, unknown: 0 })
  assert.deepEqual(await world.told(), ['anna delivered', 'anna opened'])
})

test('the time is the device’s word, between the making of the batch and now', async () => {
  await using world = await setup('anna')
  const { anna } = await world.push()
  const sent = world.clock.now()
  world.clock.set(sent + 60_000)
  const stamp = async (event: string, at: string) => {
    assert.equal((await world.report([anna!, event, at])).status, 200)
    const [row] = await world.db.query<{ at: string }>(
      `select payload::json->>'at' as at from outbox where payload like '%engaged%' order by id desc limit 1`,
    )
    return Number(row!.at)
  }
  const said = sent + 30_000
  assert.equal(await stamp('opened', new Date(said).toISOString()), said)
  assert.equal(await stamp('shown', '2099-01-01T00:00:00+02:00'), sent + 60_000)
  assert.ok(Math.abs((await stamp('dismissed', '1970-01-01T00:00:00Z')) - sent) < 10_000)
  world.clock.set(sent + 31 * 86_400_000)
  assert.deepEqual(await world.report([anna!, 'acted']), { status: 200, known: 0, unknown: 1 })
})

test('what is no token of ours is answered, counted, and changes nothing', async t => {
  await using world = await setup('anna', 'ben')
  const { anna } = await world.push()
  const folder = tracesFolder()
  const naughty = folder
    ? (JSON.parse(await readFile(path.join(folder, 'blns.json'), 'utf8')) as string[])
    : ['<script>', '\0', "'; drop table batches; --"]
  if (!folder) t.diagnostic('without the recorded list of naughty strings')
  const bytes = Buffer.from(anna!, 'base64url')
  bytes.writeUInt16BE(bytes.readUInt16BE(17) ^ 1, 17)
  const bens = bytes.toString('base64url')
  const tokens = [...naughty, bens, anna!.slice(0, -1), anna!.slice(1), `${anna}A`, 'x'.repeat(20_000), '']
  const before = await everyRow(world.db)
  for (let at = 0; at < tokens.length; at += 50) {
    const some = tokens.slice(at, at + 50)
    const answer = await world.report(...some.map(token => [token, 'opened'] as [string, string]))
    assert.deepEqual(answer, { status: 200, known: 0, unknown: some.length })
  }
  assert.deepEqual(await everyRow(world.db), before)
  const metrics = await world.deps.metrics.text()
  assert.match(metrics, new RegExp(`receipts_total\\{event="opened",result="unknown"\\} ${tokens.length}\\n`))
})

test('a wrong body is refused with all its problems, a long one at once, and neither changes anything', async () => {
  await using world = await setup('anna')
  const { anna } = await world.push()
  const before = await everyRow(world.db)
  const at = '2026-11-21T12:00:00Z'
  const cases: [unknown, number, string[]][] = [
    [{}, 400, ['#/receipts']],
    [{ receipts: [] }, 400, ['#/receipts']],
    [{ receipts: Array.from({ length: 101 }, () => ({ token: anna, event: 'opened', at })) }, 400, ['#/receipts']],
    [
      { receipts: [{ token: 7, event: 'liked', at: 'noon', user: 'ben' }, { event: 'opened' }], all: true },
      400,
      [
        ...['#/all', '#/receipts/0/at', '#/receipts/0/event', '#/receipts/0/token', '#/receipts/0/user'],
        ...['#/receipts/1/at', '#/receipts/1/token'],
      ],
    ],
    [{ receipts: [{ token: 'x'.repeat(40_000), event: 'opened', at }] }, 413, []],
  ]
  for (const [body, status, pointers] of cases) {
    const response = await world.post(JSON.stringify(body))
    const { errors = [] } = (await response.json()) as { errors?: { pointer: string }[] }
    assert.deepEqual([response.status, errors.map(one => one.pointer).sort()], [status, pointers])
  }
  assert.equal((await world.post('{"receipts"')).status, 400)
  assert.equal((await world.post('receipts', { 'content-type': 'text/plain' })).status, 415)
  assert.deepEqual(await everyRow(world.db), before)
})

test('a page of any origin may report, with no rights but the token', async () => {
  await using world = await setup('anna')
  const { anna } = await world.push()
  const url = new URL('/v1/receipts', world.url)
  const preflight = await fetch(url, {
    method: 'OPTIONS',
    headers: { origin: 'https://app.example', 'access-control-request-method': 'POST' },
  })
  assert.equal(preflight.status, 204)
  const said = Object.fromEntries(preflight.headers)
  assert.equal(said['access-control-allow-origin'], '*')
  assert.equal(said['access-control-allow-headers'], 'content-type')
  assert.equal(said['access-control-allow-credentials'], undefined)
  const refused = await world.post('{}')
  assert.equal(refused.headers.get('access-control-allow-origin'), '*')
  assert.equal((await world.report([anna!, 'shown'])).status, 200)
  assert.equal((await fetch(url)).status, 405)
})

test('an address that floods is asked to come later', async () => {
  await using world = await setup()
  const said: Response[] = []
  // No more at once than a machine that is busy takes connections.
  while (said.length <= 1_000) said.push(...(await Promise.all(Array.from({ length: 100 }, () => world.post('{}')))))
  assert.deepEqual(new Set(said.map(response => response.status)), new Set([400, 429]))
  const late = said.find(response => response.status === 429)!
  assert.match(late.headers.get('retry-after')!, /^[1-9]\d*$/)
})

/** What a browser keeps for an origin. */
const cache = () => {
  let kept: WaitingReceipt[] = []
  return { load: async () => kept, save: async (receipts: WaitingReceipt[]) => void (kept = receipts) }
}

test('the module for browsers says what became of a push, keeps what it cannot say, and loses nothing of two at once', async () => {
  await using world = await setup('anna', 'ben')
  const { anna, ben } = await world.push()
  const store = cache()
  const online = createReceipts({ url: world.url, store })
  await Promise.all([online.shown({ receipt: anna! }), online.opened({ receipt: anna! }), online.shown(undefined)])
  assert.deepEqual(await store.load(), [])
  assert.deepEqual(await world.told(), ['anna delivered', 'anna opened', 'anna seen'])

  const offline = createReceipts({ url: 'http://127.0.0.1:9', store })
  await Promise.all([offline.shown({ receipt: ben! }), offline.dismissed({ receipt: ben! })])
  assert.deepEqual(
    (await store.load()).map(({ event }) => event),
    ['shown', 'dismissed'],
  )
  await online.flush()
  assert.deepEqual(await store.load(), [])
  assert.deepEqual(
    (await world.told()).filter(line => line.startsWith('ben')),
    ['ben delivered', 'ben dismissed', 'ben seen'],
  )
})

test('what a page and its service worker report at the same moment is both kept', async () => {
  let kept: WaitingReceipt[] = []
  const store = {
    load: async () => {
      const found = kept
      await new Promise(setImmediate)
      return found
    },
    save: async (receipts: WaitingReceipt[]) => void (kept = receipts),
  }
  const [page, worker] = [1, 2].map(() => createReceipts({ url: 'http://127.0.0.1:9', store }))
  await Promise.all([page!.opened({ receipt: 'a' }), worker!.shown({ receipt: 'b' })])
  assert.deepEqual(kept.map(({ token, event }) => `${token} ${event}`).toSorted(), ['a opened', 'b shown'])
})

test('the module for browsers says much in lots, gives up what is refused as wrong, and keeps what may be taken later', async () => {
  await using world = await setup('anna')
  const { anna } = await world.push()
  const store = cache()
  const at = new Date(world.clock.now()).toISOString()
  const many = (token: string): WaitingReceipt[] => Array.from({ length: 250 }, () => ({ token, event: 'acted', at }))
  await store.save(many(anna!))
  const module = createReceipts({ url: world.url, store })
  await module.flush()
  assert.deepEqual([await store.load(), await world.engaged()], [[], ['anna acted greeting.answered']])
  await store.save([{ token: anna!, event: 'acted', at: 'no time' }])
  await module.flush()
  assert.deepEqual(await store.load(), [])

  await store.save(many(anna!))
  for (const status of [404, 429, 503, 202]) {
    await using busy = createHttp({ log: world.deps.log, metrics: world.deps.metrics, bodyLimitBytes: 1024 * 1024 })
    busy.post('/bell/v1/receipts', async (_request, reply) => reply.code(status).send())
    const root = await listen(busy, { port: 0, host: '127.0.0.1' })
    await createReceipts({ url: `${root}/bell/`, store }).flush()
    assert.equal((await store.load()).length, status === 202 ? 0 : 250)
  }
})

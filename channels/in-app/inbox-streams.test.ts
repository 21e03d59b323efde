import assert from 'node:assert/strict'
import { IncomingMessage, ServerResponse } from 'node:http'
import { connect, Socket } from 'node:net'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { InboxChanges } from '#contracts/inbox.ts'
import { manualClock } from '#runtime/clock.ts'
import { createInbox, inboxMessage, itemId } from './inbox.fixture.ts'

type Inbox = Awaited<ReturnType<typeof createInbox>>
type Event = { id?: string; event?: string; data?: string; retry?: string }

/** Reads a stream as the specification says, comments left out. */
async function listen(
  inbox: Inbox,
  recipient: string,
  { last, at = inbox.url, token, query = '' }: { last?: number; at?: string; token?: string; query?: string } = {},
) {
  const abort = new AbortController()
  const response = await fetch(`${at}/v1/me/inbox/stream${query}`, {
    headers: {
      authorization: `Bearer ${token ?? (await inbox.tokenOf(recipient))}`,
      ...(last !== undefined && { 'last-event-id': String(last) }),
    },
    signal: abort.signal,
  })
  const events = eventsOf(response)
  const next = async (): Promise<Event | undefined> => (await events.next()).value ?? undefined
  return {
    status: response.status,
    next,
    changes: async (): Promise<InboxChanges> => JSON.parse((await next())!.data!) as InboxChanges,
    [Symbol.dispose]: () => abort.abort(),
  }
}

async function* eventsOf(response: Response): AsyncGenerator<Event, undefined> {
  let rest = ''
  for await (const part of response.body!.pipeThrough(new TextDecoderStream())) {
    const blocks = (rest + part).split('\n\n')
    rest = blocks.pop()!
    for (const block of blocks) {
      const fields = block
        .split('\n')
        .flatMap(line => (line.startsWith(':') ? [] : [line.split(/: (.*)/s).slice(0, 2)]))
      if (fields.length > 0) yield Object.fromEntries(fields) as Event
    }
  }
  return undefined
}

async function until(fact: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + 60_000
  while (!(await fact())) {
    assert.ok(performance.now() < end, 'it does not become so')
    await sleep(10)
  }
}

test('what comes and changes is streamed to whom it is of, from any process, without a hint as well', async () => {
  await using inbox = await createInbox()
  await using other = await inbox.serve()
  using anna = await listen(inbox, 'anna')
  using annaToo = await listen(inbox, 'anna', { at: other.url })
  using ben = await listen(inbox, 'ben')
  await inbox.put([inboxMessage('anna', 'a')])
  for (const stream of [anna, annaToo]) {
    const { number, items, gone, counts } = await stream.changes()
    assert.deepEqual([number, items[0]!.id, gone, counts], [1, itemId('anna', 'a'), [], { unseen: 1, unread: 1 }])
  }
  await inbox.ask('anna', '/marks', { at: other.url, body: { what: 'read', all: true } })
  for (const stream of [anna, annaToo]) {
    const { number, items, counts } = await stream.changes()
    assert.deepEqual([number, items[0]!.read, counts], [2, true, { unseen: 0, unread: 0 }])
  }
  await inbox.db.query(`update inbox_people set last = 3 where recipient = 'anna'`)
  await inbox.db.query(`insert into inbox_changes (recipient, number, deliveries) values ('anna', 3, '{gone}')`)
  assert.deepEqual((await anna.changes()).gone, ['gone'], 'nobody told of it, and it is found')
  await inbox.put([inboxMessage('ben', 'b')])
  assert.equal((await ben.changes()).number, 1, 'the first that ben hears is his own')
})

test('a stream in a tenant tells of what is told there and in none, by the same numbers', async () => {
  await using inbox = await createInbox()
  await inbox.put([inboxMessage('anna', 'a', { tenant: 'bolt' }), inboxMessage('anna', 'b', { tenant: 'acme' })])
  using acme = await listen(inbox, 'anna', { last: 0, token: await inbox.tokenOf('anna', { tenant: 'acme' }) })
  using named = await listen(inbox, 'anna', { last: 0, query: '?tenant=acme' })
  using all = await listen(inbox, 'anna', { last: 0 })
  const told = ({ number, items, counts }: InboxChanges) => [
    number,
    items.map(item => item.title).join(),
    counts.unread,
  ]
  for (const [stream, first] of [
    [acme, [2, 'b', 1]],
    [named, [2, 'b', 1]],
    [all, [2, 'a,b', 2]],
  ] as const)
    assert.deepEqual(told(await stream.changes()), first)
  await inbox.put([inboxMessage('anna', 'c', { tenant: 'bolt' })])
  assert.deepEqual(told(await acme.changes()), [3, '', 1], 'that something happened, and nothing of it')
  assert.deepEqual(told(await all.changes()), [3, 'c', 3])
  await inbox.put([inboxMessage('anna', 'd')])
  for (const stream of [acme, all]) assert.equal((await stream.changes()).items[0]!.title, 'd')
})

test('a stream goes on after the last id that somebody has; a made-up one begins anew', async () => {
  await using inbox = await createInbox()
  for (const key of ['a', 'b', 'c']) await inbox.put([inboxMessage('anna', key)])
  using one = await listen(inbox, 'anna', { last: 1 })
  assert.deepEqual((await one.changes()).items.map(item => item.title).toSorted(), ['b', 'c'])
  using far = await listen(inbox, 'anna', { last: 999 })
  assert.deepEqual(await far.next(), { id: '3', event: 'reset', data: '{}' })
  using nobody = await listen(inbox, 'nobody', { last: 3 })
  assert.deepEqual(await nobody.next(), { id: '0', event: 'reset', data: '{}' })
  await inbox.put(Array.from({ length: 150 }, (_, n) => inboxMessage('anna', `more ${n}`)))
  using behind = await listen(inbox, 'anna', { last: 3 })
  assert.deepEqual(await behind.next(), { id: '153', event: 'reset', data: '{}' }, 'too much to be told')
  await inbox.put([inboxMessage('anna', 'd')])
  assert.equal((await behind.changes()).items[0]!.title, 'd')
  await inbox.put(Array.from({ length: 10 }, (_, n) => inboxMessage('anna', `long ${n}`, { body: 'x'.repeat(40_000) })))
  assert.deepEqual(await behind.next(), { id: '164', event: 'reset', data: '{}' }, 'too long to be told')
  using none = await listen(inbox, 'anna', { token: 'nonsense' })
  assert.equal(none.status, 401)
})

test('a stream ends with its token, and says so', async () => {
  const clock = manualClock(Date.now())
  await using inbox = await createInbox({ clock })
  using stream = await listen(inbox, 'anna', { token: await inbox.tokenOf('anna', { lifeS: 60 }) })
  using longer = await listen(inbox, 'anna')
  clock.set(clock.now() + 61_000)
  assert.deepEqual(await stream.next(), { event: 'expired', data: '{}' })
  assert.equal(await stream.next(), undefined)
  await until(() => inbox.streams.size() === 1)
  await inbox.put([inboxMessage('anna', 'a')])
  assert.equal((await longer.changes()).number, 1)
})

test('a person has ten streams and no more; the end of the process ends them, and says when to come again', async () => {
  await using inbox = await createInbox()
  const other = await inbox.serve()
  const streams = await Promise.all(Array.from({ length: 10 }, () => listen(inbox, 'anna', { at: other.url })))
  const refused = await listen(inbox, 'anna', { at: other.url })
  assert.equal(refused.status, 429)
  const [first, ...rest] = streams
  first![Symbol.dispose]()
  await until(() => other.streams.size() === 9)
  using again = await listen(inbox, 'anna', { at: other.url })
  assert.equal(again.status, 200)
  await other[Symbol.asyncDispose]()
  for (const stream of [...rest, again]) {
    const { retry } = (await stream.next())!
    assert.ok(Number(retry) >= 1_000 && Number(retry) <= 6_000)
    assert.equal(await stream.next(), undefined)
  }
})

test('who is gone before the stream begins takes up no place', async () => {
  await using inbox = await createInbox()
  const response = new ServerResponse(new IncomingMessage(new Socket()))
  response.destroy()
  inbox.streams.open({ recipient: 'anna', expiresAt: Date.now() + 60_000, number: 0, since: 0, response })
  assert.equal(inbox.streams.size(), 0)
})

test('who does not take in what is sent is cut off, and nobody else is', async () => {
  await using inbox = await createInbox()
  const { hostname, port } = new URL(inbox.url)
  const slow = connect({ host: hostname, port: Number(port) })
  slow.on('error', () => {})
  slow.write(
    `GET /v1/me/inbox/stream HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${await inbox.tokenOf('anna')}\r\n\r\n`,
  )
  slow.pause()
  using quick = await listen(inbox, 'anna')
  await until(() => inbox.streams.size() === 2)
  const body = 'x'.repeat(12_000)
  for (let n = 0; inbox.streams.size() > 1; n++) {
    assert.ok(n < 1_000, 'it is never cut off')
    await inbox.put(Array.from({ length: 5 }, (_, at) => inboxMessage('anna', `${n}/${at}`, { body })))
    assert.ok((await quick.changes()).items.length > 0)
  }
  slow.destroy()
})

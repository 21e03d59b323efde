import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { createTestNotifier } from '../sdk/test-notifier.ts'
import { readTrace, traceAsk, traceCatalogue, type TraceEvent } from './traces.ts'

let folder: string
before(async () => void (folder = await mkdtemp(path.join(tmpdir(), 'carillon-traces-'))))
after(() => rm(folder, { recursive: true }))

const event = (id: string, recipients: [string, string][]) => ({
  id,
  ts: '2015-01-01T00:00:06Z',
  type: 'github.IssuesEvent.opened',
  actor: 'a',
  recipients: recipients.map(([user, reason]) => ({ user, reason })),
  thread: 't1',
})

async function write(name: string, lines: unknown[]): Promise<string> {
  const text = lines.map(line => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n')
  const file = path.join(folder, name)
  await writeFile(file, name.endsWith('.gz') ? gzipSync(text) : text)
  return file
}

async function all(events: AsyncIterable<TraceEvent>): Promise<TraceEvent[]> {
  const read = []
  for await (const one of events) read.push(one)
  return read
}

test('a trace is read the same, packed or not', async () => {
  const lines = [
    event('1', [['u1', 'author']]),
    event('2', [
      ['u1', 'mention'],
      ['u2', 'owner'],
    ]),
  ] // prettier
  const plain = await all(readTrace(await write('a.ndjson', lines)))
  assert.deepEqual(plain, await all(readTrace(await write('a.ndjson.gz', lines))))
  assert.deepEqual(plain[1], {
    key: '2',
    event: 'github.IssuesEvent.opened',
    occurredAt: Date.UTC(2015, 0, 1, 0, 0, 6),
    actor: 'a',
    to: [
      { id: 'u1', reason: 'mention' },
      { id: 'u2', reason: 'owner' },
    ],
    thread: 't1',
  })
})

test('only the recipients of one reason, and no event without them', async () => {
  const file = await write('b.ndjson', [
    event('1', [['u1', 'author']]),
    event('2', [
      ['u1', 'mention'],
      ['u2', 'owner'],
    ]),
  ])
  const read = await all(readTrace(file, { onlyReason: 'mention' }))
  assert.deepEqual(
    read.map(({ key, to }) => [key, to]),
    [['2', [{ id: 'u1', reason: 'mention' }]]],
  )
})

test('a line that is no event is named by its number', async () => {
  const broken = await write('c.ndjson', [event('1', [['u1', 'dm']]), '{"id":'])
  await assert.rejects(all(readTrace(broken)), /c\.ndjson:2 is not JSON/)
  const wrong = await write('d.ndjson.gz', [{ ...event('1', []), ts: 'yesterday' }])
  await assert.rejects(all(readTrace(wrong)), /d\.ndjson\.gz:1 is not an event/)
})

test('a file that is not there fails at once', async () => {
  await assert.rejects(all(readTrace(path.join(folder, 'missing.ndjson.gz'))), { code: 'ENOENT' })
})

test('the policies of a replay become its one type', () => {
  const type = traceCatalogue({ dedupe: '60s', throttle: { limit: 10, per: '1h' } }).types.get('trace.event')!
  assert.equal(type.dedupe?.within, '60s')
  assert.equal(type.dedupe?.key({} as never, { thread: 't1' }), 't1')
  assert.equal(type.throttle?.limit, 10)
  assert.equal(traceCatalogue().types.get('trace.event')!.dedupe, undefined)
})

test('an event of a trace is said in its own time and order', async () => {
  const file = await write('e.ndjson', [event('1', [['u1', 'author']])])
  const notifier = createTestNotifier(traceCatalogue())
  await notifier.notifyMany((await all(readTrace(file))).map(traceAsk))
  const [intent] = notifier.intents
  assert.equal(intent!.occurredAt, Date.UTC(2015, 0, 1, 0, 0, 6))
  assert.deepEqual([intent!.actor, intent!.thread, intent!.key], ['a', 't1', '1'])
})

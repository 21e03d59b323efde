import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { FileHandle } from 'node:fs/promises'
import { appendFile, open, readFile, readdir, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { test } from 'node:test'
import { status } from '@grpc/grpc-js'
import { temporaryFolder } from '#tests/temporary-folder.ts'
import type { StoredMessage } from './journal-records.ts'
import { unplace } from './journal-records.ts'
import { Journal } from './journal.ts'
import { limits } from './limits.ts'
import { encodePublishTime, parsePublished, seal } from './message.ts'

test('what was appended is there after opening again: messages with their holders, the last configuration, the number', async () => {
  await using folder = await temporaryFolder()
  {
    await using journal = await openJournal(folder.path)
    await journal.appendConfig('"first"')
    await Promise.all([
      journal.appendMessages([makeMessage(1, [7]), makeMessage(2, [7, 8])], 2),
      journal.appendConfig('"second"'),
      journal.appendMessages([makeMessage(3, [])], 3),
      journal.appendAcks(7, [1, 2]),
    ])
  }
  for (const _again of [1, 2]) {
    const { journal, recovered } = await Journal.open(folder.path)
    assert.equal(recovered.configJson, '"second"')
    assert.equal(recovered.lastNumber, 3)
    assert.deepEqual(
      recovered.messages.map(({ number, holders, orderingKey }) => ({ number, holders, orderingKey })),
      [{ number: 2, holders: [8], orderingKey: 'key' }],
    )
    assert.deepEqual(recovered.messages[0]?.body, makeMessage(2, []).body)
    await journal[Symbol.asyncDispose]()
  }
})

for (const [what, damage] of Object.entries({
  'cut in the middle of a record': (path: string, size: number) => truncate(path, size - 5),
  'cut in the middle of a length': (path: string, size: number) => truncate(path, size - 60 + 2),
  'followed by noise': (path: string) => appendFile(path, Buffer.alloc(1_000, 0xa7)),
  'followed by zeros': (path: string) => appendFile(path, Buffer.alloc(1_000)),
  'with a flipped bit at the end': async (path: string) => {
    const file = await readFile(path)
    file[file.length - 1]! ^= 1
    await writeFile(path, file)
  },
})) {
  test(`a journal ${what} opens with what is whole, says so, and can be written again`, async () => {
    await using folder = await temporaryFolder()
    {
      await using journal = await openJournal(folder.path)
      await journal.appendMessages([makeMessage(1, [7])], 1)
      await journal.appendMessages([makeMessage(2, [7])], 2)
    }
    const path = await lastFile(folder.path)
    await damage(path, (await stat(path)).size)
    const warned = once(process, 'warning')
    {
      const { journal, recovered } = await Journal.open(folder.path)
      await using _journal = journal
      assert.equal(recovered.messages[0]?.number, 1)
      await journal.appendMessages([makeMessage(9, [7])], 9)
    }
    assert.match(String((await warned)[0]), /half-written record/)
    const { journal, recovered } = await Journal.open(folder.path)
    await using _journal = journal
    const numbers = recovered.messages.map(({ number }) => number)
    assert.deepEqual(
      numbers.filter(number => number !== 2),
      [1, 9],
    )
  })
}

for (const failing of ['write', 'datasync'] as const) {
  test(`a disk whose ${failing} fails refuses, and what it took is not in the way later`, async t => {
    await using folder = await temporaryFolder()
    {
      await using journal = await openJournal(folder.path)
      await journal.appendMessages([makeMessage(1, [7])], 1)
      const broken = await breakDisk(t, failing, await lastFile(folder.path))
      const refused = { code: status.UNAVAILABLE, details: /cannot write its journal: ENOSPC/ }
      const two = [2, 3].map(number => journal.appendMessages([makeMessage(number, [7])], number))
      await Promise.all(two.map(each => assert.rejects(each, refused)))
      broken.mock.restore()
      await journal.appendMessages([makeMessage(4, [7])], 4)
    }
    const { journal, recovered } = await Journal.open(folder.path)
    await using _journal = journal
    const numbers = recovered.messages.map(({ number }) => number)
    assert.deepEqual(numbers, [1, 4])
  })
}

test('damage before the last file is an error that names the place', async () => {
  await using folder = await temporaryFolder()
  await (await openJournal(folder.path))[Symbol.asyncDispose]()
  {
    await using journal = await openJournal(folder.path)
    await journal.appendMessages([makeMessage(1, [7])], 1)
  }
  const path = await lastFile(folder.path)
  await (await openJournal(folder.path))[Symbol.asyncDispose]()
  const file = await readFile(path)
  file[file.length - 1]! ^= 1
  await writeFile(path, file)
  await assert.rejects(Journal.open(folder.path), /damaged at byte \d+\. Restore it, or move the folder away/)
})

test('a journal of a later format is refused', async () => {
  await using folder = await temporaryFolder()
  const { encodeRecord } = await import('./journal-records.ts')
  const later = encodeRecord({ kind: 'format', version: 99, lastNumber: 0 })
  await writeFile(join(folder.path, '00000001.journal'), later)
  await assert.rejects(Journal.open(folder.path), /has format 99; this server reads 1/)
})

test('the folder stays small while messages come and go, and keeps the few that stay', async () => {
  await using folder = await temporaryFolder()
  const stay: StoredMessage[] = []
  let most = 0
  {
    await using journal = await openJournal(folder.path)
    await journal.appendConfig('"kept"')
    for (let round = 0; round < 40; round += 1) {
      const messages = Array.from({ length: 100 }, (_, index) => makeMessage(round * 100 + index + 1, [7], 50_000))
      await journal.appendMessages(messages, messages.at(-1)!.number)
      stay.push(messages[0]!)
      const gone = messages.slice(1)
      gone.forEach(unplace)
      await journal.appendAcks(
        7,
        gone.map(({ number }) => number),
      )
      most = Math.max(most, await sizeOf(folder.path))
    }
  }
  const written = 40 * 100 * 50_000
  const alive = 40 * 50_000
  assert.ok(written > 190_000_000)
  assert.ok(most < 2 * alive + limits.journalWasteBytes + 2 * limits.segmentBytes, `${most} bytes`)
  const { journal, recovered } = await Journal.open(folder.path)
  await using _journal = journal
  assert.deepEqual(
    recovered.messages.map(({ number }) => number),
    stay.map(({ number }) => number),
  )
  assert.deepEqual(recovered.messages.at(-1)?.body, stay.at(-1)?.body)
  assert.equal(recovered.configJson, '"kept"')
  assert.equal(recovered.lastNumber, 4_000)
})

test('opening cleans what is mostly acknowledged', async () => {
  await using folder = await temporaryFolder()
  {
    await using journal = await openJournal(folder.path)
    const messages = Array.from({ length: 200 }, (_, index) => makeMessage(index + 1, [7], 50_000))
    await journal.appendMessages(messages, 200)
    await journal.appendAcks(
      7,
      messages.slice(0, -1).map(({ number }) => number),
    )
  }
  assert.ok((await sizeOf(folder.path)) > 9_000_000)
  const { journal, recovered } = await Journal.open(folder.path)
  await using _journal = journal
  assert.deepEqual(
    recovered.messages.map(({ number }) => number),
    [200],
  )
  assert.ok((await sizeOf(folder.path)) < 200_000)
})

async function lastFile(dir: string): Promise<string> {
  return join(dir, (await readdir(dir)).sort().at(-1)!)
}

async function openJournal(dir: string): Promise<Journal> {
  return (await Journal.open(dir)).journal
}

function makeMessage(number: number, holders: number[], bytes = 20): StoredMessage {
  const length = Buffer.from([
    0x0a,
    (bytes % 128) + 128,
    (Math.floor(bytes / 128) % 128) | 128,
    Math.floor(bytes / 16_384),
  ])
  const raw = Buffer.concat([length, Buffer.alloc(bytes, number % 256), Buffer.from('\x2a\x03key')])
  const { content, orderingKey } = parsePublished(raw)
  const body = seal(content, number, encodePublishTime(1_700_000_000_123))
  return { number, body, orderingKey, holders, segment: undefined }
}

type Broken = { mock: { restore: () => void } }

/** A write takes half of what it is given, then fails; a datasync fails after the write. */
async function breakDisk(t: TestContext, failing: 'write' | 'datasync', path: string): Promise<Broken> {
  const handle = await open(path)
  const prototype = Object.getPrototypeOf(handle) as FileHandle
  await handle.close()
  return t.mock.method(prototype, failing, async (bytes?: Buffer) => {
    if (bytes) await appendFile(path, bytes.subarray(0, bytes.length / 2))
    throw new Error('ENOSPC: no space left on device')
  })
}

async function sizeOf(dir: string): Promise<number> {
  const sizes = (await readdir(dir)).map(async name => (await stat(join(dir, name))).size)
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0)
}

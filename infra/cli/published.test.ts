import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { test } from 'node:test'
import { temporaryFolder } from '#tests/temporary-folder.ts'
import { readPublished } from './published.ts'

const day = 86_400_000
const now = 100 * day
const line = (intent: string, at: number) =>
  JSON.stringify({ at, intent, recipients: ['u1'], audiences: [], contacts: 0 })

async function read(text: string): Promise<string[]> {
  await using folder = await temporaryFolder()
  const file = path.join(folder.path, 'log.ndjson')
  await writeFile(file, text)
  return (await Array.fromAsync(readPublished(file, now))).map(({ intent }) => intent)
}

test('a line that a killed process left half written is passed over, and so is what the ledger has forgotten', async () => {
  const lines = [line('a', now - 35 * day), line('b', now - 32 * day), line('c', now).slice(0, 30), '', line('d', now)]
  assert.deepEqual(await read(lines.join('\n')), ['b', 'd'])
})

test('what is no line of a log is refused with its place', async () => {
  for (const wrong of ['hello', '{"intent":"a"}', '[1]'])
    await assert.rejects(read(`${line('a', now)}\n${wrong}\n`), /log.ndjson:2 is no line of a publisher's log/)
})

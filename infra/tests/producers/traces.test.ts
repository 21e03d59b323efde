import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { readTrace } from '#producers/examples/traces.ts'
import { tracesFolder } from '../servers.ts'

const folder = tracesFolder()

test('the reader sees every recipient of the real traces', { skip: !folder && 'the traces are not here' }, async () => {
  const expected = JSON.parse(readFileSync(path.join(folder!, 'expected-counts.json'), 'utf8')) as Record<
    string,
    Record<string, number>
  >
  for (const name of ['github-2h', 'college-dm']) {
    const file = path.join(folder!, `${name}.ndjson.gz`)
    const counts = { all: 0, mention: 0, threads: new Set<string>(), people: new Set<string>() }
    for await (const { to, thread, actor } of readTrace(file)) {
      counts.all += to.length
      for (const { id } of to) {
        // A router drops the actor and counts somebody named twice once; the counts hold only if neither occurs.
        assert.notEqual(id, actor)
        counts.people.add(id)
        counts.threads.add(`${id} ${thread}`)
      }
      assert.equal(new Set(to.map(({ id }) => id)).size, to.length)
    }
    for await (const { to } of readTrace(file, { onlyReason: 'mention' })) counts.mention += to.length
    assert.equal(counts.all, expected[name]!['recipient_notifications'])
    assert.equal(counts.mention, expected[name]!['only mention'])
    assert.equal(counts.people.size, expected[name]!['distinct_(workspace,user)'])
    assert.equal(counts.threads.size, expected[name]!['distinct_(workspace,user,thread)'])
  }
})

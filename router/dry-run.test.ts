import assert from 'node:assert/strict'
import { test } from 'node:test'
import { catalogueOf } from '#contracts/catalogue.ts'
import { lanes } from '#contracts/channel.ts'
import type { Intent } from '#contracts/intent.ts'
import { createLog } from '#runtime/log.ts'
import { decide, type Question } from './decide.ts'
import { endpoint, entry, everybody, intent, night, noon, quiet, stopped, windowed } from './decide.fixture.ts'
import { expandPage } from './expand.ts'
import { noWindows } from './policies/windows.ts'
import { decisionsIn, emptyLedger, intentOf, routeAt, typeOf } from './routing.fixture.ts'

const dry = { ...intent, dryRun: true }
const rows: { name: string; ask: Partial<Question>; expect: string[] }[] = [
  {
    name: 'what would be sent or held says so; what is refused anyway ends as it would',
    ask: {
      ...{
        at: night,
        intent: { ...dry, occurredAt: night },
        entry: { ...entry, deliver: [...entry.deliver, { channel: 'sms' }] },
      },
      person: { ...everybody, quiet, endpoints: [endpoint('push', 'fcm'), endpoint('in_app', 'inbox')] },
    },
    expect: ['in_app dry_run deliver', 'push dry_run quiet_hours', 'email no_endpoint email', 'sms no_endpoint sms'],
  },
  {
    name: 'its schedule and stops are told, not waited for',
    ask: { intent: { ...dry, sendAt: noon + 1 } },
    expect: ['in_app dry_run scheduled', 'push dry_run scheduled', 'email dry_run scheduled'],
  },
  {
    name: 'a stop that drops is told as what it is',
    ask: { intent: dry, stops: [stopped('type', entry.type, 'drop')] },
    expect: ['in_app killed', 'push killed', 'email killed'],
  },
]

for (const { name, ask, expect } of rows)
  test(`dry run: ${name}`, () => {
    const question: Question = { intent, entry, person: everybody, windows: undefined, at: noon, ...ask }
    const found = decide(question).map(({ channel, verdict }) => {
      assert.equal(verdict.kind, 'refused')
      return `${channel} ${verdict.kind === 'refused' && verdict.outcome} ${verdict.why.value}`
    })
    assert.deepEqual(
      found.map((line, at) => line.slice(0, expect[at]!.length)),
      expect,
    )
  })

test('a dry run leaves its windows and digests as they are', () => {
  const windows = noWindows()
  const digests = new Map()
  const digest = { ...windowed, digest: { every: '1h' } } as const
  const question: Question = { intent: dry, entry: digest, person: everybody, windows, digests, at: noon }
  decide(question)
  assert.deepEqual([windows, digests.size], [noWindows(), 0])
  decide({ ...question, intent })
  assert.notDeepEqual(windows, noWindows())
  assert.equal(digests.size, 1)
})

test('of a dry run nothing is kept but what was decided: people and members told of are counted, what comes next passes', async () => {
  await using ledger = await emptyLedger()
  const { db } = ledger
  const now = Date.now()
  const types = [
    typeOf('comment.created', {
      dedupe: { key: () => 'k', within: '1h' },
      digest: { every: '1h', channels: ['in_app'], sendFirst: true },
    }),
  ]
  await db.query(`insert into audience_members (audience, recipient) values ('all', 'ben'), ('all', 'cleo')`)
  const to: Intent['to'] = [
    { kind: 'recipient', id: 'anna' },
    { kind: 'audience', audience: 'all' },
  ]
  const expandAll = async () => {
    const log = createLog({ role: 'test', write: () => {} })
    while (
      await expandPage({
        ...{ db, lanes, catalogue: catalogueOf('1', types), log, sources: [], now },
        trustEventTime: false,
      })
    );
  }
  const said = { type: 'comment.created', to, occurredAt: now }
  const first = intentOf(said)
  await routeAt(now, [intentOf({ ...said, occurredAt: now - 1, dryRun: true, supersedes: first.key }), first], {
    db,
    types,
  })
  await expandAll()
  assert.deepEqual((await decisionsIn(db)).toSorted(), [
    ...['anna deliver', 'anna dry_run', 'ben deliver', 'ben dry_run', 'cleo deliver', 'cleo dry_run'],
  ])
  assert.deepEqual(await db.query('select id from retractions'), [])
  await routeAt(now + 1, [intentOf({ ...said, to: [to[0]!], dryRun: true })], { db, types })
  assert.equal((await decisionsIn(db)).at(-1), 'anna deduplicated', 'it sees what others used up')
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { storePacks } from '#analytics/event-store.ts'
import { dayOf, type IntentId, intentId, madeAt, newBatchId } from '#contracts/ids.ts'
import { ensurePartitions } from '#db/partitions.ts'
import { refuseMessages } from '#ledger/admit.ts'
import { readActs } from '#ledger/operator-log.ts'
import { openQuarantines } from '#ledger/quarantine.ts'
import { readPresence, readWatermarks } from '#preferences/preferences.ts'
import { putEndpoint } from '#preferences/recipient-store.ts'
import { type Database, migrate, openPostgres } from '#runtime/postgres.ts'
import { decidedPack, intentFacts } from '../analytics/packs.fixture.ts'
import { startProgram } from '../program.ts'
import { testDatabase } from '../servers.ts'

const limits = { timeout: 300_000 }

/** The program, asked of a database that has nothing in it but the schema. */
async function setup() {
  await using opened = new AsyncDisposableStack()
  const { url } = opened.use(await testDatabase())
  const db: Database = opened.use(await openPostgres({ url, connectionsMax: 2, name: 'test' }))
  await migrate(db)
  const running = opened.move()
  return {
    ...{ db, url },
    /** Runs a command; gives its exit code and what it printed, on stderr if it failed. */
    run: async (...args: string[]) => {
      await using program = startProgram(args, { DATABASE_URL: url })
      const code = await program.ended
      return [code, code === 0 ? program.out : program.err] as const
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

test('what a person read, did and is doing is said from the command line', limits, async () => {
  await using world = await setup()
  const { db, run } = world
  const at = new Date(Date.now() - 60_000).toISOString()
  const soon = new Date(Date.now() + 3_600_000).toISOString()

  assert.deepEqual(await run('read', 'ann', '--thread', 't1', '--up-to', at), [0, `ann has read t1 up to ${at}\n`])
  assert.deepEqual(await readWatermarks(db, [{ recipient: 'ann', thread: 't1' }]), [Date.parse(at)])
  assert.deepEqual(await run('presence', 'ann', '--until', soon), [0, `ann is active until ${soon}\n`])
  assert.deepEqual(await readPresence(db, ['ann']), new Map([['ann', Date.parse(soon)]]))
  assert.deepEqual(await run('track', 'ann', 'invite.accepted', '--key', 'docs/a/b'), [
    0,
    'ann: invite.accepted of docs/a/b\n',
  ])
  const engaged = await db.query<{ intent_id: IntentId; event: string }>('select intent_id, event from engagements')
  assert.deepEqual(engaged, [{ intent_id: intentId({ producer: 'docs', key: 'a/b' }), event: 'invite.accepted' }])

  for (const [wrong, said] of [
    [['presence', 'ann', '--until', 'never'], /^carillon presence: --until: .+ now\b.*\n$/],
    [['track', 'ann', 'something.else'], /^carillon track: .*invite\.accepted.*\n$/],
  ] as const) {
    const [code, err] = await run(...wrong)
    assert.equal(code, 2, err)
    assert.match(err, said)
  }
})

test('an intent is retracted from the command line before it has come', limits, async () => {
  await using world = await setup()
  const [code, out] = await world.run('retract', 'docs', 'comment-1')
  assert.equal(code, 0, out)
  assert.equal(out, 'docs/comment-1 is retracted: 0 cancelled, 0 removed unseen, 0 removed seen, 0 too late\n')
  const rows = await world.db.query('select id from retractions')
  assert.deepEqual(rows, [{ id: intentId({ producer: 'docs', key: 'comment-1' }) }])
})

test('what a person prefers and what a tenant sets are shown and changed from the command line', limits, async () => {
  await using world = await setup()
  const { run } = world
  const patch = { levels: { room: { r1: { level: 'none' } } }, quiet: 'none', zone: 'Asia/Kolkata' }
  const [code, out] = await run('preferences', 'ann', '--set', JSON.stringify(patch))
  assert.equal(code, 0, out)
  const { quietHours, ...own } = JSON.parse(out)
  assert.deepEqual(own, { ...patch, categories: {}, threads: {}, cadence: {} })
  assert.deepEqual([quietHours.rule, quietHours.windows], ['own', []])
  assert.deepEqual(await run('preferences', 'ann', '--set', '{"zone": "Mars", "colour": 1}'), [
    2,
    'carillon preferences: --set colour: is none of categories, threads, paused, levels, cadence, quiet, zone, locale; --set zone: zone must be an IANA time zone, like Europe/Berlin\n',
  ])
  const tenant = { zone: 'Europe/Berlin', quiet: { start: '22:00', end: '08:00' }, quietLocked: true }
  const [, shown] = await run('tenant', 'acme', '--set', JSON.stringify(tenant))
  assert.deepEqual(JSON.parse(shown), tenant)
  assert.deepEqual(await run('tenant', 'acme', '--set', '{zone'), [2, 'carillon tenant: --set must be JSON\n'])
})

test('what is held for its volume, and what was refused, goes on or ends from the command line', limits, async () => {
  await using world = await setup()
  const { db, run } = world
  const of = { type: 'login.code', producer: 'auth' }
  const held = { ...of, recipients: 6_000, more: false, guard: 'volume', most: 9, volume: 12_000 } as const
  await openQuarantines(
    db,
    ['a', 'b'].map(key => ({ ...held, intent: intentId({ producer: 'auth', key }) })),
  )
  const refused = { messageId: '1', lane: 'default', reason: 'unknown' } as const
  await refuseMessages(db, [{ ...refused, problems: ['it is new'], message: Buffer.from('{}') }], Date.now())
  const why = ['--why', 'a test'] as const
  const blast = (act: string, who: string) =>
    run('quarantine', act, '--type', of.type, '--producer', of.producer, '--as', who, ...why)
  const readmit = (...args: string[]) => run('refused', 'readmit', ...args, '--as', 'ada')

  const wrong = await Promise.all([
    run('quarantine', 'release', '--type', of.type, ...why),
    run('quarantine', 'sample', '--type', of.type, '--producer', of.producer, ...why),
    readmit('nowhere/1', ...why),
    readmit('default/1'),
  ])
  const said = [
    /^carillon quarantine: say /,
    /^carillon quarantine: say /,
    /: name one message as /,
    /: say why, in 1 to 500/,
  ]
  wrong.forEach(([code, err], at) => {
    assert.equal(code, 2, err)
    assert.match(err, said[at]!)
    assert.equal(err.trim().split('\n').length, 1, err)
  })
  const listed = JSON.parse((await run('quarantine', 'list', '--json'))[1]) as {
    quarantines: { intent: string }[]
    blasts: { since: string }[]
  }
  const blasts = [{ ...of, intents: 2, recipients: 12_000, volume: 12_000, most: 9, since: listed.blasts[0]?.since }]
  assert.deepEqual([listed.quarantines.length, listed.blasts], [2, blasts])
  const [[needed, asks], [unknown]] = await Promise.all([blast('release', 'ada'), readmit('default/2', ...why)])
  assert.deepEqual([needed, unknown], [1, 1])
  assert.match(asks, /somebody else must agree/)
  const approved = 'eve approves what somebody else does next with 2 intents of login.code of auth\n'
  assert.deepEqual(await blast('approve', 'eve'), [0, approved])
  const [released, twice] = await Promise.all([
    blast('release', 'ada'),
    Promise.all([readmit('default/1', ...why), readmit('default/1', ...why)]),
  ])
  assert.deepEqual(released, [0, '2 intents of login.code of auth go on, and what comes in the next hour passes\n'])
  const [done, again] = twice.toSorted(([a], [b]) => a! - b!)
  assert.deepEqual(done, [0, 'default/1 goes back to its topic within seconds, if a router runs\n'])
  assert.deepEqual([again![0], again![1].endsWith('goes that way once\n')], [1, true])
  const nothing = 'carillon quarantine: nothing of login.code of auth is held for its volume\n'
  assert.deepEqual(await blast('discard', 'ada'), [1, nothing])
  assert.deepEqual((await readActs(db, { limit: 9 })).map(act => `${act.who} ${act.what}`).toSorted(), [
    'ada quarantine release',
    'ada refused readmit',
    'eve quarantine approve',
  ])
})

test('an id is taken in whatever case it was copied in, and only where it can be one', limits, async () => {
  await using world = await setup()
  const { db, run } = world
  const intent = intentId({ producer: 'docs', key: 'k' })
  const held = { type: 'news', producer: 'docs', recipients: 9, more: false, guard: 'recipients', most: 4 } as const
  await openQuarantines(db, [{ ...held, intent, volume: 0 }])
  const capitals = intent.toUpperCase()
  const why = ['--why', 'a test'] as const
  assert.deepEqual(
    await Promise.all([
      run('quarantine', 'discard', capitals, ...why),
      run('requeue', newBatchId().toUpperCase(), ...why),
      run('requeue', intent, ...why),
      run('quarantine', 'discard', 'k', ...why),
    ]),
    [
      [0, `${capitals} is discarded: nobody who is held for it is told\n`],
      [1, 'carillon requeue: nothing there waits that may be sent\n'],
      [2, 'carillon requeue: name one batch by its id, or --lane critical|default|bulk\n'],
      [2, 'carillon quarantine: name one intent: its id, or producer/key\n'],
    ],
  )
})

test('a catalogue is checked against what was stored of the one before', limits, async () => {
  await using world = await setup()
  const { db, run } = world
  const [stored, out] = await run('catalogue', 'store')
  assert.equal(stored, 0, out)
  const [fine, said] = await run('catalogue', 'check')
  assert.equal(fine, 0, said)
  assert.match(said, /^catalogue \d+: \d+ types, \d+ texts, compared with \d+ stored schemas; 0 problems\n$/)

  const before = { type: 'object', properties: { old: { type: 'string' } }, required: [] }
  await db.query(`update catalogue_schemas set schema = $1, since = now() - interval '40 days' where type = $2`, [
    ...[JSON.stringify(before), 'comment.created'],
  ])
  await db.query(`insert into catalogue_schemas (type, catalogue, schema) values ('some.thing', '1', '{}')`)
  await using program = startProgram(['catalogue', 'check', '--json'], { DATABASE_URL: world.url })
  assert.equal(await program.ended, 1)
  const { problems } = JSON.parse(program.out) as { problems: { type: string; field?: string; problem: string }[] }
  assert.deepEqual(
    problems.filter(({ field }) => field === undefined || field === 'data.old').map(one => [one.type, one.problem]),
    [
      ['comment.created', 'was removed: breaks what was stated by catalogue 2'],
      ['some.thing', 'is gone since catalogue 1: what is under way of it would wait for ever'],
      ['comment.created', 'nothing of it was stated for 30 days'],
    ],
  )
  assert.deepEqual(
    [(await run('catalogue', 'store'))[0], (await run('catalogue', 'check', '--unused', '60d'))[0]],
    [0, 0],
    'what is stored anew is what counts',
  )
  assert.equal((await run('catalogue', 'burn'))[0], 2)
})

test('a trace takes ids in whatever case, and says in a line what does not go together', limits, async () => {
  await using world = await setup()
  const { db, run } = world
  const made = newBatchId()
  const of = { day: dayOf(made), at: madeAt(made), intents: [intentFacts('comment-1', { occurredAt: madeAt(made) })] }
  await ensurePartitions(db, { from: of.day, days: 1 })
  await storePacks(db, [decidedPack(['ann', 'bob'], of)])
  const { id } = of.intents[0]!
  const attempt = `${made}.0`
  const asked = await Promise.all([id, id.toUpperCase(), 'docs/comment-1'].map(subject => run('trace', subject)))
  for (const [code, out] of asked) assert.deepEqual([code, out], asked[0])
  assert.match(asked[0]![1], /ann · push[^]+bob · push/)
  await putEndpoint({ db, addressKey: 'key', now: Date.now() }, 'bob', {
    ...{ id: 'phone', channel: 'push', provider: 'fcm', address: 'token-of-a-phone-1234' },
  })
  const ofBob = (await run('trace', id.toUpperCase(), '--recipient', 'bob'))[1]
  assert.match(ofBob, /^(?![^]*\bann\b)[^]*bob · push[^]*\nendpoints of bob now\n.*\nphone +push +fcm +…1234 +active/)
  assert.match((await run('trace', 'ann'))[1], /\nendpoints of ann now\n.*\ninbox +in_app +inbox +active/)
  const unknown = `carillon trace: nothing is known of ${attempt.toUpperCase()}\n`
  assert.deepEqual(await run('trace', attempt.toUpperCase()), [1, unknown])

  for (const [args, said] of [
    [[id, '--since', '2h'], '--since goes with a person'],
    [['docs/comment-1', '--since', '2h'], '--since goes with a person'],
    [[attempt, '--since', '2h'], '--since goes with a person'],
    [[attempt, '--recipient', 'ann'], '--recipient goes with an intent'],
    [['ann', '--recipient', 'ann'], '--recipient goes with an intent'],
    [['a"b'], 'name one intent (its id, or producer/key), one person or one delivery (batch.slot)'],
  ] as const)
    assert.deepEqual(await run('trace', ...args), [2, `carillon trace: ${said}\n`])
  assert.deepEqual(
    (await readActs(db, { limit: 20 })).map(({ about }) => JSON.stringify(about)).toSorted(),
    [
      ...[{ delivery: attempt }, { intent: 'docs/comment-1' }, { intent: id }, { intent: id }],
      ...[{ intent: id, recipient: 'bob' }, { recipient: 'ann' }],
    ]
      .map(about => JSON.stringify(about))
      .toSorted(),
    'ids as they are stored; what is not asked is no look',
  )
})

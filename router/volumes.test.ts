import assert from 'node:assert/strict'
import { test } from 'node:test'
import { purgeVolumes } from '#ledger/purge.ts'
import { addVolumes, passVolume, volumePeriodMs } from '#ledger/volumes.ts'
import { createLog } from '#runtime/log.ts'
import type { Database } from '#runtime/postgres.ts'
import { until } from '#tests/program.ts'
import { emptyLedger, typeOf } from './routing.fixture.ts'
import { startVolumes, supposedBlast, type Volumes } from './volumes.ts'

const entry = typeOf('login.code', { maxRecipients: 10 })
const of = { type: 'login.code', producer: 'auth' }
const noon = Date.parse('2026-11-21T12:00:00Z')
const log = createLog({ role: 'test', write: () => {} })

/** Of what is not known yet there may be 100. */
const volumeFloor = 10

async function start(db: Database): Promise<Volumes> {
  const volumes = startVolumes({ db, log, clock: { now: () => noon }, volumeFloor })
  await volumes.known()
  return volumes
}
const weigh = (volumes: Volumes, n: number, intent = of) => {
  const weighing = volumes.weighing()
  return { blast: weighing.weigh(intent, { n, entry, at: noon }), keep: () => weighing.keep() }
}
/** Ten minutes in which something passed, the latest first. */
const history = (db: Database, passed: readonly number[]) =>
  addVolumes(
    db,
    '00000000-0000-8000-8000-000000000001',
    passed.map((n, ago) => ({ ...of, period: noon - (ago + 2) * volumePeriodMs, passed: n, held: 0 })),
  )

test('what a set has counted is kept when it is committed, and known to others, and after a restart', async () => {
  await using ledger = await emptyLedger()
  const { db } = ledger
  {
    await using one = await start(db)
    await using two = await start(db)
    weigh(one, 60)
    const told = weigh(one, 60)
    assert.equal(told.blast, undefined, 'a set that was rolled back has told nobody')
    told.keep()
    assert.deepEqual(weigh(one, 60).blast, { volume: 120, limit: 100 }, 'in one process at once')
    await until(() => weigh(two, 60).blast !== undefined)
  }
  await using later = await start(db)
  assert.deepEqual(weigh(later, 60).blast, { volume: 120, limit: 100 })
  assert.equal(weigh(later, 60, { ...of, producer: 'docs' }).blast, undefined, 'of another producer nothing is known')
  assert.deepEqual(await db.query('select sum(passed)::int as passed, sum(held)::int as held from volumes'), [
    { passed: 60, held: 0 },
  ])
})

test('ten times the 99th percentile of what passed may pass, and what an operator lets pass', async () => {
  await using ledger = await emptyLedger()
  const { db } = ledger
  // Of 100 periods one was a blast: it is not what is usual.
  await history(db, [50_000, ...Array.from({ length: 99 }, () => 40)])
  await using volumes = await start(db)
  assert.equal(weigh(volumes, 400).blast, undefined)
  assert.deepEqual(weigh(volumes, 401).blast, { volume: 401, limit: 400 })
  const asked = { intent: of, entry, at: noon }
  assert.deepEqual(await supposedBlast({ db, volumeFloor }, { ...asked, n: 401 }), { volume: 401, limit: 400 })
  await passVolume(db, { ...of, until: noon + 1 })
  await until(() => weigh(volumes, 401).blast === undefined)
  assert.equal(await supposedBlast({ db, volumeFloor }, { ...asked, n: 401 }), undefined)

  assert.equal(await purgeVolumes(db, { before: noon - 50 * volumePeriodMs }), false)
  const [left] = await db.query<{ n: number }>('select count(*)::int as n from volumes')
  assert.equal(left!.n, 49)
})

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { migrate, openPostgres } from '#runtime/postgres.ts'
import { openRedisScripts } from '#runtime/redis.ts'
import { testDatabase, testRedisUrl } from '#tests/servers.ts'
import { type Buckets, postgresBuckets, redisBuckets } from './bucket-store.ts'
import { type Ask, askOf, type Bucket, reserve } from './bucket.ts'

type Store = AsyncDisposable & {
  buckets: Buckets
  put(key: string, bucket: Bucket): Promise<void>
  /** By the store's clock, with what it has. */
  look(key: string): Promise<{ now: number; bucket: Bucket | undefined }>
  lose(key: string): Promise<void>
}

async function postgres(): Promise<Store> {
  await using opened = new AsyncDisposableStack()
  const database = opened.use(await testDatabase())
  const db = opened.use(await openPostgres({ url: database.url, connectionsMax: 8, name: 'test' }))
  await migrate(db)
  const running = opened.move()
  return {
    buckets: postgresBuckets(db),
    put: async (key, { freeAt, rampFrom }) => {
      const sql =
        'insert into pace_buckets values ($1, $2, $3) on conflict (key) do update set free_at = $2, ramp_from = $3'
      await db.query(sql, [key, freeAt, rampFrom])
    },
    look: async key => {
      const [row] = await db.query<{ now: number; free_at: number | null; ramp_from: number | null }>(
        `select extract(epoch from clock_timestamp())::float8 * 1000 as now, free_at, ramp_from
         from (select 1) one left join pace_buckets on key = $1`,
        [key],
      )
      const { now, free_at: freeAt, ramp_from: rampFrom } = row!
      return { now, bucket: freeAt === null ? undefined : { freeAt, rampFrom: rampFrom! } }
    },
    lose: async key => void (await db.query('delete from pace_buckets where key = $1', [key])),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

async function redis(url: string): Promise<Store> {
  const prefix = `test-${randomBytes(6).toString('hex')}`
  const scripts = await openRedisScripts(url, () => {})
  const client = new Redis(url)
  const keyOf = (key: string) => `${prefix}:pace:${key}`
  return {
    buckets: redisBuckets(scripts, prefix),
    put: async (key, bucket) => void (await client.hset(keyOf(key), bucket)),
    look: async key => {
      const [s, us] = (await client.time()) as unknown as [string, string]
      const { freeAt, rampFrom } = await client.hgetall(keyOf(key))
      const now = Number(s) * 1000 + Number(us) / 1000
      return { now, bucket: freeAt === undefined ? undefined : { freeAt: Number(freeAt), rampFrom: Number(rampFrom) } }
    },
    lose: async key => void (await client.del(keyOf(key))),
    [Symbol.asyncDispose]: async () => {
      client.disconnect()
      await scripts[Symbol.asyncDispose]()
    },
  }
}

const redisUrl = await testRedisUrl()
const stores: [name: string, open: () => Promise<Store>][] = [['PostgreSQL', postgres]]
if (redisUrl !== undefined) stores.push(['Redis', () => redis(redisUrl)])

const limit = { units: 1_250, perMs: 1_000, rampMs: 60_000 }
const ask = (lane: 'critical' | 'bulk', most: number, least = 1): Ask => askOf(limit, { lane, least, most })
/** Buckets as they were left, relative to now. */
const left: [what: string, bucket: Bucket | undefined, ask: Ask][] = [
  ['missing', undefined, ask('critical', 10)],
  ['idle for long', { freeAt: -600_000, rampFrom: -900_000 }, ask('critical', 10)],
  ['free, half way up', { freeAt: -5_000, rampFrom: -30_000 }, ask('critical', 200)],
  ['free, all the way up', { freeAt: -5_000, rampFrom: -90_000 }, ask('bulk', 200)],
  ['given away for a while', { freeAt: 400, rampFrom: -90_000 }, ask('critical', 10)],
  ['given away for a while, for bulk', { freeAt: 400, rampFrom: -90_000 }, ask('bulk', 10)],
  ['of a clock that was put back', { freeAt: 9_000_000, rampFrom: 8_000_000 }, ask('critical', 10)],
  ['asked for one dear message', { freeAt: -10, rampFrom: -90_000 }, ask('bulk', 900, 900)],
]
/** The store's clock moves on between being asked what time it is and being asked for a turn; where it moved on by more, it is done again. */
const toleranceMs = 150

for (const [name, open] of stores) {
  test(`${name} gives turns as the rule does`, async () => {
    await using store = await open()
    for (const [what, bucket, asked] of left) {
      const { wanted, grant, kept } = await quickly(store, { what, bucket, asked })
      assert.deepEqual(Object.keys(grant).sort(), Object.keys(wanted.grant).sort(), what)
      for (const [key, value] of Object.entries(wanted.grant))
        assert.ok(
          Math.abs((grant as Record<string, number>)[key]! - value) < Math.max(toleranceMs, value * 0.02),
          `${what}: ${key} is ${JSON.stringify(grant)}, not ${value}`,
        )
      for (const key of ['freeAt', 'rampFrom'] as const)
        assert.ok(Math.abs(kept.bucket![key] - wanted.bucket[key]) < toleranceMs, `${what}: ${key}`)
    }
  })

  test(`${name}: of many who ask at once each has a turn of its own, and a lost bucket allows no more`, async () => {
    await using store = await open()
    const key = 'shared'
    const flat = { units: 2_500, perMs: 1_000 }
    const asked = askOf(flat, { lane: 'critical', least: 1, most: 100 })
    const turns: { fromMs: number; toMs: number }[] = []
    // Begun as late and ended as early as it may have been: what is left of a turn was surely its time.
    const sure = () => turns.filter(({ fromMs, toMs }) => fromMs < toMs).toSorted((a, b) => a.fromMs - b.fromMs)
    const worker = async () => {
      // On a busy machine few are sure.
      for (let n = 0; n < 12 || sure().length <= 5; n++) {
        const beforeMs = performance.now()
        const grant = await store.buckets.reserve(key, asked)
        const afterMs = performance.now()
        if ('waitMs' in grant) await sleep(Math.min(grant.waitMs, 200))
        else {
          const { startInMs, units, perSecond } = grant
          turns.push({ fromMs: afterMs + startInMs, toMs: beforeMs + startInMs + (units * 1000) / perSecond })
        }
        if (n === 6) await store.lose(key)
      }
    }
    await Promise.all(Array.from({ length: 8 }, worker))
    const [first, ...others] = sure()
    let before = first!
    for (const turn of others) {
      assert.ok(turn.fromMs >= before.toMs, `${turn.fromMs} is before ${before.toMs}`)
      before = turn
    }
  })
}

type Left = { what: string; bucket: Bucket | undefined; asked: Ask }

/** What is asked of a bucket that was left so, what the rule gives at that time, and what the bucket was afterwards. */
async function quickly(store: Store, { what, bucket, asked }: Left) {
  for (let n = 0; ; n++) {
    const key = `${what} ${n}`
    const { now } = await store.look(key)
    const before = bucket && { freeAt: now + bucket.freeAt, rampFrom: now + bucket.rampFrom }
    if (before) await store.put(key, before)
    const grant = await store.buckets.reserve(key, asked)
    const kept = await store.look(key)
    if (kept.now - now < toleranceMs) return { wanted: reserve(before, asked, now), grant, kept }
  }
}

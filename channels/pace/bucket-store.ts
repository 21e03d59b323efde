import type { Queryable } from '#runtime/postgres.ts'
import type { RedisScripts } from '#runtime/redis.ts'
import type { Ask, Grant } from './bucket.ts'

/** Where the workers of an installation share their buckets. `reserve` of `bucket.ts`, at the store and by its clock. */
export type Buckets = {
  /** Rejects when the store is out of reach: nothing is given away then. */
  reserve(key: string, ask: Ask): Promise<Grant>
}

type Row = { ok: boolean; units: number; start_in: number; per_second: number }

/** Buckets in PostgreSQL: a row each, in a statement and a transaction of its own that writes no WAL and waits for no disk. */
export const postgresBuckets = (db: Queryable): Buckets => ({
  reserve: async (key, ask) => {
    const [row] = await db.query<Row>(statement, [key, ...numbersOf(ask)])
    const { ok, units, start_in: startInMs, per_second: perSecond } = row!
    return ok ? { units, startInMs, perSecond } : { waitMs: startInMs - ask.aheadMs }
  },
})

/** Buckets in Redis: a hash each, changed by one script. */
export const redisBuckets = (redis: RedisScripts, prefix: string): Buckets => ({
  reserve: async (key, ask) => {
    const said = (await redis.run(script, { key: `${prefix}:pace:${key}`, values: numbersOf(ask) })) as string[]
    const [ok, units, startInMs, perSecond] = said.map(Number) as [number, number, number, number]
    return ok === 1 ? { units, startInMs, perSecond } : { waitMs: startInMs - ask.aheadMs }
  },
})

const numbersOf = (ask: Ask): number[] => [
  ...[ask.least, ask.most, ask.perSecond, ask.aheadMs, ask.turnMs, ask.emptyMs, ask.rampMs, ask.rampFloor, ask.idleMs],
]

// `now` is read after the row is locked: a wait for the lock is no time that passed for nobody.
const statement = `
  with old as (select free_at, ramp_from from pace_buckets where key = $1 for update),
  clock as (select extract(epoch from clock_timestamp())::float8 * 1000 as now from (select count(*) from old) as locked),
  known as (
    select now, least(old.free_at, now + $7::float8) as free_at,
      case when now - old.free_at < $10::float8 then least(old.ramp_from, now) else now end as ramp_from
    from clock left join old on true),
  turn as (select *, greatest(now, free_at) as start_at from known),
  paced as (
    select *, $4::float8 * least(1, greatest($9::float8, (start_at - ramp_from) / $8::float8)) as per_second,
      start_at - now <= $5::float8 as ok from turn),
  granted as (
    select *, greatest($2::float8, least($3::float8, floor(per_second * $6::float8 / 1000))) as units from paced),
  saved as (
    insert into pace_buckets (key, free_at, ramp_from)
    select $1, case when ok then start_at + units * 1000 / per_second else free_at end, ramp_from from granted
    on conflict (key) do update set free_at = excluded.free_at, ramp_from = excluded.ramp_from)
  select ok, units, start_at - now as start_in, per_second from granted`

// Numbers are written out: Lua's own way keeps 14 digits.
const script = `
  local least, most, rate, ahead, turn, empty, ramp, floor, idle = unpack(ARGV)
  local time = redis.call('TIME')
  local now = time[1] * 1000 + time[2] / 1000
  local old = redis.call('HMGET', KEYS[1], 'freeAt', 'rampFrom')
  local freeAt, rampFrom = now + empty, now
  if old[1] then
    freeAt = math.min(tonumber(old[1]), now + empty)
    if now - tonumber(old[1]) < tonumber(idle) then rampFrom = math.min(tonumber(old[2]), now) end
  end
  local startAt = math.max(now, freeAt)
  local perSecond = rate * math.min(1, math.max(floor, (startAt - rampFrom) / ramp))
  local ok, units = 0, 0
  if startAt - now <= tonumber(ahead) then
    ok, units = 1, math.max(least, math.min(most, math.floor(perSecond * turn / 1000)))
    freeAt = startAt + units * 1000 / perSecond
  end
  redis.call('HSET', KEYS[1], 'freeAt', string.format('%.3f', freeAt), 'rampFrom', string.format('%.3f', rampFrom))
  redis.call('EXPIRE', KEYS[1], 604800)
  return { tostring(ok), tostring(units), string.format('%.6f', startAt - now), string.format('%.6f', perSecond) }`

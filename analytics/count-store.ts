import type { Queryable } from '#runtime/postgres.ts'
import type { Counted, Took } from './count.ts'
import { channelsTelling, durationGrowth, type Ordering, stages, type Unit } from './stages.ts'

/** What is counted: rows of `delivery_events` that `where` takes, folded into units, those that `having` takes. */
export type Counting = Ordering & {
  unit: Unit
  where: readonly string[]
  having: readonly string[]
  /** Of the placeholders in `where`, `having` and `groups`. */
  values: readonly unknown[]
  groups: readonly Group[]
  /** Counts how long each step took, too. */
  times?: boolean
}
/** `row`: the same for every event of a unit; `unit`: an aggregate over its events. Gives text. `end`: how it ended. */
export type Group = { of: 'row' | 'unit'; sql: string } | { of: 'end' }

/**
 * Folds a few events into units, by themselves and not by the hour, and counts how far each came: as `count.ts` does, which a test holds it to. Where the earliest event of every step is a way through, it is the
 * furthest one, and most are; the others are asked for again with all their events. Both must see one snapshot: give it a
 * transaction that is `repeatable read`.
 */
export async function countUnits(tx: Queryable, counting: Counting): Promise<{ counted: Counted[]; took: Took[] }> {
  if (counting.unit === 'recipient') return sorted(await tx.query<Row>(exactStatement(counting, ''), counting.values))
  const rows = await tx.query<Row>(fastStatement(counting), counting.values)
  const unclear = rows.flatMap(row => row.keys ?? [])
  const { counted, took } = sorted(rows.filter(row => row.keys === null))
  if (unclear.length === 0) return { counted, took }
  const again = await tx.query<Row>(exactStatement(counting, `$${counting.values.length + 1}`), [
    ...counting.values,
    JSON.stringify(unclear.map(([i, c, r]) => ({ i, c, r }))),
  ])
  const more = sorted(again)
  return { counted: [...counted, ...more.counted], took: [...took, ...more.took] }
}

type Row = Omit<Counted, 'groups'> & Took & { keys: [string, string, string][] | null }

function sorted(rows: readonly Row[]): { counted: Counted[]; took: Took[] } {
  return {
    counted: rows.filter(row => row.step === null || row.step === 0),
    took: rows.filter(row => row.step > 0 && row.bucket !== null),
  }
}

// Only a provider's answer closes or moves a delivery without a rule; what a rule closed was never sent, unless it is in
// doubt: then a call was made that nobody knows the answer of. What moved to another account was told so by an answer, unless
// the first was not to be called.
const called = `kind = 'settled' and (what = 'in_doubt' or rule = 'rerouted' and rule_value not like '% unfit' or rule is null
  and what in ('moved', 'sent', 'delivered', 'rejected', 'address_dead', 'suppressed_address', 'provider_exhausted'))`
export const accepted = `kind = 'settled' and what in ('sent', 'delivered')`
const deeds = (...what: string[]) => `kind = 'engaged' and what in (${what.map(one => `'${one}'`).join(', ')})`
const looked = deeds('seen', 'opened', 'read')

/** Which events are a step. One that says more says what comes before it, too: who opened it, saw it. */
export const steps: Record<(typeof stages)[number], string> = {
  intended: `kind = 'decided'`,
  decided: `kind = 'decided' and what = 'deliver'`,
  attempted: `(${called}) or ${accepted}`,
  accepted,
  delivered: `what = 'delivered' and kind in ('settled', 'standing') or ${looked}`,
  seen: looked,
  opened: deeds('opened', 'read'),
  acted: deeds('acted'),
}
const stepsOf = stages.map(stage => steps[stage])

const quoted = (names: readonly string[]) => names.map(name => `'${name}'`).join(', ')
const tells = (stage: 'delivered' | 'seen') => `channel in (${quoted(channelsTelling(stage))})`
/** Positions of the stages that some channels do not tell of, and the column that says whether the unit's do. */
const partly = new Map([
  [stages.indexOf('delivered'), 'tells_delivered'],
  [stages.indexOf('seen'), 'tells_seen'],
])
const told = `tells_delivered::int + 2 * tells_seen::int`

/** A text that sorts by time, in front of a fact: the greatest is the last. */
const stamp = `lpad((extract(epoch from at) * 1000)::bigint::text, 15, '0')`
/** What became of a unit, as aggregates over its events. */
const ends = [
  `min(what) filter (where ${accepted}) as accepted`,
  `bool_or(kind = 'settled' and what = 'moved') as moved`,
  `max(${stamp} || what) filter (where kind = 'settled' and what not in ('moved', 'sent', 'delivered')) as closed`,
  `max(${stamp} || what) filter (where kind = 'decided' and what <> 'deliver') as undelivered`,
  `max(${stamp} || rule) filter (where kind = 'decided' and what = 'held') as held`,
  `coalesce(bool_or(${deeds('machine_opened')}) and not bool_or(${deeds('opened', 'read')}), false) as machine`,
]
const acceptedAt = stages.indexOf('accepted')
const fate = `case when reached = 0 and t1 is null then substr(undelivered, 16)
  when accepted is null then coalesce(substr(closed, 16), case when moved then 'retrying' else 'queued' end)
  when reached < ${acceptedAt} then 'too_late' else accepted end`

const groupNames = (counting: Counting) => counting.groups.map((_, at) => `g${at}`)
const rowGroups = ({ groups }: Counting) => groups.flatMap((group, at) => (group.of === 'row' ? [`g${at}`] : []))

/** The inner query: one row for each unit, with `perStep` of the events of each step. */
function folded(counting: Counting, perStep: (condition: string, step: number) => string, from: string): string {
  const { unit, groups, where, having } = counting
  const ofUnit = unit === 'notification' ? ['intent_id', 'recipient', 'channel'] : ['recipient']
  const grouped = groups.map((group, at) => (group.of === 'end' ? `null::text as g${at}` : `${group.sql} as g${at}`))
  const telling = (['delivered', 'seen'] as const).map(stage => {
    const own = tells(stage)
    return `${unit === 'notification' ? own : `bool_or(${own})`} as tells_${stage}`
  })
  return `select ${[...ofUnit, ...grouped, ...telling, ...stepsOf.map(perStep), ...ends].join(',\n')}
    from ${from} where ${['true', ...where].join(' and ')}
    group by ${[...ofUnit, ...rowGroups(counting)].join(', ')}
    having ${[`bool_or(kind = 'decided')`, ...having].join(' and ')}`
}

const ms = (n: number) => `interval '${n} milliseconds'`

function fastStatement(counting: Counting): string {
  const { windowMs, graceMs } = counting
  const inner = folded(counting, (condition, at) => `min(at) filter (where ${condition}) as e${at}`, 'delivery_events')
  // A step that is not told of has no time, and `greatest` goes over it.
  const times = stages.map((_, at) => (partly.has(at) ? `case when ${partly.get(at)} then e${at} end` : `e${at}`))
  const until = (at: number) => `greatest(${Array.from({ length: at + 1 }, (_, n) => `t${n}`).join(', ')})`
  const failed = stages.slice(1).map((_, n) => {
    const at = n + 1
    const right = `t${at} >= ${until(at - 1)} - ${ms(graceMs)} and t${at} <= t0 + ${ms(windowMs)}`
    return `when ${partly.has(at) ? `${partly.get(at)} and ` : ''}(${right}) is not true then ${at - 1}`
  })
  const left = stages.slice(1).map((_, n) => `when ${n} then t${n + 1} is not null`)
  const moments = stages.map((_, at) => (at === 0 ? 't0' : until(at)))
  return `with units as (
      select *, ${moments.map((moment, at) => `${moment} as m${at}`).join(', ')} from (
        select *, case ${failed.join('\n')} else ${stages.length - 1} end as reached from (
          select *, ${times.map((time, at) => `${time} as t${at}`).join(', ')} from (${inner}) as folded
        ) as timed offset 0 -- else the planner writes how far it came into everything that asks for it
      ) as chained
    ), found as (
      select *, case reached ${left.join(' ')} else false end as unclear, ${fate} as fate from units
    )
    ${counted(counting, { keys: `jsonb_agg(jsonb_build_array(intent_id, channel, recipient)) filter (where unclear)` })}`
}

/** All events of each step, every beginning tried. `only`: the placeholder of the units that are asked for, or none. */
function exactStatement(counting: Counting, only: string): string {
  const { windowMs, graceMs } = counting
  const from = only
    ? `delivery_events join jsonb_to_recordset(${only}::jsonb) as u(i uuid, c text, r text)
        on (intent_id, channel, recipient) = (u.i, u.c, u.r)`
    : 'delivery_events'
  const inner = folded(counting, (condition, at) => `array_agg(at) filter (where ${condition}) as e${at}`, from)
  const chain = stages.slice(1).map((_, n) => {
    const at = n + 1
    const next = `case when min(x) is not null then greatest(min(x), m${n}) end`
    const taken = partly.has(at) ? `case when ${partly.get(at)} then ${next} else m${n} end` : next
    return `cross join lateral (select ${taken} as m${at} from unnest(e${at}) as x
      where x >= m${n} - ${ms(graceMs)} and x <= m0 + ${ms(windowMs)}) as s${at}`
  })
  const moments = stages.map((_, at) => `m${at}`).join(', ')
  return `with found as (
      select *, false as unclear, ${fate} as fate from (
        select folded.*, best.*, e1[1] as t1 from (${inner}) as folded cross join lateral (
          select ${moments}, num_nonnulls(${moments}) - 1 as reached from unnest(e0) as m0 ${chain.join('\n')}
          order by reached desc, m0 limit 1
        ) as best
      ) as chained
    )
    ${counted(counting, { keys: 'null::jsonb' })}`
}

/** The outer query: units that are alike, and, if asked for, how long each step took. */
function counted(counting: Counting, { keys }: { keys: string }): string {
  const names = groupNames(counting)
  const shown = counting.groups.map((group, at) => (group.of === 'end' ? `fate as g${at}` : `g${at}`))
  const alike = [...names, 'told', 'reached', 'fate', 'reason', 'machine', 'unclear']
  const buckets = stages.slice(1).map((_, n) => `b${n + 1}`)
  const bucketOf = (at: number) => {
    const took = `extract(epoch from m${at} - m${at - 1}) * 1000`
    const known = `not unclear and reached >= ${at}${partly.has(at) ? ` and ${partly.get(at)}` : ''}`
    return `case when ${known} then ceil(ln(greatest(${took}, 1)::float8) / ln(${durationGrowth}))::int end`
  }
  const inside = `select ${[...shown, `${told} as told`, 'reached', 'fate', `case when fate = 'held' then substr(held, 16) end as reason`, 'machine', 'unclear'].join(', ')}
    ${counting.unit === 'notification' ? ', intent_id, channel' : ''}, recipient
    ${counting.times ? `, ${buckets.map((name, n) => `${bucketOf(n + 1)} as ${name}`).join(', ')}` : ''} from found`
  const groups = `array[${names.join(', ')}]::text[] as groups`
  if (!counting.times)
    return `select ${groups}, told, reached, fate, reason, machine, count(*)::int as n, null::int as step, null::int as bucket, ${keys} as keys
      from (${inside}) as u group by ${alike.join(', ')}`
  const step = `case ${buckets.map((name, n) => `when grouping(${name}) = 0 then ${n + 1}`).join(' ')} else 0 end as step`
  const sets = [`(${alike.join(', ')})`, ...buckets.map(name => `(${[...names, name].join(', ')})`)]
  return `select ${groups}, told, reached, fate, reason, machine, count(*)::int as n, ${step},
      coalesce(${buckets.join(', ')}) as bucket, case when grouping(reached) = 0 then ${keys} end as keys
    from (${inside}) as u group by grouping sets (${sets.join(', ')})`
}

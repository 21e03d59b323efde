import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  type ByChannel,
  type Event,
  type Evidence,
  eventsSql,
  type Item,
  type Request,
  type Slot,
  slotsSql,
} from './oracle.ts'
import { funnel } from '#analytics/funnel-store.ts'
import type { Rig, Servers } from './rig.ts'
import type { Population } from './workload.ts'

const pollMs = 250
const logLimitMs = 60_000

/**
 * Waits until nothing is on its way, at most until `endMs` of the monotonic clock. Doubts are not waited for: their time is cut short, and they are
 * sent again. With `rolledUp` no hour is to be counted anew, either. Gives how many doubts there were, and what is still on its way.
 */
export async function settle(
  rig: Rig,
  { told, endMs, rolledUp = false }: { told: Evidence['told']; endMs: number; rolledUp?: boolean },
): Promise<{ doubts: number; left: Record<string, number> }> {
  let doubts = 0
  for (;;) {
    const cut = await rig.query<{ n: number }>(
      'update batches set due_at = now() where doubt and closed_at is null and due_at > now() returning n',
    )
    doubts += cut.reduce((sum, row) => sum + row.n, 0)
    const [counts] = await rig.query<Record<string, number>>(onItsWay, [[...told.keys()], rolledUp])
    const left = Object.fromEntries(Object.entries(counts!).filter(([, n]) => n > 0))
    if (Object.keys(left).length === 0 || performance.now() > endMs) return { doubts, left }
    await sleep(pollMs)
  }
}

const onItsWay = `select (select count(*)::int from batches where closed_at is null) as batches,
  (select count(*)::int from holds where released_at is null) as holds,
  (select count(*)::int from expansions where done_at is null) as expansions,
  (select count(*)::int from outbox) as packs,
  (select count(*)::int from batches b where provider <> '' and closed_at is not null
     and not exists (select from event_packs e where e.pack = b.id || '/settled')) as events,
  (select count(distinct (cohort, type))::int from rollup_marks where $2) as hours,
  (select count(*)::int from unnest($1::uuid[]) as t(id) where not exists (select from admitted a where a.id = t.id)) as intents`

export type Known = Pick<Evidence, 'told' | 'erased' | 'graceMs'> & {
  people: Population
  /** Lines of the simulators' log before the run. */
  linesBefore: number
  /** Whether all hours are counted by the job. */
  rolledUp?: boolean
}

/** Everything that the oracle looks at, read by plain means. */
export async function evidenceOf(
  rig: Rig,
  { people, linesBefore, rolledUp = false, ...known }: Known,
): Promise<Evidence> {
  return {
    ...known,
    slots: await rig.query<Slot>(slotsSql),
    events: await rig.query<Event>(eventsSql),
    counts: new Map([
      ['the events', await countedInEvents(rig)],
      ['the funnel', await countedBy(rig, 'raw')],
      ...(rolledUp ? [['the rollups', await countedBy(rig, 'rollup')] as const] : []),
    ]),
    requests: (await requestsOf(rig.servers)).slice(linesBefore),
    inbox: await rig.query<Item>('select intent_id::text as intent, recipient from inbox_items'),
    interrupted: rig.interrupted,
    owners: new Map(people.people.flatMap(({ id, endpoints }) => endpoints.map(({ address }) => [address, id]))),
  }
}

/** The funnel as analysts ask for it, by channel. */
async function countedBy(rig: Rig, source: 'raw' | 'rollup'): Promise<ByChannel> {
  const rows = await funnel(rig.installation.db, { by: 'channel', source })
  return new Map(rows.map(({ group, stages: { intended, accepted } }) => [group!, { intended, accepted }]))
}

/** The same by plain SQL, with no regard to order and time. */
async function countedInEvents(rig: Rig): Promise<ByChannel> {
  const rows = await rig.query<{ channel: string; intended: number; accepted: number }>(
    `select channel, count(distinct (intent_id, recipient)) filter (where kind = 'decided')::int as intended,
       count(distinct (intent_id, recipient)) filter (where kind = 'settled' and what in ('sent', 'delivered'))::int as accepted
     from delivery_events group by channel`,
  )
  return new Map(rows.map(({ channel, ...counts }) => [channel, counts]))
}

/** The simulators' log, once every message that they counted is in the file. Rejects where that does not come true. */
export async function requestsOf({ ports, simulatorLog }: Servers): Promise<Request[]> {
  for (const endMs = performance.now() + logLimitMs; ; await sleep(pollMs)) {
    const response = await fetch(`http://127.0.0.1:${ports.control}/counts`, { signal: AbortSignal.timeout(60_000) })
    const counts = (await response.json()) as Record<string, { messages: number }>
    const total = Object.values(counts).reduce((sum, one) => sum + one.messages, 0)
    const lines = (await readFile(simulatorLog, 'utf8')).split('\n')
    // What stands behind the last line break is not a whole line yet.
    if (lines.pop() === '' && lines.length === total) return lines.map(line => JSON.parse(line) as Request)
    if (performance.now() > endMs)
      throw new Error(`the simulators counted ${total} messages and logged ${lines.length}`)
  }
}

/** Some people leave, as the preferences store says it: the wish and its log in one transaction. When, by person. */
export async function erase(rig: Rig, ids: readonly string[]): Promise<Map<string, number>> {
  const rows = await rig.query<{ recipient: string }>(
    `with gone as (update recipients set erased_at = now() where id = any($1) returning id)
     insert into consent_log (at, recipient, kind, wish, source) select now(), id, 'erase', false, 'chaos' from gone returning recipient`,
    [ids],
  )
  return new Map(rows.map(({ recipient }) => [recipient, Date.now()]))
}

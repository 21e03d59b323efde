import { setTimeout as sleep } from 'node:timers/promises'
import { lanes } from '#contracts/channel.ts'
import { dayOf, newSetId } from '#contracts/ids.ts'
import type { LoggedRequest } from '#local/simulators/request-log.ts'
import type { Notifier } from '#producers/sdk/notifier.ts'
import { typeOf } from './catalogue.ts'
import { type Child, startChild } from './child.ts'
import { type Machine, startMachine } from './machine.ts'
import { bodyOf, nameOf, personAt, title } from './mix.ts'
import { seed } from './seed.ts'
import { notifierOf, publishFanouts } from './variants.ts'

/** Milliseconds from the call of `notify` until the provider has the request. */
export type Latency = { p50_ms: number; p99_ms: number; sent: number }
/** The critical lane while nothing else is to do, and while a backlog of the bulk lane drains. */
export type LatencyResult = { backlog: number; idle: Latency; draining: Latency; drained_per_s: number }

/** The critical lane's p99 beside a backlog is at most so many times that of the idle system. */
export const slowdownMax = 2
const perSecond = 20
const warmUpS = 5
const arriveWithinMs = 60_000
const pollMs = 200

/** Measures the critical lane in processes of its own, idle for so many seconds and then beside a backlog of bulk deliveries. */
export async function latency(
  { backlog, seconds }: { backlog: number; seconds: number },
  progress: (line: string) => void,
): Promise<LatencyResult> {
  await using machine = await startMachine()
  await seed(machine)
  await using opened = new AsyncDisposableStack()
  const { setup } = machine
  // Providers of its own: what the lanes share must be ours, not a simulator's core.
  const provider = opened.use(await startChild('simulators', { folder: setup.folder, keepRequests: 100_000 }))
  const start = async (part: 'router' | 'worker' | 'sink', more: Partial<typeof setup> = {}) =>
    opened.use(await startChild(part, { ...machine.setupFor(part), ...more }))
  await Promise.all([
    start('router', { lanes: ['critical'] }),
    start('worker', { lanes: ['critical'], ports: provider.ready.ports! }),
    start('sink'),
  ])
  const notifier = notifierOf(machine)
  opened.defer(() => notifier.close())
  const measure = (s: number) => measureCritical(s, { db: machine.db, notifier, provider })

  progress(`critical lane alone, ${seconds} s …`)
  await measure(warmUpS)
  const idle = await measure(seconds)
  progress(`p50 ${idle.p50_ms} ms, p99 ${idle.p99_ms} ms; stating ${backlog} bulk deliveries …`)
  const since = newSetId()
  await publishFanouts(notifier, backlog, { family: 'bulk' })
  await Promise.all([start('router', { lanes: ['bulk'] }), start('worker', { lanes: ['bulk'] })])
  while ((await deliveredSince(machine, since)) === 0) await sleep(100)
  progress(`critical lane beside it, ${seconds} s …`)
  const [from, begunMs] = [await deliveredSince(machine, since), performance.now()]
  const draining = await measure(seconds)
  const done = await deliveredSince(machine, since)
  if (done >= backlog) throw new Error(`the backlog was gone before the end: state more than ${backlog}`)
  const drainedPerS = Math.round((done - from) / ((performance.now() - begunMs) / 1000))
  return { backlog, idle, draining, drained_per_s: drainedPerS }
}

/** Bulk deliveries that are closed. */
async function deliveredSince({ db }: Machine, since: string): Promise<number> {
  const [row] = await db.query<{ n: string }>(
    `select coalesce(sum(n), 0) as n from batches where day >= $1 and id > $2 and closed_at is not null and lane = ${lanes.indexOf('bulk')}`,
    [dayOf(since), since],
  )
  return Number(row!.n)
}

let asked = 0

/** States critical intents at a steady rate, each to another person, and asks their provider when they came. */
async function measureCritical(
  seconds: number,
  { db, notifier, provider }: { db: Machine['db']; notifier: Notifier; provider: Child },
): Promise<Latency> {
  const first = asked
  const count = seconds * perSecond
  const people = Array.from({ length: count }, (_, i) => nameOf(personAt(first + i, 'fcm')))
  const begunNs: bigint[] = []
  const calls: Promise<unknown>[] = []
  const startMs = performance.now()
  for (const [i, person] of people.entries()) {
    await sleep(Math.max(0, startMs + (i * 1000) / perSecond - performance.now()))
    begunNs.push(process.hrtime.bigint())
    const options = { to: [person], key: `critical-${asked}`, data: { n: asked, title, body: bodyOf(asked) } }
    calls.push(notifier.notifyMany([{ type: typeOf('push', 'critical'), options }]))
    asked++
  }
  await Promise.all(calls)
  const addresses = await addressesOf(db, people)
  const arrivals = await arrivalsAt(provider, new Set(addresses))
  const ms = addresses.map((address, i) => Number(arrivals.get(address)! - begunNs[i]!) / 1e6).sort((a, b) => a - b)
  const at = (share: number) => Math.round(ms[Math.ceil(share * ms.length) - 1]! * 10) / 10
  return { p50_ms: at(0.5), p99_ms: at(0.99), sent: count }
}

async function addressesOf(db: Machine['db'], people: readonly string[]): Promise<string[]> {
  const rows = await db.query<{ id: string; address: string }>(
    `select id, endpoints::json -> 0 ->> 'address' as address from recipients where id = any($1)`,
    [people],
  )
  const addresses = new Map(rows.map(({ id, address }) => [id, address]))
  return people.map(person => addresses.get(person)!)
}

/** Waits for the first request to each address. Instants are of the machine's monotonic clock. */
async function arrivalsAt({ ready }: Child, addresses: ReadonlySet<string>): Promise<Map<string, bigint>> {
  const arrivals = new Map<string, bigint>()
  let after = 0
  for (const untilMs = performance.now() + arriveWithinMs; arrivals.size < addresses.size; await sleep(pollMs)) {
    if (performance.now() > untilMs) throw new Error(`${addresses.size - arrivals.size} critical sends never arrived`)
    const answer = await fetch(`http://127.0.0.1:${ready.ports!.control}/log?after=${after}`)
    const lines = (await answer.text()).split('\n').filter(line => line !== '')
    for (const { seq, provider, address, arrivedNs } of lines.map(line => JSON.parse(line) as LoggedRequest)) {
      after = seq
      if (provider === 'fcm' && addresses.has(address) && !arrivals.has(address))
        arrivals.set(address, BigInt(arrivedNs))
    }
  }
  return arrivals
}

import { startChild } from './child.ts'
import { heapFlags } from './audience.ts'
import { cpuOfTree, peakMemoryMb } from './cpu.ts'
import { type Machine, startMachine } from './machine.ts'
import { seed } from './seed.ts'
import { notifierOf, publishFanouts, until } from './variants.ts'

/** What the sink does alone with a backlog. `cpu_us`: of one event. */
export type DrainFigures = {
  events: number
  events_per_s: number
  /** Events that fan-out intents make in a second, while no sink takes anything from them. */
  fanout_per_s: number
  /** How often that goes into what the sink drains. */
  times_fanout: number
  cpu_us: { sink: number; postgres: number; pubsub: number }
  /** The most memory that the sink's process held until half of the backlog was stored, and until all was. */
  half_mb: number
  peak_mb: number
}

type Progress = (line: string) => void

/** It is to drain so much faster than events are made. */
export const timesFanoutMin = 3
const warmUp = 20_000
/** What is decided, and what became of it. */
const eventsOfNotification = 2

/**
 * Lets router and worker deliver fan-out intents while no sink runs: their events wait in Pub/Sub. Then a sink alone, in a process of
 * its own, stores them; its timer of rollups is part of it.
 */
export async function drainBacklog(wanted: number, progress: Progress): Promise<DrainFigures> {
  await using machine = await startMachine()
  await seed(machine)
  const notifications = Math.ceil(wanted / eventsOfNotification)
  const events = notifications * eventsOfNotification
  progress(`${number(events)} events are made by fan-out intents, while no sink runs …`)
  const fanoutPerS = await makeBacklog(machine, notifications, progress)
  const packs = await packsMade(machine)
  progress(`made at ${number(fanoutPerS)} a second, ${packs} packs; the sink starts …`)
  const drained = await drain(machine, { events, packs }, progress)
  const times = Math.round((drained.events_per_s / fanoutPerS) * 10) / 10
  return { events, fanout_per_s: fanoutPerS, times_fanout: times, ...drained }
}

/** Gives how many events were made in a second, without those of processes that are not warm yet. */
async function makeBacklog(machine: Machine, count: number, progress: Progress): Promise<number> {
  await using _router = await startChild('router', machine.setupFor('router'))
  await using _worker = await startChild('worker', machine.setupFor('worker'))
  const notifier = notifierOf(machine)
  const deliver = async (stated: number, soFar: number) => {
    await publishFanouts(notifier, stated, { family: 'plain' })
    const tell = inTenths(soFar, n => progress(`${number(n)} of ${number(count)} notifications delivered`))
    await until({ who: 'the pipeline', count: soFar }, async () => tell(await delivered(machine)))
  }
  try {
    const cold = Math.min(warmUp, Math.ceil(count / 2))
    await deliver(cold, cold)
    const begunMs = performance.now()
    await deliver(count - cold, count)
    return Math.round(((count - cold) * eventsOfNotification * 1000) / (performance.now() - begunMs))
  } finally {
    await notifier.close()
  }
}

/** At most all but one while something of what is told of them does not wait in Pub/Sub yet. */
async function delivered({ db }: Machine): Promise<number> {
  const [row] = await db.query<{ decided: string; open: string; told: boolean }>(
    `select (select coalesce(sum(delivering), 0) from sets) as decided,
       (select coalesce(sum(n), 0) from batches where closed_at is null) as open, not exists (select from outbox) as told`,
  )
  return Number(row!.decided) - Number(row!.open) - (row!.told ? 0 : 1)
}

/** Tells of a growing number whenever another tenth is reached; gives it back. */
function inTenths(count: number, tell: (n: number) => void): (n: number) => number {
  let told = 0
  return n => {
    if (n - told >= count / 10) tell((told = n))
    return n
  }
}

async function packsMade({ db }: Machine): Promise<number> {
  const [row] = await db.query<{ n: number }>(
    `select ((select count(*) from sets) + (select count(*) from batches))::int as n`,
  )
  return row!.n
}

async function drain(
  machine: Machine,
  { events, packs }: { events: number; packs: number },
  progress: Progress,
): Promise<Pick<DrainFigures, 'events_per_s' | 'cpu_us' | 'half_mb' | 'peak_mb'>> {
  const { db } = machine
  // What the pipeline wrote is not the sink's to write to disk.
  await db.query('checkpoint')
  await using sink = await startChild('sink', machine.setupFor('sink'), heapFlags)
  const cpu = async (): Promise<Record<string, number>> => ({ sink: cpuOfTree(sink.pid), ...(await machine.cpu()) })
  const stored = async () => {
    const [row] = await db.query<{ n: number }>('select count(*)::int as n from event_packs')
    return row!.n
  }
  const [before, from, begunMs] = [await cpu(), await stored(), performance.now()]
  const tell = inTenths(packs, n =>
    progress(`${number(n)} of ${number(packs)} packs stored, peak ${peakMemoryMb(sink.pid)} MB`),
  )
  let halfMb: number | undefined
  await until({ who: 'the sink', count: packs }, async () => {
    const now = await stored()
    if (now >= packs / 2) halfMb ??= peakMemoryMb(sink.pid)
    return tell(now)
  })
  const [seconds, after] = [(performance.now() - begunMs) / 1000, await cpu()]
  const [row] = await db.query<{ n: number }>('select count(*)::int as n from delivery_events')
  if (row!.n !== events) throw new Error(`${events} events were made, and ${row!.n} are stored`)
  const drained = events * (1 - from / packs)
  const us = (of: string) => Math.round(((after[of]! - before[of]!) / drained) * 10) / 10
  return {
    events_per_s: Math.round(drained / seconds),
    cpu_us: { sink: us('sink'), postgres: us('postgres'), pubsub: us('pub/sub server') },
    ...{ half_mb: halfMb!, peak_mb: peakMemoryMb(sink.pid) },
  }
}

const number = (value: number): string => value.toLocaleString('en')

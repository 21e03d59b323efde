import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { audit, type Audit, type Published } from '#ledger/audit.ts'
import { withDeadline } from '#runtime/deadline.ts'
import { dossierOf } from './dossier.ts'
import { erase, evidenceOf, settle } from './evidence.ts'
import { judge, type Verdict } from './oracle.ts'
import { openPublisher } from './publisher.ts'
import { type CrewRole, type Rig, type RigOptions, startRig, startServers } from './rig.ts'
import { population, randomFrom, workload } from './workload.ts'

/** Where a process is ended, and how often each. A run in which one was never reached proves nothing. */
export const points: Readonly<Record<string, CrewRole>> = {
  'after insert before commit': 'router',
  'after commit before ack': 'router',
  'after ack before enqueue': 'router',
  'after claim': 'worker',
  'after send before record': 'worker',
}

/** Shorter leases than in production: what a killed worker held is taken over sooner. */
export const shorterLeases = { leaseMs: 20_000, startWithinMs: 3_000, callMs: 8_000 }

export type ChaosOptions = Pick<RigOptions, 'limits'> & {
  queues: 'postgres' | 'redis'
  seed: number
  /** Published while the kills are waited for, the rest after the last one. */
  intents: number
  people: number
  killsPerPoint: number
  /** When hours are counted anew: while all happens, or not before everything was published. */
  rollups: 'throughout' | 'afterwards'
  /** Of each role. */
  processes: number
  /** Of the whole run, but for its start and its judgement. Nothing in it is limited apart: machines are slow at times. */
  limitMs: number
}
export type ChaosReport = {
  hits: Record<string, number>
  published: number
  /** What was still on its way when the time was over; and processes that no fault should have ended. */
  left: Record<string, number>
  fallen: string[]
  verdict: Verdict
  audit: Audit
  /** Doubts whose waiting time was cut short at the end. */
  doubts: number
  /** Rows and requests behind what is broken, and what the processes logged last. */
  dossier: string[]
}

const burstSize = 20
const burstPauseMs = 100
/** Intents that routers may be behind: a machine that is busy with other things is not buried. */
const behindMax = 500
const redisAwayMs = 10_000
const erasedCount = 10
const passesMax = 4
/** What was claimed in time may be sent so much later, by the limits of production. */
const graceDefaultMs = 25_000

/**
 * Publishes while routers and workers are killed at every point, the queue store is wiped, Postgres restarts (and Redis
 * is away for 10 s); then waits until all is done and every hour is counted, and lets the oracle and the pipeline's own audit judge. Undefined
 * where the queues' server is not installed.
 */
export async function runChaos(options: ChaosOptions): Promise<ChaosReport | undefined> {
  const { seed, limits, limitMs } = options
  await using servers = await startServers(options.queues)
  if (!servers) return undefined
  const people = population(options.people)
  await using rig = await startRig(servers, { limits, population: people })
  try {
    const work = workload(seed, people)
    await using publisher = openPublisher(rig)
    const { told } = publisher
    const burst = async () => {
      if (told.size - (await admittedBy(rig)) < behindMax)
        await publisher.publish(Array.from({ length: burstSize }, () => work.next().value))
      await sleep(burstPauseMs)
    }
    const endMs = performance.now() + limitMs
    if (options.rollups === 'throughout') await rig.startRollups()
    const { hits, erased } = await killEverywhere(rig, { ...options, burst, endMs })
    while (told.size < options.intents && performance.now() < endMs) await burst()
    if (options.rollups === 'afterwards') await rig.startRollups()
    const { doubts, left } = await settle(rig, { told, endMs, rolledUp: true })
    const graceMs = limits ? limits.startWithinMs + limits.callMs : graceDefaultMs
    const evidence = await evidenceOf(rig, { told, people, erased, graceMs, linesBefore: 0, rolledUp: true })
    const verdict = judge(evidence)
    const report = await audit(rig.installation.db, publishedIn(rig.publisherLog))
    const dossier = [...dossierOf(evidence, Object.values(verdict.broken).flat()), await rig.lastWords()]
    const fallen = rig.fallen()
    return { hits, published: told.size, left, fallen, verdict, audit: report, doubts, dossier }
  } catch (error) {
    console.error(await rig.lastWords())
    throw error
  }
}

async function admittedBy(rig: Rig): Promise<number> {
  const [row] = await rig.query<{ n: number }>('select count(*)::int as n from admitted')
  return row!.n
}

type Killing = ChaosOptions & { burst: () => Promise<void>; endMs: number }

async function killEverywhere(rig: Rig, { seed, processes, killsPerPoint, people, burst, endMs }: Killing) {
  const roles = (['router', 'worker'] as const).flatMap(role => Array.from({ length: processes }, () => role))
  await Promise.all(roles.map(role => rig.hire(role)))
  const random = randomFrom(seed)
  const erased = new Map<string, number>()
  const hits = Object.fromEntries(Object.keys(points).map(point => [point, 0]))
  const everyone = Array.from({ length: people }, (_, n) => `r${n}`)
  const kills = shuffled(
    Object.keys(points).flatMap(point => Array.from({ length: killsPerPoint }, () => point)),
    random,
  )
  const after = (share: number) => Math.floor(kills.length * share)
  const faults = new Map([
    [after(0.3), () => wipeQueues(rig)],
    [
      after(0.5),
      async () => {
        for (const [id, at] of await erase(rig, shuffled(everyone, random).slice(0, erasedCount))) erased.set(id, at)
      },
    ],
    [after(0.7), () => rig.restartPostgres()],
    [after(0.9), () => takeRedisAway(rig)],
  ])
  for (const [at, point] of kills.entries()) {
    await killAt(rig, { point, burst, random, endMs })
    hits[point]!++
    await faults.get(at)?.()
  }
  return { hits, erased }
}

type Kill = { point: string; burst: () => Promise<void>; random: () => number; endMs: number }

/** Publishes until a process of the crew stands at the point, ends it, and hires another without waiting for it. */
async function killAt(rig: Rig, { point, burst, random, endMs }: Kill): Promise<void> {
  const role = points[point]!
  const child = await rig.oneOf(role, random)
  let waiting = true
  const hit = child.reaches(point, Math.floor(random() * passesMax))
  const limit = { ms: Math.round(endMs - performance.now()), what: `a ${role} to stand at "${point}"` }
  const standing = withDeadline(hit, limit)
  standing.finally(() => (waiting = false)).catch(() => {})
  // At once: one that stands until its lease is over would be sent twice without having been lost.
  const dismissed = standing.then(() => rig.dismiss(child))
  dismissed.catch(() => {})
  while (waiting) await burst()
  await dismissed
  rig.hire(role).catch(() => {})
}

async function wipeQueues({ servers: { redis }, installation }: Rig): Promise<void> {
  if (redis) await flushAll(redis.url)
  else await installation.queues.flush()
}

async function takeRedisAway({ servers: { redis } }: Rig): Promise<void> {
  if (!redis) return
  await redis.stop()
  await sleep(redisAwayMs)
  await redis.start()
}

async function flushAll(url: string): Promise<void> {
  const client = new Redis(url)
  await client.flushall()
  client.disconnect()
}

async function* publishedIn(file: string): AsyncGenerator<Published> {
  for (const line of (await readFile(file, 'utf8')).trim().split('\n')) yield JSON.parse(line) as Published
}

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  return items
    .map(item => ({ item, place: random() }))
    .sort((a, b) => a.place - b.place)
    .map(({ item }) => item)
}

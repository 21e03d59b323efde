import { randomUUID } from 'node:crypto'
import type { AnyNotificationType } from '#contracts/catalogue.ts'
import type { EpochMs } from '#contracts/ids.ts'
import { volumeFloorPreset } from '#contracts/quarantine.ts'
import { addVolumes, readPasses, readUsual, readVolumes, type VolumeCount, volumePeriodMs } from '#ledger/volumes.ts'
import type { Clock } from '#runtime/clock.ts'
import { withDeadline } from '#runtime/deadline.ts'
import { every } from '#runtime/every.ts'
import type { Log } from '#runtime/log.ts'
import type { Queryable } from '#runtime/postgres.ts'
import { isBlast, type Volume, volumeLimit } from './policies/volume.ts'

/** How often a process tells what it has counted and reads what the others have: they know of each other as late. */
const exchangeMs = 1_000

type Of = { type: string; producer: string }
type Asked = { n: number; entry: AnyNotificationType; at: EpochMs }
/** What the recipients of an intent would make of its ten minutes, and how many there may be. */
export type Blast = { volume: number; limit: number }

/** Counts the recipients of a set's intents; what it has counted is kept once the set is committed. */
export type Weighing = {
  /** Undefined when `n` more recipients may be told. */
  weigh(intent: Of, asked: Asked): Blast | undefined
  keep(): void
}

/** The volumes of all types and producers, over all processes. Disposing stores what was counted last. */
export type Volumes = AsyncDisposable & {
  /** Resolves once the volumes of the past are known. */
  known(): Promise<void>
  weighing(): Weighing
}

type VolumesDeps = { db: Queryable; clock: Clock; log: Log; volumeFloor?: number | undefined }

/**
 * Counts recipients by type and producer in this process, stores the counts every second, and reads what all processes
 * have stored. So a limit is exact within a process and a second late between several; a process that is killed takes
 * its last second with it.
 */
export function startVolumes({ db, clock, log, volumeFloor: floor = volumeFloorPreset }: VolumesDeps): Volumes {
  const process = randomUUID()
  let known: Known | undefined
  /** Counted here: not stored yet, being stored, and stored but not among what is known yet. */
  let unstored: Counts = new Map()
  let storing: Counts = new Map()
  let stored: Counts = new Map()

  const exchange = async () => {
    storing = unstored
    unstored = new Map()
    try {
      await addVolumes(db, process, [...storing.values()])
      addAll(stored, storing)
    } catch (error) {
      addAll(unstored, storing)
      throw error
    } finally {
      storing = new Map()
    }
    known = await readKnown(db, { now: clock.now(), last: known })
    stored = new Map()
  }
  let exchanging: Promise<void> | undefined
  const exchangeOnce = () => (exchanging ??= exchange().finally(() => (exchanging = undefined)))
  const turns = every(exchangeMs, exchangeOnce, error =>
    log.warn({ task: 'volumes', error }, 'volumes could not be exchanged'),
  )
  return {
    known: async () => void (known ?? (await exchangeOnce())),
    weighing: () => {
      const own: Counts = new Map()
      return {
        weigh: (intent, asked) => {
          const blast = blastOf(volumeOf(intent, { at: asked.at, known, counts: [unstored, storing, stored, own] }), {
            ...asked,
            floor,
          })
          const { type, producer } = intent
          const [passed, held] = blast ? [0, asked.n] : [asked.n, 0]
          add(own, { period: periodOf(asked.at), type, producer, passed, held })
          return blast
        },
        keep: () => addAll(unstored, own),
      }
    },
    async [Symbol.asyncDispose]() {
      const last = async () => {
        await turns[Symbol.asyncDispose]()
        await addVolumes(db, process, [...unstored.values()])
      }
      // A database that does not answer must not keep the process: killed, it would forget its last second as well.
      await withDeadline(last(), { ms: exchangeMs, what: 'storing the last volumes' }).catch((error: unknown) =>
        log.warn({ error }, 'the last volumes could not be stored'),
      )
    },
  }
}

/** What an intent of so many recipients would meet now, asked of the ledger alone. */
export async function supposedBlast(
  { db, volumeFloor: floor = volumeFloorPreset }: Pick<VolumesDeps, 'db' | 'volumeFloor'>,
  { intent, ...asked }: Asked & { intent: Of },
): Promise<Blast | undefined> {
  const known = await readKnown(db, { now: asked.at })
  return blastOf(volumeOf(intent, { at: asked.at, known, counts: [] }), { ...asked, floor })
}

function blastOf(volume: Volume, { n, entry, at, floor }: Asked & { floor: number }): Blast | undefined {
  const limit = volumeLimit(volume, { entry, floor })
  return isBlast(volume, { n, limit, at }) ? { volume: Math.max(volume.current + n, volume.before), limit } : undefined
}

type Counts = Map<string, VolumeCount>
type Known = {
  counts: Counts
  usual: ReadonlyMap<string, number>
  usualBefore: EpochMs
  passes: ReadonlyMap<string, EpochMs>
}

/** What is usual is read once in every period. */
async function readKnown(db: Queryable, { now, last }: { now: EpochMs; last?: Known | undefined }): Promise<Known> {
  const period = periodOf(now)
  const counts: Counts = new Map()
  for (const one of await readVolumes(db, { from: period - volumePeriodMs })) add(counts, one)
  const passes = new Map((await readPasses(db, { now })).map(one => [nameOf(one), one.until]))
  if (last?.usualBefore === period) return { ...last, counts, passes }
  const usual = await readUsual(db, { before: period })
  return { counts, passes, usual: new Map(usual.map(one => [nameOf(one), one.usual])), usualBefore: period }
}

function volumeOf(
  intent: Of,
  { at, known, counts }: { at: EpochMs; known: Known | undefined; counts: readonly Counts[] },
): Volume {
  const name = nameOf(intent)
  const all = known ? [known.counts, ...counts] : counts
  const statedAt = (when: EpochMs): number =>
    all.reduce((sum, counts) => {
      const found = counts.get(`${periodOf(when)} ${name}`)
      return found ? sum + found.passed + found.held : sum
    }, 0)
  const passUntil = known?.passes.get(name)
  return {
    ...{ current: statedAt(at), before: statedAt(at - volumePeriodMs), usual: known?.usual.get(name) ?? 0 },
    ...(passUntil !== undefined && { passUntil }),
  }
}

function add(counts: Counts, one: VolumeCount): void {
  const key = `${one.period} ${nameOf(one)}`
  const found = counts.get(key)
  counts.set(key, found ? { ...one, passed: found.passed + one.passed, held: found.held + one.held } : one)
}

function addAll(counts: Counts, more: Counts): void {
  for (const one of more.values()) add(counts, one)
}

const periodOf = (at: EpochMs): EpochMs => at - (at % volumePeriodMs)

/** No name holds U+001F. */
const nameOf = ({ type, producer }: Of): string => `${type}\u001f${producer}`

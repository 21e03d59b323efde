import { randomBytes } from 'node:crypto'
import os from 'node:os'
import type { Catalogue } from '#contracts/catalogue.ts'
import type { Channel, Lane } from '#contracts/channel.ts'
import type { Routes } from '#contracts/routes.ts'
import { loadOf } from '#ledger/claim.ts'
import type { Clock } from '#runtime/clock.ts'
import { every } from '#runtime/every.ts'
import type { Log } from '#runtime/log.ts'
import type { Metrics } from '#runtime/metrics.ts'
import type { Database } from '#runtime/postgres.ts'
import type { Queues } from '#runtime/queues.ts'
import { deliver, type DeliverDeps } from './deliver.ts'
import type { DeliveryLimits } from './limits.ts'
import { type Buckets, postgresBuckets } from './pace/bucket-store.ts'
import { createPace, type Pace } from './pace/pace.ts'
import { dropPacings, pacingEveryMs, writePacings } from './pace/pacing-store.ts'
import type { Provider } from './provider.ts'
import { startRemovals } from './push/remove.ts'

export type WorkerOptions = {
  db: Database
  addressKey: string
  queues: Queues
  catalogue: Catalogue
  providers: readonly Provider[]
  /** Of channels that have several accounts. */
  routes?: Routes | undefined
  clock: Clock
  log: Log
  metrics: Metrics
  lanes: readonly Lane[]
  channels: readonly Channel[]
  /** Batches that are worked on at once, for each lane and channel. */
  concurrency: number
  /** Where rate limits are shared. Absent: in the database. */
  buckets?: Buckets
  smsPrices?: DeliverDeps['smsPrices']
  /** Instead of those of each lane and channel, for tests. */
  limits?: DeliveryLimits
  failpoint?: DeliverDeps['failpoint']
}

/**
 * Takes batches off the queues of its lanes and channels and delivers them; one of push also takes off screens what was read
 * since. Disposing takes no new ones and finishes
 * what runs. The providers stay the caller's to dispose.
 */
export async function startWorker(options: WorkerOptions): Promise<AsyncDisposable> {
  const { db, addressKey, queues, catalogue, clock, log, metrics, lanes, channels, concurrency, limits, failpoint } =
    options
  const { buckets = postgresBuckets(db) } = options
  const random = Math.random
  const pace = createPace({ buckets, log, metrics, random })
  metrics.onScrape(async () => ({
    circuit_open: pace.openCircuits().map(labels => ({ labels, value: 1 })),
    refused_of_some: pace.refusedOfSome().map(labels => ({ labels, value: 1 })),
  }))
  const deps: DeliverDeps = {
    db,
    addressKey,
    catalogue,
    clock,
    log,
    metrics,
    pace,
    random,
    providers: new Map(options.providers.map(provider => [provider.name, provider])),
    smsPrices: options.smsPrices,
    ...(options.routes && { routes: options.routes }),
    ...(limits && { limits }),
    ...(failpoint && { failpoint }),
  }
  const workers = await Promise.all(
    lanes.flatMap(lane =>
      channels.map(channel =>
        queues.work({ lane, channel }, { concurrency }, async ({ batchId, load: known }) => {
          const load = known ?? (await loadOf(db, batchId))
          if (load) await deliver({ batchId, lane, channel, ...load }, deps)
        }),
      ),
    ),
  )
  const removals = channels.includes('push') ? startRemovals(deps) : undefined
  const pacings = startPacings(options, pace)
  return {
    async [Symbol.asyncDispose]() {
      await Promise.all([...workers.map(worker => worker.close()), removals?.[Symbol.asyncDispose]()])
      await pacings[Symbol.asyncDispose]()
    },
  }
}

/** Tells operators what paces the providers that this worker calls. */
function startPacings({ db, log, providers, channels }: WorkerOptions, pace: Pace): AsyncDisposable {
  const worker = `${os.hostname()}/${process.pid}/${randomBytes(2).toString('hex')}`
  const mine = providers.filter(({ channel }) => channels.includes(channel))
  const say = () =>
    writePacings(
      db,
      worker,
      mine.map(provider => ({ provider: provider.name, pacing: pace.pacing(provider) })),
    )
  const failed = (error: unknown) => log.warn({ error }, 'operators cannot be told what paces the providers')
  const saying = every(pacingEveryMs, say, failed)
  return {
    async [Symbol.asyncDispose]() {
      await saying[Symbol.asyncDispose]()
      await dropPacings(db, worker).catch(failed)
    },
  }
}

import type { Catalogue } from '#contracts/catalogue.ts'
import type { Channel, Lane } from '#contracts/channel.ts'
import type { Clock } from '#runtime/clock.ts'
import type { Log } from '#runtime/log.ts'
import type { Database } from '#runtime/postgres.ts'
import type { Queues } from '#runtime/queues.ts'
import { deliver, type DeliverDeps } from './deliver.ts'
import { limits } from './limits.ts'
import { createPace } from './pace.ts'
import type { AnyProvider } from './provider.ts'

export type WorkerOptions = {
  db: Database
  queues: Queues
  catalogue: Catalogue
  providers: readonly AnyProvider[]
  clock: Clock
  log: Log
  lanes: readonly Lane[]
  channels: readonly Channel[]
  /** Batches sent at once, for each lane and channel. */
  concurrency: number
  failpoint?: DeliverDeps['failpoint']
}

/** Takes batches off the queues of its lanes and channels and delivers them. Disposing finishes what runs. */
export async function startWorker(options: WorkerOptions): Promise<AsyncDisposable> {
  const { db, queues, catalogue, clock, log, lanes, channels, concurrency, failpoint } = options
  const providers = new Map(options.providers.map(provider => [provider.name, provider]))
  const deps: Omit<DeliverDeps, 'leaseMs'> = {
    ...{ db, catalogue, providers, clock, log, pace: createPace(), random: Math.random },
    ...(failpoint && { failpoint }),
  }
  const workers = await Promise.all(
    lanes.flatMap(lane =>
      channels.map(channel =>
        queues.work(
          { lane, channel },
          { concurrency },
          async job => void (await deliver(job, { ...deps, leaseMs: limits.leaseMs(lane, channel) })),
        ),
      ),
    ),
  )
  return {
    async [Symbol.asyncDispose]() {
      await Promise.all(workers.map(worker => worker.close()))
    },
  }
}

import { catalogueOf } from '#contracts/catalogue.ts'
import { postgresBuckets, redisBuckets } from '#channels/pace/bucket-store.ts'
import type { Provider } from '#channels/provider.ts'
import { twilioProvider } from '#channels/sms/twilio.ts'
import { startWorker } from '#channels/worker.ts'
import { greeting } from '#channels/world.fixture.ts'
import { systemClock } from '#runtime/clock.ts'
import { createLog } from '#runtime/log.ts'
import { createMetrics } from '#runtime/metrics.ts'
import { openPostgres } from '#runtime/postgres.ts'
import { openQueues } from '#runtime/queues.ts'
import { openRedisScripts } from '#runtime/redis.ts'

export type Setup = {
  databaseUrl: string
  redisUrl: string | undefined
  prefix: string
  twilio: { accountSid: string; authToken: string; from: string; baseUrl: string; perSecond: number }
}

/** A worker process for SMS alone, until it is killed. */
async function run({ databaseUrl, redisUrl, prefix, twilio }: Setup): Promise<void> {
  const db = await openPostgres({ url: databaseUrl, connectionsMax: 8, name: 'pace' })
  const queues = await openQueues({ redisUrl, postgresUrl: databaseUrl, prefix, onError: () => {} })
  const redis = redisUrl === undefined ? undefined : await openRedisScripts(redisUrl, () => {})
  await startWorker({
    ...{ db, addressKey: 'a key for tests', receipts: undefined, queues, catalogue: catalogueOf('1', [greeting]) },
    buckets: redis ? redisBuckets(redis, prefix) : postgresBuckets(db),
    providers: [twilioProvider(twilio)] as Provider[],
    ...{ clock: systemClock, log: createLog({ role: 'pace', level: 'error' }), metrics: createMetrics() },
    ...{ lanes: ['default', 'bulk'], channels: ['sms'], concurrency: 4 },
  })
  process.send!('ready')
}

process.once('message', setup => void run(setup as Setup))

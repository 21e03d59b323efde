import path from 'node:path'
import { Redis } from 'ioredis'
import { openInstallation } from '#cli/installation.ts'
import { localCredentials } from '#local/credentials.ts'
import { createDatabase, type EmbeddedPostgres, startPostgres } from '#local/postgres.ts'
import { startRedis } from '#local/redis.ts'
import { createLog } from '#runtime/log.ts'
import { type Database, openPostgres } from '#runtime/postgres.ts'
import { openPubSub, type PubSubPort } from '#runtime/pubsub.ts'
import { temporaryFolder } from '../temporary-folder.ts'
import { startChild } from './child.ts'
import { cpuByBackend, cpuOfTree } from './cpu.ts'
import { catalogue } from './catalogue.ts'
import { baselineNames, installationOptions, type Setup } from './setup.ts'

/** The servers that all variants share: one PostgreSQL, one Redis, one Pub/Sub server, one set of simulators. */
export type Machine = AsyncDisposable & {
  setup: Setup
  db: Database
  baselineDb: Database
  pubsub: PubSubPort
  postgres: EmbeddedPostgres
  /** What a part must be told to find its way; its statements are counted under its own name. */
  setupFor(part: string): Setup
  /** CPU so far, in microseconds, of the servers; `postgres …`: its backends by who asked. */
  cpu(): Promise<Record<string, number>>
}

const projectId = 'carillon-bench'
const redisMissing =
  'bench: redis-server is not on this machine, and the queues need it (Debian: apt-get install redis-server)'

export class NoRedis extends Error {
  constructor() {
    super(redisMissing)
  }
}

export async function startMachine(): Promise<Machine> {
  await using opened = new AsyncDisposableStack()
  const { path: folder } = opened.use(await temporaryFolder())
  const redis = await startRedis({ dir: path.join(folder, 'redis') })
  if (!redis) throw new NoRedis()
  opened.use(redis)
  const postgres = opened.use(await startPostgres({ dataDir: path.join(folder, 'postgres') }))
  const databaseUrl = await createDatabase(postgres.url, 'carillon')
  const baselineUrl = await createDatabase(postgres.url, 'baseline')
  await localCredentials(path.join(folder, 'credentials'))
  const server = opened.use(await startChild('pubsub', { folder }))
  const simulators = opened.use(await startChild('simulators', { folder }))
  const setup: Setup = {
    ...{ folder, databaseUrl, redisUrl: redis.url, projectId },
    ...{ pubsub: server.ready.pubsub!, ports: simulators.ready.ports! },
  }
  const pubsub = opened.use(openPubSub({ projectId, emulator: setup.pubsub }))
  await prepare(setup, pubsub)
  const db = opened.use(await openPostgres({ url: databaseUrl, connectionsMax: 2, name: 'bench' }))
  const baselineDb = opened.use(await openPostgres({ url: baselineUrl, connectionsMax: 2, name: 'bench' }))
  const redisPid = await forgetful(redis.url)
  const running = opened.move()
  return {
    ...{ setup, db, baselineDb, pubsub, postgres },
    setupFor: part => ({
      ...setup,
      databaseUrl: `${part.startsWith('baseline') ? baselineUrl : databaseUrl}?application_name=${part}`,
    }),
    cpu: async () => ({
      postgres: cpuOfTree(postgres.pid),
      redis: cpuOfTree(redisPid),
      'pub/sub server': cpuOfTree(server.pid),
      simulators: cpuOfTree(simulators.pid),
      ...(await cpuByBackend(db)),
    }),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

/** Schema, partitions, topics and subscriptions. */
async function prepare(setup: Setup, pubsub: PubSubPort): Promise<void> {
  await using _made = await openInstallation({
    ...installationOptions(setup),
    ...{ catalogue, log: createLog({ role: 'bench', level: 'error' }) },
  })
  await pubsub.ensureTopic(baselineNames.topic)
  await pubsub.ensureSubscription(baselineNames.subscription, {
    ...{ topic: baselineNames.topic, ordering: false, retryMinS: 10, retryMaxS: 600, ackDeadlineS: 60 },
  })
}

/** A log on disk would cost the baseline, whose jobs are many, and hardly us. Gives the server's process id. */
async function forgetful(redisUrl: string): Promise<number> {
  const redis = new Redis(redisUrl)
  try {
    await redis.config('SET', 'appendonly', 'no')
    return Number(/process_id:(\d+)/.exec(await redis.info('server'))![1])
  } finally {
    redis.disconnect()
  }
}

import { open, readFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Pool } from 'pg'
import type { DeliveryLimits } from '#channels/limits.ts'
import { type Addresses, type Installation, openInstallation } from '#cli/installation.ts'
import { lanes } from '#contracts/channel.ts'
import { routerSubscriptionOf, topicOf } from '#contracts/messages.ts'
import { createDatabase, type EmbeddedPostgres, startPostgres } from '#local/postgres.ts'
import { type LocalRedis, startRedis } from '#local/redis.ts'
import type { SimulatorPorts } from '#local/simulators/server.ts'
import { createLog } from '#runtime/log.ts'
import { openPubSub } from '#runtime/pubsub.ts'
import { temporaryFolder } from '../temporary-folder.ts'
import { catalogue, secret } from './catalogue.ts'
import { type Child, startChild } from './child.ts'
import { heldBatches, watchClaims } from './claims.ts'
import type { Mutant } from './mutants.ts'
import type { Setup } from './process.ts'
import type { Population } from './workload.ts'

export type CrewRole = 'router' | 'worker'

/** What a run stands on, in processes of its own. */
export type Servers = AsyncDisposable & {
  postgres: EmbeddedPostgres
  redis: LocalRedis | undefined
  pubsub: { projectId: string; emulator: string }
  ports: SimulatorPorts
  folder: string
  simulatorLog: string
  /** A file that takes what the processes log. */
  log: { fd: number; file: string }
}

/** Routers, workers and a sink on a database of their own. */
export type Rig = AsyncDisposable & {
  servers: Servers
  addresses: Addresses
  /** The parent's own connections: to flush the queues, and for the pipeline's own audit. */
  installation: Installation
  /** Plain SQL, by nothing of ours. */
  query<Row>(sql: string, values?: unknown[]): Promise<Row[]>
  /** One more of a role; resolves when it works. One that ends before that is started again, as any supervisor does. */
  hire(role: CrewRole): Promise<Child>
  /** One of those of a role that work; waits where there is none. */
  oneOf(role: CrewRole, random: () => number): Promise<Child>
  all(role: CrewRole): readonly Child[]
  /** Ends a process of the crew hard. */
  dismiss(child: Child): Promise<void>
  restartPostgres(): Promise<void>
  /** Begins to count hours anew; nothing is rolled up before. */
  startRollups(): Promise<void>
  /** Batches that a dismissed worker held, and those that anyone held when Postgres restarted. */
  interrupted: readonly string[]
  publisherLog: string
  /** Processes of the crew that ended without being dismissed, and how: no fault may do that to them. */
  fallen(): string[]
  /** What the processes logged last. */
  lastWords(): Promise<string>
}

export type RigOptions = {
  population: Population
  limits?: DeliveryLimits | undefined
  /** Breaks one rule in every router and worker. */
  mutant?: Mutant | undefined
}

const wordsLines = 30
const hireLimitMs = 120_000
const pollMs = 100

/** Undefined where the queues' server is not installed. */
export async function startServers(queues: 'postgres' | 'redis'): Promise<Servers | undefined> {
  await using opened = new AsyncDisposableStack()
  const { path: folder } = opened.use(await temporaryFolder())
  const redis = queues === 'redis' ? await startRedis({ dir: path.join(folder, 'redis') }) : undefined
  if (redis) opened.use(redis)
  else if (queues === 'redis') return undefined
  const logFile = path.join(folder, 'children.log')
  const { fd } = opened.use(await open(logFile, 'a'))
  const postgres = opened.use(await startPostgres({ dataDir: path.join(folder, 'postgres') }))
  const start = (role: 'pubsub' | 'simulators') => opened.use(startChild({ role, folder }, { stderr: fd })).ready
  const [{ address }, { ports }] = await Promise.all([start('pubsub'), start('simulators')])
  const running = opened.move()
  return {
    postgres,
    redis,
    pubsub: { projectId: 'carillon-chaos', emulator: address! },
    ports: ports!,
    folder,
    simulatorLog: path.join(folder, 'simulators.ndjson'),
    log: { fd, file: logFile },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

let rigs = 0

/** Everything but routers and workers, which are hired. */
export async function startRig(servers: Servers, options: RigOptions): Promise<Rig> {
  const { folder, ports, log } = servers
  await using opened = new AsyncDisposableStack()
  const prefix = `chaos${++rigs}`
  const databaseUrl = await createDatabase(servers.postgres.url, prefix)
  const addresses: Addresses = {
    databaseUrl,
    databaseDirectUrl: databaseUrl,
    redisUrl: servers.redis?.url,
    pubsub: servers.pubsub,
    prefix,
  }
  await prepareSubscriptions(addresses)
  const silent = createLog({ role: 'parent', write: () => {} })
  const installation = opened.use(await openInstallation({ addresses, addressKey: secret, catalogue, log: silent }))
  const pool = new Pool({ connectionString: databaseUrl, max: 2 })
  opened.defer(() => pool.end())
  pool.on('error', () => {})
  const query: Rig['query'] = async (sql, values = []) => (await pool.query(sql, values)).rows
  await populate(query, options.population)
  await watchClaims(query)
  await opened.use(startChild({ role: 'sink', addresses }, { stderr: log.fd })).ready

  const crew: Record<CrewRole | 'rollups', Child[]> = { router: [], worker: [], rollups: [] }
  const limits = options.limits && { limits: options.limits }
  const interrupted: string[] = []
  const setupOf = (role: CrewRole): Setup =>
    role === 'router' ? { role, addresses } : { role, addresses, folder, ports, ...limits }
  const running = opened.move()
  return {
    servers,
    addresses,
    installation,
    query,
    interrupted,
    hire: async role => {
      const child = await supervised(() => {
        if (running.disposed) throw new Error('the run is over')
        return running.use(startChild(setupOf(role), { stderr: log.fd, mutant: options.mutant }))
      })
      crew[role].push(child)
      return child
    },
    oneOf: async (role, random) => {
      for (const until = performance.now() + hireLimitMs; crew[role].length === 0; await sleep(pollMs))
        if (performance.now() > until) throw new Error(`no ${role} came to work in ${hireLimitMs} ms`)
      return crew[role][Math.floor(random() * crew[role].length)]!
    },
    all: role => crew[role],
    dismiss: async child => {
      const { role } = child
      if (role === 'router' || role === 'worker') crew[role] = crew[role].filter(one => one !== child)
      await child.kill()
      interrupted.push(...(await heldBatches(query, child.pid)))
    },
    restartPostgres: async () => {
      const before = await heldBatches(query)
      await servers.postgres.restart()
      interrupted.push(...new Set([...before, ...(await heldBatches(query))]))
    },
    startRollups: async () => {
      const start = () => running.use(startChild({ role: 'rollups', addresses }, { stderr: log.fd }))
      crew.rollups.push(await supervised(start))
    },
    fallen: () => fallenOf([...crew.router, ...crew.worker, ...crew.rollups]),
    publisherLog: path.join(folder, `${prefix}.ndjson`),
    lastWords: async () => (await readFile(log.file, 'utf8')).split('\n').slice(-wordsLines).join('\n'),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

const fallenOf = (children: readonly Child[]): string[] =>
  children.flatMap(child =>
    child.ended() === undefined ? [] : [`a ${child.role} ended by itself with ${child.ended()}`],
  )

/** Whatever ends before it works (Postgres may be restarting just then) is started again. */
async function supervised(start: () => Child): Promise<Child> {
  for (const until = performance.now() + hireLimitMs; ; await sleep(pollMs)) {
    const child = start()
    try {
      await child.ready
      return child
    } catch (error) {
      await child.kill()
      if (performance.now() > until) throw error
    }
  }
}

/** Made before the installation, which leaves delays as it finds them: what a killed router held comes again soon. */
async function prepareSubscriptions({ pubsub, prefix }: Addresses): Promise<void> {
  await using port = openPubSub(pubsub)
  for (const lane of lanes) {
    const topic = topicOf(prefix, lane)
    await port.ensureTopic(topic)
    const delays = { retryMinS: 1, retryMaxS: 10, ackDeadlineS: 10 }
    await port.ensureSubscription(routerSubscriptionOf(prefix, lane), { topic, ordering: true, ...delays })
  }
}

async function populate(query: Rig['query'], { people, audiences }: Population): Promise<void> {
  await query('insert into recipients (id, endpoints) select * from unnest($1::text[], $2::text[])', [
    people.map(person => person.id),
    people.map(person => JSON.stringify(person.endpoints)),
  ])
  for (const [audience, members] of audiences)
    await query('insert into audience_members (audience, recipient) select $1, unnest($2::text[])', [audience, members])
}

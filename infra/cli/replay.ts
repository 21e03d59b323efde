import { randomUUID } from 'node:crypto'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { startSink } from '#analytics/collect.ts'
import { inboxProvider } from '#channels/in-app/inbox.ts'
import type { Provider } from '#channels/provider.ts'
import { startWorker } from '#channels/worker.ts'
import { outcomeName } from '#contracts/outcome.ts'
import { audit, type Audit, type Published } from '#ledger/audit.ts'
import { lastDueHold } from '#ledger/holds.ts'
import { createDatabase, dropDatabase, startPostgres } from '#local/postgres.ts'
import { startPubSubServer } from '#local/pubsub/server.ts'
import { upsertRecipients } from '#preferences/recipient-store.ts'
import { readTrace, traceAsk, traceCatalogue, type TraceEvent, type TracePolicies } from '#producers/examples/traces.ts'
import { createNotifier } from '#producers/sdk/notifier.ts'
import { startRouter } from '#router/router.ts'
import { startScheduler } from '#router/scheduler.ts'
import { manualClock } from '#runtime/clock.ts'
import type { Config } from '#runtime/config.ts'
import { withDeadline } from '#runtime/deadline.ts'
import { createLog } from '#runtime/log.ts'
import { createMetrics } from '#runtime/metrics.ts'
import { type Installation, openInstallation } from './installation.ts'
import { isUnderWay, journeyOf, progressOf } from './journey.ts'

export type ReplayPolicies = TracePolicies & { onlyReason?: string; quiet?: { start: string; end: string } }

export type Replayed = {
  intents: number
  /** (intent, recipient) pairs. */
  recipients: number
  /** The router's verdicts as they were first made: `deliver`, `held`, or the outcome of a refusal. */
  decided: Record<string, number>
  /** How they ended. */
  outcomes: Audit['outcomes']
  audit: Audit
}

type Options = {
  file: string
  policies: ReplayPolicies
  config: Config
  /** A server to make the replay's database on; default: the configured one, else an embedded one. */
  serverUrl?: string
  signal?: AbortSignal
  onProgress?: (text: string) => void
}

const publishedAtOnce = 500
const settleLimitMs = 10 * 60_000
const pollMs = 100
const emptyLimitMs = 10_000

/**
 * Sends a trace through the whole pipeline, inbox only, in its own empty database and Pub/Sub, which are dropped after.
 * Decisions are taken at the time of the events; at the end the clock jumps to the last hold that is due. Rejects with the
 * reason of `signal` when that aborts: what was under way is no result.
 */
export async function replay(options: Options): Promise<Replayed> {
  const { policies, signal, onProgress = () => {} } = options
  await using opened = new AsyncDisposableStack()
  const clock = manualClock(0)
  const catalogue = traceCatalogue(policies)
  const addresses = await ownAddresses(options, opened)
  const log = createLog({ role: 'replay', level: 'error' })
  const installation = opened.use(await openInstallation({ addresses, addressKey: 'replay', catalogue, log, clock }))
  opened.defer(() => emptyQueues(installation))
  await startPipeline(installation, opened)

  const published: Published[] = []
  const notifier = opened.use(
    createNotifier({
      ...{ producer: 'replay', catalogue, publisherLog: line => void published.push(line) },
      pubsub: { ...addresses.pubsub, prefix: addresses.prefix },
    }),
  )
  const known = new Set<string>()
  for await (const events of inChunks(readTrace(options.file, policies))) {
    signal?.throwIfAborted()
    if (policies.quiet) await giveQuietHours(installation, { events, known, quiet: policies.quiet })
    await notifier.notifyMany(events.map(traceAsk))
    onProgress(`${published.length} events sent …`)
  }
  await settle(installation, { published: published.length, signal, onProgress })
  const due = await lastDueHold(installation.db)
  if (due !== undefined) {
    clock.set(due)
    await settle(installation, { published: published.length, signal, onProgress, holds: true })
  }
  return { intents: published.length, ...(await countsOf(installation)), ...(await audited(installation, published)) }
}

/** An empty database and an empty Pub/Sub of its own: two replays share nothing. */
async function ownAddresses({ config, serverUrl }: Options, opened: AsyncDisposableStack) {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'carillon-replay-'))
  opened.defer(() => rm(folder, { recursive: true, force: true }))
  // A database server that runs as another user has to get in.
  await chmod(folder, 0o711)
  const server = serverUrl ?? config.database.url ?? (await ownServer(path.join(folder, 'postgres'), opened))
  const name = `replay_${randomUUID().replaceAll('-', '')}`
  const databaseUrl = await createDatabase(server, name)
  opened.defer(() => dropDatabase(server, name))
  const pubsub = opened.use(await startPubSubServer({ dataDir: path.join(folder, 'pubsub') }))
  return {
    ...{
      databaseUrl,
      databaseDirectUrl: databaseUrl,
      redisUrl: config.redisUrl,
      prefix: name.replaceAll('_', '-').slice(0, 40),
    },
    pubsub: { projectId: 'carillon-replay', emulator: pubsub.address },
  }
}

async function ownServer(dataDir: string, opened: AsyncDisposableStack): Promise<string> {
  const server = await startPostgres({ dataDir })
  opened.defer(() => rm(server.dataDir, { recursive: true, force: true }))
  return opened.use(server).url
}

/** Nobody else would remove them from a Redis. */
const emptyQueues = ({ queues, log }: Installation): Promise<void> =>
  withDeadline(queues.flush(), { ms: emptyLimitMs, what: 'emptying the queues' }).catch((error: unknown) =>
    log.error({ error }, 'queues of the replay may be left in the queue store'),
  )

const concurrency = 4

async function startPipeline(installation: Installation, opened: AsyncDisposableStack): Promise<void> {
  const metrics = createMetrics()
  const lanes = ['default'] as const
  opened.use(await startSink({ ...installation, metrics }))
  const providers = [inboxProvider(installation.db)] as Provider[]
  opened.use(await startWorker({ ...installation, metrics, providers, lanes, channels: ['in_app'], concurrency }))
  opened.use(await startScheduler({ ...installation, lanes, trustEventTime: true }))
  opened.use(await startRouter({ ...installation, lanes, trustEventTime: true }))
}

async function giveQuietHours(
  { db }: Installation,
  {
    events,
    known,
    quiet,
  }: { events: readonly TraceEvent[]; known: Set<string>; quiet: { start: string; end: string } },
): Promise<void> {
  const people = [...new Set(events.flatMap(event => event.to.map(to => to.id)))].filter(id => !known.has(id))
  for (const id of people) known.add(id)
  await upsertRecipients(
    { db, addressKey: 'replay', now: 0 },
    people.map(id => ({ id, zone: 'UTC', quiet })),
  )
}

async function* inChunks(events: AsyncIterable<TraceEvent>): AsyncGenerator<TraceEvent[]> {
  let chunk: TraceEvent[] = []
  for await (const event of events) {
    chunk.push(event)
    if (chunk.length < publishedAtOnce) continue
    yield chunk
    chunk = []
  }
  if (chunk.length > 0) yield chunk
}

async function settle(
  installation: Installation,
  on: { published: number; signal: AbortSignal | undefined; onProgress: (text: string) => void; holds?: boolean },
): Promise<void> {
  const until = performance.now() + settleLimitMs
  for (;;) {
    on.signal?.throwIfAborted()
    const journey = await journeyOf(installation, on.published)
    if (!isUnderWay(journey) && !(on.holds && journey.ledger.holdsOpen > 0)) return
    if (performance.now() > until)
      throw new Error(`the replay did not settle in ${settleLimitMs / 60_000} min: ${progressOf(journey)}`)
    on.onProgress(progressOf(journey))
    await sleep(pollMs)
  }
}

async function audited(
  { db }: Installation,
  published: readonly Published[],
): Promise<Pick<Replayed, 'outcomes' | 'audit'>> {
  const lines = async function* () {
    yield* published
  }
  const report = await audit(db, lines())
  return { outcomes: report.outcomes, audit: report }
}

async function countsOf({ db }: Installation): Promise<Pick<Replayed, 'recipients' | 'decided'>> {
  const [sums] = await db.query<{ deliver: number; held: number }>(
    `select coalesce(sum(delivering), 0)::int as deliver, coalesce(sum(held), 0)::int as held from sets where origin <> 'release'`,
  )
  const refused = await db.query<{ outcome: number; n: number }>(
    `select d.outcome, count(*)::int as n from deliveries d join sets s on s.id = d.set_id
     where d.provider = '' and s.origin <> 'release' group by 1`,
  )
  const decided = Object.fromEntries([
    ...Object.entries(sums!).filter(([, n]) => n > 0),
    ...refused.map(row => [outcomeName(row.outcome), row.n] as const),
  ])
  return { recipients: Object.values(decided).reduce((sum, n) => sum + n, 0), decided }
}

import { startSink } from '#analytics/collect.ts'
import { purgeRollups } from '#analytics/rollup-store.ts'
import { startRollups } from '#analytics/rollups.ts'
import type { Channel, Lane } from '#contracts/channel.ts'
import { purgeInboxItems } from '#channels/in-app/inbox-store.ts'
import type { Provider } from '#channels/provider.ts'
import { purgeRemovals } from '#channels/push/removal-store.ts'
import { purgeLooks } from '#channels/receipts/look-store.ts'
import { purgeReports } from '#channels/receipts/receipt-store.ts'
import { purgeTroubles } from '#channels/receipts/trouble-store.ts'
import type { SmsPrices } from '#channels/sms/price.ts'
import { startWorker } from '#channels/worker.ts'
import { dropPartitions } from '#db/partitions.ts'
import { storeSchemas } from '#ledger/catalogue-schemas.ts'
import { keptDays, purgeAdmitted, purgeDone, purgeRetractions, purgeStandings, purgeVolumes } from '#ledger/purge.ts'
import { ledgerState } from '#ledger/ready.ts'
import { volumeDays } from '#ledger/volumes.ts'
import { heldPrunes, purgeContacts, purgeEngagement, purgePrunes } from '#preferences/preferences.ts'
import { every } from '#runtime/every.ts'
import type { Metrics } from '#runtime/metrics.ts'
import { openPostgres } from '#runtime/postgres.ts'
import { startRouter } from '#router/router.ts'
import { startScheduler } from '#router/scheduler.ts'
import { purgeWindows } from '#router/windows-store.ts'
import { schemasOf } from './catalogue/json-schema.ts'
import { type Installation, preparePartitions } from './installation.ts'
import { startFollowUps } from './retract.ts'

export type RoleOptions = {
  lanes: readonly Lane[]
  channels: readonly Channel[]
  concurrency: number
  providers: readonly Provider[]
  metrics: Metrics
  smsPrices?: SmsPrices | undefined
}

/** Roles that take work from Pub/Sub, the ledger and the queues. Each may run in any number of processes. */
export const pipelineRoles = ['router', 'worker', 'sink'] as const
export type PipelineRole = (typeof pipelineRoles)[number]

/** Starts roles in this process. Disposing drains them: routers first, so that nothing new comes in. */
export async function startRoles(
  wanted: readonly PipelineRole[],
  installation: Installation,
  options: RoleOptions,
): Promise<AsyncDisposable> {
  await using opened = new AsyncDisposableStack()
  for (const role of pipelineRoles.toReversed())
    if (wanted.includes(role)) opened.use(await startRole(role, installation, options))
  const running = opened.move()
  return { [Symbol.asyncDispose]: () => running.disposeAsync() }
}

async function startRole(
  role: PipelineRole,
  installation: Installation,
  options: RoleOptions,
): Promise<AsyncDisposable> {
  switch (role) {
    case 'sink':
      return startStoring(installation, options.metrics)
    case 'worker':
      return startWorker({ ...installation, ...options })
    case 'router':
      return startRouting(installation, options)
    default:
      return role satisfies never
  }
}

async function startStoring(installation: Installation, metrics: Metrics): Promise<AsyncDisposable> {
  await using opened = new AsyncDisposableStack()
  // Apart from the pipeline's connections: none of its statements may take so long.
  const url = installation.addresses.databaseUrl
  const rollups = { name: 'rollups', connectionsMax: 2, statementLimitMs: rollupLimitMs }
  const db = opened.use(await openPostgres({ url, ...rollups }))
  opened.use(startRollups({ ...installation, db, metrics, eventsSince }))
  opened.use(await startSink({ ...installation, metrics }))
  const running = opened.move()
  return { [Symbol.asyncDispose]: () => running.disposeAsync() }
}

/** Reading one hour of a very large type. */
const rollupLimitMs = 600_000

const hourMs = 3_600_000
const dayMs = 86_400_000
/** What people look at is kept for longer than what the pipeline works with. */
const retentionDays = {
  ...keptDays,
  volumes: volumeDays + 1,
  events: 90,
  rollups: 400,
  refused: 90,
  contacts: 90,
  inbox: 90,
  prunes: 30,
}

/** Hours since then have all their events. A day is to spare: the clocks of those who drop and of those who count differ. */
const eventsSince = (now: number): number => startOfDay(now - (retentionDays.events - 1) * dayMs)
const startOfDay = (at: number): number => at - (at % dayMs)

async function startRouting(installation: Installation, { lanes, metrics }: RoleOptions): Promise<AsyncDisposable> {
  const { db, addressKey, clock, log, catalogue } = installation
  await storeSchemas(db, { catalogue: catalogue.version, types: schemasOf(catalogue) })
  await using opened = new AsyncDisposableStack()
  opened.use(
    every(
      hourMs,
      async () => {
        await preparePartitions(db, clock.now())
        const before = (days: number) => clock.now() - days * dayMs
        const dayBefore = (days: number) => new Date(before(days)).toISOString().slice(0, 10)
        const ledgerBefore = dayBefore(retentionDays.ledger)
        await dropPartitions(db, { ledgerBefore, eventsBefore: dayBefore(retentionDays.events) })
        const more = [
          await purgeDone(db, {
            before: Date.parse(`${ledgerBefore}T00:00:00Z`),
            refusedBefore: before(retentionDays.refused),
          }),
          await purgeAdmitted(db, { before: before(retentionDays.keys) }),
          await purgeEngagement(db, { before: before(retentionDays.keys) }),
          await purgeVolumes(db, { before: before(retentionDays.volumes) }),
          await purgeRetractions(db, { before: before(retentionDays.keys) }),
          await purgeRemovals(db, { before: before(retentionDays.keys) }),
          await purgeReports(db, { before: before(retentionDays.keys) }),
          await purgeTroubles(db, { before: before(retentionDays.keys) }),
          await purgeLooks(db, { before: before(retentionDays.keys) }),
          await purgeStandings(db, { before: before(retentionDays.keys) }),
          await purgePrunes({ db, addressKey }, { before: before(retentionDays.prunes), now: clock.now() }),
          await purgeContacts(db, { before: before(retentionDays.contacts) }),
          await purgeInboxItems(db, { before: before(retentionDays.inbox) }),
          await purgeRollups(db, {
            ...{ eventsBefore: before(retentionDays.events), hoursBefore: before(retentionDays.rollups) },
          }),
          await purgeWindows(db, { now: clock.now() }),
        ]
        return more.includes(true)
      },
      error => log.warn({ task: 'retention', error }, 'keeping partitions failed and will run again'),
    ),
  )
  opened.use(startFollowUps(installation))
  opened.use(await startScheduler({ ...installation, lanes }))
  const router = opened.use(
    await startRouter({
      ...{ ...installation, lanes },
      onRouted: (lane, intake, seconds) => {
        metrics.observe('set_seconds', { lane }, seconds)
        for (const [result, n] of Object.entries(intake)) {
          if (n > 0) metrics.count('messages_total', { lane, result }, n)
          if (n > 0 && ['malformed', 'conflict', 'unknown', 'parked'].includes(result))
            metrics.count('refused_total', { reason: result }, n)
        }
      },
    }),
  )
  metrics.onScrape(async () => ({
    oldest_unacked_age: lanes.map(lane => ({ labels: { lane }, value: ageS(router.oldestUnacked(lane), clock.now()) })),
    ...(await ledgerReadings(installation)),
  }))
  const running = opened.move()
  return { [Symbol.asyncDispose]: () => running.disposeAsync() }
}

const ageS = (since: number | undefined, now: number): number =>
  since === undefined ? 0 : Math.max(0, now - since) / 1000

async function ledgerReadings({ db }: Installation) {
  const state = await ledgerState(db)
  const ready = state.ready.map(({ lane, channel, batches, oldestAgeMs }) => ({
    labels: { lane, channel },
    batches,
    ageS: oldestAgeMs / 1000,
  }))
  return {
    oldest_ready_age: ready.map(one => ({ labels: one.labels, value: one.ageS })),
    ready_batches: ready.map(one => ({ labels: one.labels, value: one.batches })),
    open_batches: state.openBatches,
    holds_open: state.holdsOpen,
    holds_overdue: state.holdsOverdue,
    doubts_open: state.doubtsOpen,
    leases_lapsed: state.leasesLapsed,
    expansions_open: state.expansionsOpen,
    quarantined_intents: state.quarantined.map(({ guard, intents }) => ({ labels: { guard }, value: intents })),
    prunes_held: (await heldPrunes(db)).map(({ provider, held }) => ({ labels: { provider }, value: held })),
    outbox_packs: state.outbox,
    outbox_refused: state.outboxRefused,
  }
}

/** Batches that are ready for this long while no worker holds any of their kind mean that none works. */
const unclaimedMs = 60_000

/** Why this installation is not fit to take work; none when it is. */
export async function unreadiness({ db }: Installation): Promise<string[]> {
  const state = await ledgerState(db)
  return state.ready
    .filter(one => one.oldestAgeMs > unclaimedMs && !one.working)
    .map(
      one =>
        `${one.batches} batches of ${one.lane} ${one.channel} are ready and were not claimed for ${Math.round(one.oldestAgeMs / 1000)} s`,
    )
}

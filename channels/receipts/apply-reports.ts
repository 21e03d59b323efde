import { type Attempt, deliveryId, type EpochMs, madeAt } from '#contracts/ids.ts'
import { type KnownAttempt, readAttempts } from '#ledger/attempts.ts'
import { settleDoubts } from '#ledger/doubts.ts'
import { writeOutbox } from '#ledger/outbox.ts'
import { raiseStandings, type Reported } from '#ledger/standings.ts'
import { providerOfRoute } from '#contracts/routes.ts'
import type { EventPack } from '#contracts/event.ts'
import { type HashedMark, markEndpoint, writeReached } from '#preferences/preferences.ts'
import type { Log } from '#runtime/log.ts'
import type { Queryable } from '#runtime/postgres.ts'
import { sendgridReport } from '../email/sendgrid-reports.ts'
import { tellTripped } from '../marks.ts'
import { attemptNamed, type Report } from '../report.ts'
import { twilioReport } from '../sms/twilio-reports.ts'
import type { ReceiptDeps } from './apply-receipts.ts'
import { daysMax, deliveryPack, eachOnce } from './delivery-packs.ts'
import { takeReports, type WaitingReport } from './receipt-store.ts'
import { countTroubles, keepTroubles, troubledAmong } from './trouble-store.ts'

/** `addressKey`: what the hashes of addresses are made with. */
export type ReportDeps = ReceiptDeps & { addressKey: string; log: Log }

const reportsMax = 500
const dayMs = 86_400_000
const reportOf = { twilio: twilioReport, sendgrid: sendgridReport }

/**
 * Believes kept reports, of which it takes up to 500: what is known of an attempt only ever goes further, an outcome is never
 * changed. Late, many times, out of order or before our own record they come to the same. Whoever applies others at the same
 * moment has others. True when there may be more.
 */
export async function applyReports(deps: ReportDeps): Promise<boolean> {
  const { db, clock, log, metrics } = deps
  const now = clock.now()
  const { taken, known } = await db.transaction(async tx => {
    const rows = await takeReports(tx, { limit: reportsMax })
    const taken = rows.map((one): Read => ({ ...one, report: reportOf[one.provider](one.body) }))
    const known = await knownOf(tx, taken, now)
    // Before the rest, and visible at once: whoever registers the address from now on sees it. Twice is as once.
    const marks = await marksOf(db, known)
    if (marks.length > 0) tellTripped(await markEndpoint(deps, marks), log)
    await writeOutbox(tx, [...(await raise(tx, known, deps)), ...deedsOf(known)])
    return { taken, known }
  })
  const found = new Set(known.map(one => one.read))
  for (const one of taken) {
    const { standing: event, alarm } = one.report
    metrics.count('receipts_total', { event, result: found.has(one) ? 'known' : isLate(one, now) ? 'late' : 'unknown' })
    if (alarm !== undefined)
      log.warn({ provider: one.provider, code: alarm }, 'a provider reports what an operator must mend')
  }
  return taken.length === reportsMax
}

type Read = WaitingReport & { report: Report }
type Known = { read: Read; of: KnownAttempt; named: Attempt; at: EpochMs }

/** Those of attempts that the ledger knows. The sink takes no events of days that are long gone. */
async function knownOf(db: Queryable, read: readonly Read[], now: EpochMs): Promise<Known[]> {
  const recent = read.flatMap(one => {
    const named = attemptNamed(one.attempt)
    return named && !isLate(one, now) && madeAt(named.batch) <= now + dayMs ? [{ read: one, named }] : []
  })
  const found = await readAttempts(
    db,
    recent.map(one => one.named),
  )
  return recent.flatMap(({ read: one, named }, place): Known[] => {
    const of = found[place]
    if (!of || providerOfRoute(of.provider) !== one.provider) return []
    const at = Math.min(now, Math.max(madeAt(named.batch), one.report.at ?? one.at))
    return [{ read: one, of, named, at }]
  })
}

function isLate({ attempt }: Read, now: EpochMs): boolean {
  const named = attemptNamed(attempt)
  return named !== undefined && now - madeAt(named.batch) > daysMax * dayMs
}

type Addressed = Known & { hash: string }

/**
 * What reports teach about addresses, in the order in which it happened. It is of the address that the batch was made for:
 * one that was registered later is another one.
 */
async function marksOf(db: Queryable, known: readonly Known[]): Promise<HashedMark[]> {
  const addressed = known.flatMap((one): Addressed[] =>
    one.read.hash === null ? [] : [{ ...one, hash: one.read.hash }],
  )
  const bad = addressed.filter(({ read: { report } }) => report.trouble ?? report.mark?.state === 'dead')
  await keepTroubles(
    db,
    bad.map(({ hash, at, read }) => ({ hash, at, attempt: read.attempt, reason: reasonOf(read.report) })),
  )
  const repeated = bad.flatMap(one => (one.read.report.trouble ? [{ ...one, ...one.read.report.trouble }] : []))
  const counts = await countTroubles(
    db,
    repeated.map(({ hash, reason, days, at: before }) => ({ hash, reason, days, before })),
  )
  const delivered = addressed.filter(one => one.read.report.standing === 'delivered')
  const troubled = await troubledAmong(
    db,
    delivered.map(one => one.hash),
  )
  return [
    ...addressed.flatMap(one => (one.read.report.mark ? [markOf(one, one.read.report.mark)] : [])),
    ...repeated.flatMap((one, at) =>
      counts[at]! >= one.times ? [markOf(one, { state: 'suspect', reason: one.reason })] : [],
    ),
    ...delivered.flatMap(one => (troubled.has(one.hash) ? [markOf(one, { state: 'alive', reason: 'delivered' })] : [])),
  ].toSorted((a, b) => a.at - b.at)
}

const reasonOf = ({ trouble, mark }: Report): string => trouble?.reason ?? mark!.reason

function markOf({ of, at, hash }: Addressed, said: Pick<HashedMark, 'state' | 'reason'>): HashedMark {
  const { recipient, endpoint, channel, batch } = of
  return { ...{ recipient, endpoint, channel, hash }, ...said, at, of: madeAt(batch) }
}

/** Gives the events of what went further. */
async function raise(tx: Queryable, known: readonly Known[], { catalogue, metrics }: ReportDeps): Promise<EventPack[]> {
  const reported = known.map(one => ({ ...reportedOf(one), known: one }))
  const raised = await raiseStandings(tx, reported)
  for (const { standing, known: one } of raised)
    metrics.count('standings_total', { provider: one.of.provider, standing })
  await settleDoubts(
    tx,
    raised.flatMap(({ known: { of } }) => (of.moved ? [of.batch] : [])),
  )
  await writeReached(
    tx,
    raised.flatMap(({ standing, known: { of, at } }) => {
      const waited = catalogue.types.get(of.intent.type)?.deliver.some(step => step.unless === 'delivered')
      return standing === 'delivered' && waited ? of.told.map(intent => ({ recipient: of.recipient, intent, at })) : []
    }),
  )
  return eachOnce(
    raised.flatMap(({ standing, known: { of, at } }) =>
      // Several attempts of one delivery tell it once.
      standing === 'accepted' ? [] : [deliveryPack(of, { kind: 'standing', what: standing, at })],
    ),
  )
}

const deedsOf = (known: readonly Known[]): EventPack[] =>
  eachOnce(
    known.flatMap(({ read: { report }, of, at }) =>
      report.deed === undefined ? [] : [deliveryPack(of, { kind: 'engaged', what: report.deed, at })],
    ),
  )

const reportedOf = ({ read, of, named }: Known): Reported => ({
  delivery: deliveryId({ intent: of.intent.id, recipient: of.recipient, endpoint: of.endpoint }),
  attempt: named,
  standing: read.report.standing,
  providerId: read.report.providerId,
})

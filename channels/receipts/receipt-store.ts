import type { EpochMs } from '#contracts/ids.ts'
import type { Queryable } from '#runtime/postgres.ts'
import { purgeStep } from '#runtime/purge-step.ts'
import type { KeptReport } from '../report.ts'

/** Providers that report by webhooks. */
export type ReportingProvider = 'twilio' | 'sendgrid'
/** A report that waits to be believed. */
export type WaitingReport = Omit<KeptReport, 'address'> & {
  provider: ReportingProvider
  hash: string | null
  at: EpochMs
}

/** Keeps reports, each once by the provider's name for it. Gives how many are new. */
export async function keepReports(db: Queryable, reports: readonly Omit<WaitingReport, 'at'>[]): Promise<number> {
  if (reports.length === 0) return 0
  const rows = await db.query(
    `insert into receipts (provider, event, attempt, address_hash, body)
     select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[]) as r(provider, event, attempt, hash, body)
     order by provider, event collate "C" on conflict do nothing returning 1`,
    [
      reports.map(one => one.provider),
      reports.map(one => one.event),
      reports.map(one => one.attempt),
      reports.map(one => one.hash),
      reports.map(one => JSON.stringify(one.body)),
    ],
  )
  return rows.length
}

/**
 * Takes waiting reports off, the oldest first, in the transaction that believes them: nobody else has them meanwhile, and those
 * that somebody has are passed over. Where it is rolled back they wait again.
 */
export async function takeReports(tx: Queryable, { limit }: { limit: number }): Promise<WaitingReport[]> {
  const rows = await tx.query<Omit<WaitingReport, 'at' | 'body'> & { at: Date; body: string }>(
    `with next as materialized (
       select provider, event from receipts where applied_at is null order by at limit $1 for update skip locked)
     update receipts r set applied_at = now() from next n where r.provider = n.provider and r.event = n.event
     returning r.provider, r.event, r.attempt, r.address_hash as hash, r.body, r.at`,
    [limit],
  )
  return rows
    .map(row => ({ ...row, at: row.at.getTime(), body: JSON.parse(row.body) as KeptReport['body'] }))
    .toSorted((a, b) => a.at - b.at)
}

/** Forgets reports that came before the ledger begins, in small steps. True when there is more. */
export const purgeReports = (db: Queryable, { before }: { before: EpochMs }): Promise<boolean> =>
  purgeStep(
    db,
    `delete from receipts where ctid in (
       select ctid from receipts where at < to_timestamp($1 / 1000.0) limit $2 for update skip locked)`,
    [before],
  )

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

/** Reports that wait, the oldest first. */
export async function waitingReports(db: Queryable, { limit }: { limit: number }): Promise<WaitingReport[]> {
  const rows = await db.query<Omit<WaitingReport, 'at' | 'body'> & { at: Date; body: string }>(
    `select provider, event, attempt, address_hash as hash, body, at from receipts where applied_at is null
     order by at limit $1`,
    [limit],
  )
  return rows.map(row => ({ ...row, at: row.at.getTime(), body: JSON.parse(row.body) as KeptReport['body'] }))
}

/** Takes waiting reports off, in the transaction that believes them. Gives those that nobody else has taken. */
export async function takeReports<R extends WaitingReport>(tx: Queryable, reports: readonly R[]): Promise<R[]> {
  const rows = await tx.query<{ provider: string; event: string }>(
    `update receipts set applied_at = now() where (provider, event) in (
       select provider, event from receipts
       where (provider, event) in (select * from unnest($1::text[], $2::text[])) and applied_at is null
       for update skip locked)
     returning provider, event`,
    [reports.map(one => one.provider), reports.map(one => one.event)],
  )
  const taken = new Set(rows.map(row => `${row.provider} ${row.event}`))
  return reports.filter(one => taken.has(`${one.provider} ${one.event}`))
}

/** Forgets reports that came before the ledger begins, in small steps. True when there is more. */
export const purgeReports = (db: Queryable, { before }: { before: EpochMs }): Promise<boolean> =>
  purgeStep(
    db,
    `delete from receipts where ctid in (
       select ctid from receipts where at < to_timestamp($1 / 1000.0) limit $2 for update skip locked)`,
    [before],
  )

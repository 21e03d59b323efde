import type { Rig } from './rig.ts'

type Query = Rig['query']

/** From now on the database itself writes down which connection claims which batch: the ledger does not say whose a lease is. */
export async function watchClaims(query: Query): Promise<void> {
  await query(`create table chaos_claims (batch uuid not null, attempt int not null, pid text not null)`)
  await query(
    `create function chaos_claim() returns trigger language plpgsql as $$ begin
       insert into chaos_claims values (new.id, new.attempt, current_setting('application_name'));
       return null;
     end $$`,
  )
  await query(
    `create trigger chaos_claim after update of attempt on batches for each row
     when (new.attempt > old.attempt) execute function chaos_claim()`,
  )
}

/** A database URL whose connections are known as those of one process. */
export function databaseUrlOf(pid: number, databaseUrl: string): string {
  const url = new URL(databaseUrl)
  url.searchParams.set('application_name', String(pid))
  return url.href
}

/** Batches that a process has claimed and nobody has closed, given back or taken over; without a process, of all. */
export async function heldBatches(query: Query, pid?: number): Promise<string[]> {
  const rows = await query<{ batch: string }>(
    `select c.batch::text as batch from chaos_claims c join batches b on b.id = c.batch and b.attempt = c.attempt
     where b.closed_at is null and b.lease_until is not null and ($1::text is null or c.pid = $1)`,
    [pid?.toString() ?? null],
  )
  return rows.map(row => row.batch)
}

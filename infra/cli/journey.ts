import { isSettled, ledgerState, type LedgerState } from '#ledger/ready.ts'
import { plainArray, type Queryable } from '#runtime/postgres.ts'

/** How far everything that was published has come. */
export type Journey = {
  ledger: LedgerState
  /** Intents that the router has not taken in yet. */
  waiting: number
  /** Sets and batches whose events have not reached the sink. */
  unstored: number
}

/**
 * `published`: how many intents were published into this database; or, where others may have published, too, the ids
 * that matter. Ids that have arrived are taken out of the set, so that the next look asks for fewer.
 */
export async function journeyOf({ db }: { db: Queryable }, published: number | Set<string>): Promise<Journey> {
  const waiting = typeof published === 'number' ? published - (await taken(db)) : await unarrived(db, published)
  const [row] = await db.query<{ unstored: number }>(
    `select (select count(*) from sets s where delivering + refused + held > 0 and not exists (
          select from event_packs p where p.day = s.day and p.pack = s.id || '/decided'))::int
       + (select count(*) from batches b where closed_at is not null and provider <> '' and not exists (
          select from event_packs p where p.day = b.day and p.pack = b.id || '/settled'))::int as unstored`,
  )
  return { ledger: await ledgerState(db), waiting: Math.max(0, waiting), unstored: row!.unstored }
}

/** Holds wait for their hour, not for us. */
export const isUnderWay = ({ ledger, waiting, unstored }: Journey): boolean =>
  waiting + unstored > 0 || !isSettled({ ...ledger, holdsOpen: 0 })

export function progressOf({ ledger, waiting, unstored }: Journey): string {
  const ready = ledger.ready.reduce((n, one) => n + one.batches, 0)
  const parts = [
    waiting > 0 && `${waiting} intents to route`,
    ledger.expansionsOpen > 0 && `${ledger.expansionsOpen} audiences to expand`,
    ready > 0 && `${ready} batches to send`,
    ledger.openBatches > ready && `${ledger.openBatches - ready} in work or waiting to be tried again`,
    ledger.doubtsOpen > 0 && `${ledger.doubtsOpen} deliveries in doubt`,
    unstored + ledger.outbox > 0 && `${unstored + ledger.outbox} event packs to store`,
  ]
  return `  ${parts.filter(Boolean).join(' · ') || 'settling'} …`
}

async function taken(db: Queryable): Promise<number> {
  const [row] = await db.query<{ n: number }>(
    `select ((select count(*) from admitted) + (select count(*) from refused where intent_id is not null))::int as n`,
  )
  return row!.n
}

async function unarrived(db: Queryable, ids: Set<string>): Promise<number> {
  const arrived = await db.query<{ id: string }>(
    `select id from unnest($1::uuid[]) as p(id)
     where exists (select from admitted a where a.id = p.id) or exists (select from refused r where r.intent_id = p.id)`,
    [plainArray([...ids])],
  )
  for (const { id } of arrived) ids.delete(id)
  return ids.size
}

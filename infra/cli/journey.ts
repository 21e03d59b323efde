import { isSettled, ledgerState, type LedgerState } from '#ledger/ready.ts'
import type { Installation } from './installation.ts'

/** How far everything that was published has come. */
export type Journey = {
  ledger: LedgerState
  /** Intents that the router has not taken in yet. */
  waiting: number
  /** Sets and batches whose events have not reached the sink. */
  unstored: number
}

export async function journeyOf({ db }: Installation, published: number): Promise<Journey> {
  const [row] = await db.query<{ taken: number; unstored: number }>(
    `select (select count(*) from admitted)::int + (select count(*) from refused where intent_id is not null)::int as taken,
       (select count(*) from sets s where delivering + refused + held > 0 and not exists (
          select from event_packs p where p.day = s.day and p.pack = s.id || '/decided'))::int
       + (select count(*) from batches b where closed_at is not null and provider <> '' and not exists (
          select from event_packs p where p.day = b.day and p.pack = b.id || '/settled'))::int as unstored`,
  )
  return { ledger: await ledgerState(db), waiting: Math.max(0, published - row!.taken), unstored: row!.unstored }
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

import type { Catalogue } from '#contracts/catalogue.ts'
import type { Deed } from '#contracts/event.ts'
import { type Attempt, type EpochMs, type IntentId, madeAt, type RecipientId } from '#contracts/ids.ts'
import { findAccepted, type KnownDelivery, readDeliveries } from '#ledger/attempts.ts'
import { writeOutbox } from '#ledger/outbox.ts'
import type { Queryable } from '#runtime/postgres.ts'
import { daysMax, deedPacks } from './delivery-packs.ts'
import { type Acted, takeActed } from './look-store.ts'

const dayMs = 86_400_000
/** A person who marks more at once is told of for the newest. */
const toldMax = 500

/**
 * Lets the events tell that a person looked at items in the inbox itself, for the first time, in one pack. In the transaction
 * that marks them; it costs the same for one of a million who were told. Of what the ledger has forgotten nothing is told.
 */
export async function tellLooked(
  tx: Queryable,
  { recipient, what, at, items }: { recipient: string; what: 'seen' | 'read'; at: EpochMs; items: readonly Acted[] },
): Promise<void> {
  const deliveries = await deliveriesOf(tx, recipient, items.slice(0, toldMax))
  await tell(
    tx,
    deliveries.filter(of => of.channel === 'in_app'),
    { what, at },
  )
}

/**
 * Lets the events tell that the success which types of a catalogue name has followed: for one intent, or for all of such types
 * that their person had looked at by then. A delivery has one success, and it is told once.
 */
export const tellSuccess =
  ({ types }: Catalogue) =>
  async (
    tx: Queryable,
    { recipient, event, at, intent }: { recipient: string; event: string; at: EpochMs; intent?: IntentId },
  ): Promise<void> => {
    const named = [...types.values()].filter(({ acted }) => acted === event).map(({ type }) => type)
    if (named.length === 0) return
    const which = intent === undefined ? { lookedSince: at - daysMax * dayMs } : { intent }
    const acted = await takeActed(tx, { recipient: recipient as RecipientId, types: named, at, ...which })
    await tell(tx, await deliveriesOf(tx, recipient, acted), { what: 'acted', at })
  }

/** By key; an item that was put before its attempt was kept is looked for. */
async function deliveriesOf(tx: Queryable, recipient: string, items: readonly Acted[]): Promise<KnownDelivery[]> {
  const placed = items.filter((item): item is Acted & Attempt => item.batch !== null)
  const others = items.filter(item => item.batch === null).map(({ intent }) => ({ intent, recipient }))
  return readDeliveries(tx, [...placed, ...(await findAccepted(tx, others))])
}

/** The sink takes no events of older days, and of who was erased nothing is told. */
async function tell(
  tx: Queryable,
  deliveries: readonly KnownDelivery[],
  said: { what: Deed; at: EpochMs },
): Promise<void> {
  await writeOutbox(
    tx,
    deedPacks(
      deliveries.filter(({ batch }) => said.at - madeAt(batch) <= daysMax * dayMs),
      said,
    ),
  )
}

import type { Catalogue } from '#contracts/catalogue.ts'
import type { EventPack } from '#contracts/event.ts'
import { type EpochMs, type IntentId, madeAt } from '#contracts/ids.ts'
import { readAccepted } from '#ledger/attempts.ts'
import { writeOutbox } from '#ledger/outbox.ts'
import type { Queryable } from '#runtime/postgres.ts'
import { daysMax, deliveryPack, eachOnce } from './delivery-packs.ts'

const dayMs = 86_400_000
/** A person who marks more at once is told of for the newest. */
const toldMax = 500

/**
 * Lets the events tell that a person looked at notifications in the inbox itself, for the first time. In the transaction that
 * marks them. Of what the ledger has forgotten nothing is told.
 */
export async function tellLooked(
  tx: Queryable,
  {
    recipient,
    what,
    at,
    intents,
  }: { recipient: string; what: 'seen' | 'read'; at: EpochMs; intents: readonly IntentId[] },
): Promise<void> {
  const asked = intents.slice(0, toldMax).map(intent => ({ intent, recipient }))
  const accepted = (await readAccepted(tx, asked)).filter(of => of.channel === 'in_app')
  await write(tx, { at, packs: accepted.map(of => deliveryPack(of, { kind: 'engaged', what, at })) })
}

/**
 * Lets the events tell that the success which types of a catalogue name has followed: for one intent, or for all of such types
 * that their person had looked at by then. A delivery has one success; to tell it again changes nothing.
 */
export const tellSuccess =
  ({ types }: Catalogue) =>
  async (
    tx: Queryable,
    { recipient, event, at, intent }: { recipient: string; event: string; at: EpochMs; intent?: IntentId },
  ): Promise<void> => {
    const named = [...types.values()].filter(({ acted }) => acted === event).map(({ type }) => type)
    const intents = await lookedAt(tx, { recipient, types: named, at, intent })
    const asked = intents.map(one => ({ intent: one, recipient }))
    const accepted = (await readAccepted(tx, asked)).filter(of => named.includes(of.intent.type))
    await write(tx, { at, packs: accepted.map(of => deliveryPack(of, { kind: 'engaged', what: 'acted', at })) })
  }

/** The sink takes no events of older days, and of who was erased nothing is told. */
async function write(tx: Queryable, { at, packs }: { at: EpochMs; packs: readonly EventPack[] }): Promise<void> {
  const recent = packs.filter(({ batch }) => at - madeAt(batch!) <= daysMax * dayMs)
  if (recent.length > 0) await writeOutbox(tx, eachOnce(recent))
}

type Asked = { recipient: string; types: readonly string[]; at: EpochMs; intent: IntentId | undefined }

/** The one that is named, else all of some types (or of whichever, where that is not kept) that a person looked at. */
async function lookedAt(tx: Queryable, { recipient, types, at, intent }: Asked): Promise<IntentId[]> {
  const rows = await tx.query<{ intent: IntentId }>(
    `select intent from (
       select $4::uuid as intent, now() as at where $4::uuid is not null
       union all select intent_id, seen_at from inbox_items
       where $4::uuid is null and recipient = $1 and type = any($2::text[]) and seen_at >= to_timestamp($3 / 1000.0)
       union all select intent_id, at from engagements
       where $4::uuid is null and recipient = $1 and what in ('seen', 'read') and at >= to_timestamp($3 / 1000.0)) as looked
     where not exists (select from recipients where id = $1 and erased_at is not null)
     group by intent order by max(at) desc limit $5`,
    [recipient, types, at - daysMax * dayMs, intent ?? null, toldMax],
  )
  return rows.map(row => row.intent)
}

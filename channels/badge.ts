import { stepFor } from '#contracts/arms.ts'
import type { Catalogue } from '#contracts/catalogue.ts'
import { deliveryId, type EpochMs } from '#contracts/ids.ts'
import type { ClaimedBatch } from '#ledger/batch.ts'
import { inTenant, mayWe, type Person } from '#preferences/preferences.ts'
import { type Queryable, textArray } from '#runtime/postgres.ts'

/** A badge counts no further: who has more unread has many. */
const badgeMax = 99

type BadgeFacts = { people: ReadonlyMap<string, Person>; catalogue: Catalogue; now: EpochMs }

/**
 * The number for the app's icon that goes with each push of a claimed batch, by slot: the person's unread items, and the
 * one that this push tells of, which may be on its way into the inbox. Types that go to no inbox change no badge, and
 * nothing is asked for them.
 */
export async function readBadges(
  db: Queryable,
  batch: ClaimedBatch,
  { people, catalogue, now }: BadgeFacts,
): Promise<(number | undefined)[]> {
  const badges = Array<number | undefined>(batch.slots.length).fill(undefined)
  if (batch.channel !== 'push') return badges
  const entries = batch.intents.map(intent => catalogue.types.get(intent.type))
  if (entries.every(entry => !entry?.deliver.some(step => step.channel === 'in_app'))) return badges
  const asked = batch.slots.flatMap(({ recipient, intent: at, reason }, place) => {
    const intent = batch.intents[at]!
    const entry = entries[at]
    if (!entry || !stepFor(entry, recipient, 'in_app')) return []
    const person = inTenant(people.get(recipient)!, intent.tenant)
    const wished = { category: intent.category, mandatory: entry.mandatory ?? false, at: now, place: intent, reason }
    const own = mayWe(person, { ...wished, channel: 'in_app' }).allowed ? 1 : 0
    return [{ place, recipient, own, item: deliveryId({ intent: intent.id, recipient, endpoint: 'inbox' }) }]
  })
  const unread = await countUnread(db, asked)
  asked.forEach(({ place, own }, at) => void (badges[place] = Math.min(badgeMax, unread[at]! + own)))
  return badges
}

/** How many items people have not read, without the one that is named, in the order in which it is asked; 99 at most. */
export async function countUnread(
  db: Queryable,
  asked: readonly { recipient: string; item?: string }[],
): Promise<number[]> {
  if (asked.length === 0) return []
  const [row] = await db.query<{ unread: string }>(
    `select string_agg(u.n::text, ',' order by a.place) as unread
     from unnest($1::text[], $2::text[]) with ordinality as a(recipient, item, place)
     cross join lateral (select count(*) as n from (
       select from inbox_items i where i.recipient = a.recipient and i.read_at is null and i.delivery <> a.item limit ${badgeMax}) i) u`,
    [textArray(asked.map(one => one.recipient)), textArray(asked.map(one => one.item ?? ''))],
  )
  return row!.unread.split(',').map(Number)
}

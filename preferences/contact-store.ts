import { createHash } from 'node:crypto'
import type { Contact } from '#contracts/intent.ts'
import type { Queryable } from '#runtime/postgres.ts'
import type { Endpoint } from './preferences.ts'

export const contactPrefix = 'contact:'

/** The recipient id of an inline contact: the same address is the same recipient. Pure. */
export function contactRecipient(contact: Contact): string {
  const { channel, address } = endpointOf(contact)
  const hash = createHash('sha256').update(channel).update('\0').update(address.toLowerCase())
  return `${contactPrefix}${hash.digest('base64url').slice(0, 22)}`
}

/**
 * Stores inline contacts as recipients with one endpoint, so that from there on only ids travel. Gives their ids in order.
 * Idempotent: what is known of the address (dead, suppressed, erased) stays; the latest locale counts.
 */
export async function keepContacts(
  db: Queryable,
  contacts: readonly { contact: Contact; locale?: string }[],
): Promise<string[]> {
  const ids = contacts.map(({ contact }) => contactRecipient(contact))
  const distinct = new Map(ids.map((id, at) => [id, contacts[at]!]))
  const kept = [...distinct.values()]
  // In the order of ids, so that two routers that keep the same contacts cannot deadlock.
  await db.query(
    `insert into recipients as r (id, locale, endpoints)
     select * from unnest($1::text[], $2::text[], $3::text[]) as c(id, locale, endpoints) order by id collate "C"
     on conflict (id) do update set locale = excluded.locale
       where r.erased_at is null and excluded.locale is not null and r.locale is distinct from excluded.locale`,
    [
      [...distinct.keys()],
      kept.map(({ locale }) => locale ?? null),
      kept.map(({ contact }) => JSON.stringify([endpointOf(contact)])),
    ],
  )
  return ids
}

const endpointOf = (contact: Contact): Endpoint => ({
  ...('email' in contact
    ? ({ id: 'contact', channel: 'email', provider: 'sendgrid', address: contact.email } as const)
    : ({ id: 'contact', channel: 'sms', provider: 'twilio', address: contact.phone } as const)),
  state: 'active',
  since: 0,
})

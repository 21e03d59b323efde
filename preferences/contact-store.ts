import type { EpochMs } from '#contracts/ids.ts'
import type { Contact } from '#contracts/intent.ts'
import type { Queryable } from '#runtime/postgres.ts'
import { addressHash } from './address.ts'
import { contactPrefix, type GivenEndpoint } from './profile.ts'
import type { Person } from './preferences.ts'
import { type RecipientStore, upsertRecipients } from './recipient-store.ts'
import { suppressedOf, type Suppressions } from './suppression-store.ts'

/** The recipient id of an inline contact: the same address is the same recipient, and nobody without the key can tell whose. */
export const contactRecipient = (addressKey: string, contact: Contact): string =>
  `${contactPrefix}${addressHash(addressKey, endpointOf(contact)).slice(0, 22)}`

/** Whether a contact was given lately is written down this often. */
const touchMs = 86_400_000

/**
 * Stores inline contacts as recipients with one endpoint, so that from there on only ids travel. Gives their ids in order.
 * Idempotent: what is known of the address (dead, suppressed, erased) stays; the latest locale counts.
 */
export async function keepContacts(
  store: RecipientStore,
  contacts: readonly { contact: Contact; locale?: string }[],
): Promise<string[]> {
  const ids = contacts.map(({ contact }) => contactRecipient(store.addressKey, contact))
  const distinct = new Map(ids.map((id, at) => [id, contacts[at]!]))
  const known = new Set(await touched(store, distinct))
  const profiles = [...distinct].flatMap(([id, { contact, locale }]) =>
    known.has(id) ? [] : [{ id, endpoints: [endpointOf(contact)], ...(locale !== undefined && { locale }) }],
  )
  if (profiles.length > 0) await upsertRecipients(store, profiles)
  return ids
}

/**
 * The people that `keepContacts` would make of inline contacts, by id; stores nothing. `people` holds what is known of
 * those ids.
 */
export async function contactsAsKept(
  { db, addressKey }: Suppressions,
  contacts: readonly { contact: Contact; locale?: string }[],
  people: ReadonlyMap<string, Person>,
): Promise<Map<string, Person>> {
  const given = contacts.map(({ contact, locale }) => {
    const endpoint = endpointOf(contact)
    return { id: contactRecipient(addressKey, contact), endpoint, locale, hash: addressHash(addressKey, endpoint) }
  })
  const suppressed = await suppressedOf(
    db,
    given.map(one => one.hash),
  )
  const kept = given.map(({ id, endpoint, locale, hash }): [string, Person] => {
    const known = people.get(id)!
    const to = locale === undefined ? {} : { locale }
    if (known.erased || known.endpoints.some(one => one.channel === endpoint.channel)) return [id, { ...known, ...to }]
    const state = suppressed.has(hash) ? 'suppressed' : 'active'
    return [id, { ...known, ...to, endpoints: [...known.endpoints, { ...endpoint, state, since: 0 }] }]
  })
  return new Map(kept)
}

/** Those that are known already. Who only chose something has no address yet. */
async function touched(
  { db, now }: RecipientStore,
  contacts: ReadonlyMap<string, { locale?: string }>,
): Promise<string[]> {
  const ids = [...contacts.keys()]
  const rows = await db.query<{ id: string; stale: boolean }>(
    `select r.id, r.erased_at is null and (coalesce(r.locale is distinct from c.locale, false) and c.locale is not null
       or r.updated_at < to_timestamp($3 / 1000.0)) as stale
     from unnest($1::text[], $2::text[]) as c(id, locale) join recipients r on r.id = c.id
     where r.erased_at is not null or r.endpoints is not null`,
    [ids, ids.map(id => contacts.get(id)!.locale ?? null), now - touchMs],
  )
  const stale = rows.filter(row => row.stale).map(row => row.id)
  // In the order of ids, as everybody locks people.
  if (stale.length > 0)
    await db.query(
      `with locked as materialized (select id from recipients where id = any($1::text[]) order by id for update)
       update recipients r set locale = coalesce(c.locale, r.locale), updated_at = to_timestamp($3 / 1000.0)
       from locked l join unnest($1::text[], $2::text[]) as c(id, locale) on c.id = l.id
       where r.id = l.id and r.erased_at is null`,
      [stale, stale.map(id => contacts.get(id)!.locale ?? null), now],
    )
  return rows.map(row => row.id)
}

const purgeRows = 1_000

/**
 * Forgets contacts that nobody has named since `before`, in small steps, and their addresses with them. Of who made a choice
 * that choice stays, under an id that is a keyed hash, and the address goes all the same; who was erased stays, so does who
 * is still to be told something, and what is suppressed. True when there is more to do.
 */
export async function purgeContacts(db: Queryable, { before }: { before: EpochMs }): Promise<boolean> {
  const rows = await db.query(
    `with awaited as materialized (
       select unnest(recipients) as id from holds where released_at is null
       union select unnest(recipients) from batches where closed_at is null),
     old as materialized (
       select id, choices is not null or quiet is not null as chose
       from recipients r where id >= '${contactPrefix}' and id < '${contactPrefix}~' and updated_at < to_timestamp($1 / 1000.0)
         and erased_at is null and (endpoints is not null or locale is not null or (choices is null and quiet is null))
         and not exists (select from awaited a where a.id = r.id)
       order by id limit ${purgeRows} for update of r skip locked),
     released as (delete from addresses where recipient in (select id from old)),
     bare as (update recipients set endpoints = null, locale = null where id in (select id from old where chose)),
     gone as (delete from recipients where id in (select id from old where not chose))
     select 1 from old`,
    [before],
  )
  return rows.length === purgeRows
}

const endpointOf = (contact: Contact): GivenEndpoint & { id: string } =>
  'email' in contact
    ? { id: 'contact', channel: 'email', provider: 'sendgrid', address: contact.email }
    : { id: 'contact', channel: 'sms', provider: 'twilio', address: contact.phone }

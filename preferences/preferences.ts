import { createHash } from 'node:crypto'
import type { Channel, Provider } from '#contracts/channel.ts'
import type { Why } from '#contracts/decision.ts'
import type { EpochMs } from '#contracts/ids.ts'
import type { Contact } from '#contracts/intent.ts'
import { type Queryable, textArray } from '#runtime/postgres.ts'

export type Endpoint = {
  id: string
  channel: Channel
  provider: Provider
  address: string
  state: 'active' | 'dead' | 'suppressed'
  since: EpochMs
  app?: string
}
export type QuietHours = { start: string; end: string }
/** Category (or `*`) × channel: false is off. `threads`: muted ones and until when. */
export type Choices = {
  categories?: Record<string, { [C in Channel]?: boolean }>
  threads?: Record<string, EpochMs | true>
}
export type Person = {
  id: string
  tenant?: string
  locale?: string
  zone?: string
  quiet?: QuietHours
  choices: Choices
  endpoints: readonly Endpoint[]
  erased: boolean
}

const inbox: Endpoint = { id: 'inbox', channel: 'in_app', provider: 'inbox', address: '', state: 'active', since: 0 }
const noChoices: Choices = {}

/** The people of a set, in one statement. Who is not known is a person without settings. */
export async function readPeople(db: Queryable, ids: readonly string[]): Promise<Map<string, Person>> {
  const people = new Map<string, Person>(
    ids.map(id => [id, { id, choices: noChoices, endpoints: [inbox], erased: false }]),
  )
  if (ids.length === 0) return people
  const rows = await db.query<Row>(
    `select id, tenant, locale, zone, quiet, choices, endpoints, erased_at is not null as erased from recipients where id = any($1::text[])`,
    [textArray(ids)],
  )
  for (const row of rows) people.set(row.id, personOf(row))
  return people
}

type Row = {
  id: string
  tenant: string | null
  locale: string | null
  zone: string | null
  quiet: string | null
  choices: string | null
  endpoints: string | null
  erased: boolean
}

function personOf(row: Row): Person {
  const [start, end] = row.quiet?.split('-') ?? []
  return {
    id: row.id,
    choices: row.choices ? (JSON.parse(row.choices) as Choices) : noChoices,
    endpoints: row.endpoints ? [...(JSON.parse(row.endpoints) as Endpoint[]), inbox] : [inbox],
    erased: row.erased,
    ...(row.tenant && { tenant: row.tenant }),
    ...(row.locale && { locale: row.locale }),
    ...(row.zone && { zone: row.zone }),
    ...(start && end && { quiet: { start, end } }),
  }
}

/** May we? Asked for one channel. */
export function mayWe(
  person: Person,
  ask: { category: string; channel: Channel; thread?: string; mandatory: boolean; at?: EpochMs },
): { allowed: boolean; why: Why; outcome?: 'suppressed_preference' | 'suppressed_mute' } {
  if (person.erased) return { allowed: false, why: { rule: 'erased' }, outcome: 'suppressed_preference' }
  if (ask.mandatory) return { allowed: true, why: { rule: 'mandatory' } }
  const muted = ask.thread === undefined ? undefined : person.choices.threads?.[ask.thread]
  if (muted !== undefined && (muted === true || muted > (ask.at ?? 0)))
    return { allowed: false, why: { rule: 'muted_thread', value: ask.thread! }, outcome: 'suppressed_mute' }
  const wish =
    person.choices.categories?.[ask.category]?.[ask.channel] ?? person.choices.categories?.['*']?.[ask.channel]
  const value = `${ask.category} by ${ask.channel}`
  if (wish === false) return { allowed: false, why: { rule: 'opted_out', value }, outcome: 'suppressed_preference' }
  return { allowed: true, why: wish ? { rule: 'opted_in', value } : { rule: 'default' } }
}

/** Where to? The endpoints that may be used. */
export function whereTo(
  person: Person,
  channel: Channel,
): { endpoints: readonly Endpoint[]; why?: Why; outcome?: 'no_endpoint' | 'suppressed_address' } {
  const all = person.endpoints.filter(endpoint => endpoint.channel === channel)
  const active = all.filter(endpoint => endpoint.state === 'active')
  if (active.length > 0) return { endpoints: active }
  if (all.some(endpoint => endpoint.state === 'suppressed'))
    return { endpoints: [], why: { rule: 'endpoint_suppressed', value: channel }, outcome: 'suppressed_address' }
  return { endpoints: [], why: { rule: 'no_endpoint', value: channel }, outcome: 'no_endpoint' }
}

export const contactRecipient = (contact: Contact): string =>
  `contact:${createHash('sha256').update(JSON.stringify(contact)).digest('base64url').slice(0, 22)}`

export async function keepContacts(
  db: Queryable,
  contacts: readonly { contact: Contact; locale?: string }[],
): Promise<string[]> {
  const rows = contacts.map(({ contact, locale }) => {
    const [channel, provider, address] =
      'email' in contact ? (['email', 'sendgrid', contact.email] as const) : (['sms', 'twilio', contact.phone] as const)
    const endpoint: Endpoint = { id: 'contact', channel, provider, address, state: 'active', since: 0 }
    return { id: contactRecipient(contact), locale: locale ?? null, endpoints: JSON.stringify([endpoint]) }
  })
  await db.query(
    `insert into recipients (id, locale, endpoints) select * from unnest($1::text[], $2::text[], $3::text[]) as u(id, l, e) order by id on conflict do nothing`,
    [rows.map(row => row.id), rows.map(row => row.locale), rows.map(row => row.endpoints)],
  )
  return rows.map(row => row.id)
}

export type MembershipSource = {
  name: string
  page(audience: string, after: string, limit: number): Promise<{ recipient: string; reason?: string }[]>
}

export async function audiencePage(
  db: Queryable,
  page: { audiences: readonly string[]; after: string; limit: number; sources?: readonly MembershipSource[] },
): Promise<{ recipient: string; reason?: string }[]> {
  const rows = await db.query<{ recipient: string; reason: string | null }>(
    `select recipient, min(reason) as reason from audience_members where audience = any($1) and recipient > $2
     group by recipient order by recipient limit $3`,
    [page.audiences, page.after, page.limit],
  )
  return rows.map(({ recipient, reason }) => ({ recipient, ...(reason && { reason }) }))
}

/**
 * Remembers what was learned about endpoints: dead ones are not used until they are registered again, suppressed ones
 * never. What a provider says about a time before the last registration (`at` < `since`) changes nothing.
 */
export async function markEndpoint(
  db: Queryable,
  marks: readonly { recipient: string; endpoint: string; state: 'dead' | 'suppressed'; reason: string; at: EpochMs }[],
): Promise<void> {
  const values = [
    marks.map(mark => mark.recipient),
    marks.map(mark => mark.endpoint),
    marks.map(mark => mark.state),
    marks.map(mark => mark.at),
    marks.map(mark => mark.reason),
  ]
  await db.query(
    `with mark as (
       select * from unnest($1::text[], $2::text[], $3::text[], $4::float8[], $5::text[]) as m(recipient, endpoint, state, at, reason)),
     person as (
       select id, endpoints from recipients where id in (select recipient from mark) and endpoints is not null order by id for update),
     marked as (
       update recipients r set endpoints = (
         select json_agg(case when m.state is not null then e || jsonb_build_object('state', m.state) else e end order by n)::text
         from jsonb_array_elements(p.endpoints::jsonb) with ordinality as x(e, n)
         left join mark m on m.recipient = p.id and m.endpoint = e->>'id' and (m.state = 'suppressed' or (e->>'since')::float8 < m.at))
       from person p where r.id = p.id),
     refused as (
       insert into suppressions (hash, channel, reason, source, at)
       select distinct on (a.hash, a.channel) a.hash, a.channel, m.reason, 'provider', to_timestamp(m.at / 1000.0)
       from mark m join addresses a on a.recipient = m.recipient and a.endpoint = m.endpoint where m.state = 'suppressed'
       order by a.hash, a.channel on conflict do nothing)
     insert into consent_log (at, recipient, kind, endpoint, wish, source)
     select to_timestamp(at / 1000.0), recipient, 'suppression', endpoint, false, 'provider' from mark where state = 'suppressed'`,
    values,
  )
}

export function quietUntil(ask: { quiet: QuietHours; zone: string; at: EpochMs }): EpochMs | undefined {
  const at = Temporal.Instant.fromEpochMilliseconds(ask.at).toZonedDateTimeISO(ask.zone)
  const now = at.toPlainTime()
  const start = Temporal.PlainTime.from(ask.quiet.start)
  const end = Temporal.PlainTime.from(ask.quiet.end)
  const afterStart = Temporal.PlainTime.compare(now, start) >= 0
  const beforeEnd = Temporal.PlainTime.compare(now, end) < 0
  const wraps = Temporal.PlainTime.compare(start, end) > 0
  const quiet = wraps ? afterStart || beforeEnd : afterStart && beforeEnd
  if (!quiet) return undefined
  const day = wraps && afterStart ? at.toPlainDate().add({ days: 1 }) : at.toPlainDate()
  return day.toZonedDateTime({ timeZone: ask.zone, plainTime: end }).epochMilliseconds
}

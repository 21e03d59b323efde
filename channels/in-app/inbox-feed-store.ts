import type { Catalogue, InAppContent } from '#contracts/catalogue.ts'
import { countMax, type InboxCounts, type InboxItem } from '#contracts/inbox.ts'
import { plainArray, type Queryable, textArray } from '#runtime/postgres.ts'
import { ofTenant } from './inbox-store.ts'

/** An item as it is stored; its category is the catalogue's to say. */
export type StoredItem = Omit<InboxItem, 'category'>

/** Whose inbox. `tenant`: what was told in it, and in none; absent: all. */
export type Whose = { recipient: string; tenant?: string }
export type ItemsAsked = Whose & {
  /** Older than this number of the person. */
  before?: number
  unread?: boolean
  archived?: boolean
  thread?: string
  types?: readonly string[]
  limit: number
}

type Inbox = { number: number; counts: InboxCounts }
/** Items, newest first, and the inbox as a whole, of one moment: changes after `number` are in neither. */
export async function readItems(db: Queryable, asked: ItemsAsked): Promise<Inbox & { items: StoredItem[] }> {
  const { recipient, tenant, before, unread = false, archived = false, thread, types, limit } = asked
  const rows = await db.query<Row & InboxRow>(
    `with inbox as materialized (select a.recipient, coalesce(p.last, 0)::float8 as last, ${countsSql}
       from (select $1::text as recipient, $8::text as tenant) a left join inbox_people p on p.recipient = a.recipient ${countedSql})
     select inbox.last, unseen, unread, ${itemSql} from inbox left join lateral (
       select * from inbox_items i where i.recipient = $1 and i.number < $2 and (not $3 or i.read_at is null)
         and (i.archived_at is not null) = $4 and ($5::text is null or i.thread = $5) and ($6::text[] is null or i.type = any($6)) and ${ofTenant('$8', 'i.')}
       order by i.number desc limit $7) i on true`,
    [
      recipient,
      before ?? '9223372036854775807',
      unread,
      archived,
      thread ?? null,
      types ?? null,
      limit,
      tenant ?? null,
    ],
  )
  return { ...inboxOf(rows[0]!), items: rows.flatMap(row => (row.id === null ? [] : [itemOf(row)])) }
}

/** How many items a person has neither seen nor read, and until which change that is so. */
export async function readCounts(db: Queryable, { recipient, tenant }: Whose): Promise<Inbox> {
  const [row] = await db.query<InboxRow>(
    `select coalesce(p.last, 0)::float8 as last, ${countsSql}
     from (select $1::text as recipient, $2::text as tenant) a left join inbox_people p on p.recipient = a.recipient ${countedSql}`,
    [recipient, tenant ?? null],
  )
  return inboxOf(row!)
}

export type ChangesAsked = Whose & { since: number }
/** What happened since; `tooMany`: more than was asked for, look at the inbox anew. */
export type Changes = Inbox & ({ items: StoredItem[]; gone: string[] } | { tooMany: true })

/**
 * What changed in people's inboxes after numbers of theirs, in the order in which it is asked; undefined where nothing has.
 * Set-wise, one statement. At most `limit` items of each.
 */
export async function readChanges(
  db: Queryable,
  asked: readonly ChangesAsked[],
  limit: number,
): Promise<(Changes | undefined)[]> {
  if (asked.length === 0) return []
  const rows = await db.query<Row & InboxRow & { place: number; changed: string | null }>(
    `with inbox as materialized (
       select a.place::int as place, a.recipient, a.since, p.last::float8 as last, ${countsSql}
       from (select place, recipient, since, nullif(tenant, '') as tenant
         from unnest($1::text[], $2::bigint[], $4::text[]) with ordinality as x(recipient, since, tenant, place)) a
       join inbox_people p on p.recipient = a.recipient and p.last > a.since ${countedSql})
     select inbox.place, inbox.last, unseen, unread, d.delivery as changed, ${itemSql}
     from inbox left join lateral (
       select delivery from inbox_items where recipient = inbox.recipient and number > inbox.since
       union select unnest(deliveries) from inbox_changes where recipient = inbox.recipient and number > inbox.since
       limit $3) d on true
     left join inbox_items i on i.delivery = d.delivery and i.recipient = inbox.recipient
     order by inbox.place, i.number`,
    [
      textArray(asked.map(one => one.recipient)),
      plainArray(asked.map(one => one.since)),
      limit + 1,
      textArray(asked.map(one => one.tenant ?? '')),
    ],
  )
  const changes = Array<Changes | undefined>(asked.length).fill(undefined)
  for (const own of Map.groupBy(rows, row => row.place).values()) {
    const inbox = inboxOf(own[0]!)
    const { tenant } = asked[own[0]!.place - 1]!
    const items = own
      .flatMap(row => (row.id === null ? [] : [itemOf(row)]))
      .filter(item => tenant === undefined || item.tenant === undefined || item.tenant === tenant)
    const gone = own.flatMap(({ id, changed }) => (id === null && changed !== null ? [changed] : []))
    changes[own[0]!.place - 1] = own.length > limit ? { ...inbox, tooMany: true } : { ...inbox, items, gone }
  }
  return changes
}

/** The last numbers of those of these people who have one. */
export async function readLast(db: Queryable, recipients: readonly string[]): Promise<Map<string, number>> {
  const rows = await db.query<{ recipient: string; last: number }>(
    `select recipient, last::float8 as last from inbox_people where recipient = any($1::text[])`,
    [textArray(recipients)],
  )
  return new Map(rows.map(({ recipient, last }) => [recipient, last]))
}

/** An item as people see it. */
export function shownItem(item: StoredItem, { types }: Catalogue): InboxItem {
  const category = types.get(item.type)?.category
  return { ...item, ...(category !== undefined && { category }) }
}

const countsSql = 'n.unseen, n.unread'
/** What is archived has been read. Of many the newest count: those are what has not been seen. */
const countedSql = `cross join lateral (
  select (count(*) filter (where seen_at is null))::int as unseen, count(*)::int as unread
  from (select seen_at from inbox_items u where u.recipient = a.recipient and u.read_at is null and ${ofTenant('a.tenant', 'u.')}
    order by u.occurred_at desc limit ${countMax}) u) n`
const itemSql = `i.delivery as id, i.number::float8 as number, i.type, i.thread, i.tenant, i.reason, i.content, i.occurred_at as at,
  i.seen_at is not null as seen, i.read_at is not null as read, i.archived_at is not null as archived`

type InboxRow = { last: number; unseen: number; unread: number }
type Row = { id: string | null; number: number; type: string; thread: string | null; reason: string | null } & {
  tenant: string | null
  content: string
  at: Date
  seen: boolean
  read: boolean
  archived: boolean
}

const inboxOf = ({ last, unseen, unread }: InboxRow): Inbox => ({ number: last, counts: { unseen, unread } })

function itemOf({ id, number, type, thread, tenant, reason, content, at, seen, read, archived }: Row): StoredItem {
  const { title, body, url } = JSON.parse(content) as InAppContent
  return {
    ...{ id: id!, number, type, ...(thread !== null && { thread }), ...(tenant !== null && { tenant }) },
    ...(reason !== null && { reason }),
    ...{ title, body, ...(url !== undefined && isSafeUrl(url) && { url }) },
    ...{ at: at.toISOString(), seen, read, archived },
  }
}

/** Nothing that runs: a script, data, a protocol of some app. A path is of the product that shows it, `//` is of anybody. */
function isSafeUrl(url: string): boolean {
  if (url.startsWith('/')) return URL.parse(url, here)?.origin === here && !/[\s\\]/.test(url)
  const protocol = URL.parse(url)?.protocol
  return protocol === 'https:' || protocol === 'http:'
}
const here = 'https://here.invalid'

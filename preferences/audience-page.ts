import { isName } from '#contracts/ids.ts'
import { withDeadline } from '#runtime/deadline.ts'
import type { Queryable } from '#runtime/postgres.ts'

/** Who is in an audience, and why. */
export type Member = { recipient: string; reason?: string }

/** A team's own list of members: it answers for the audiences whose names begin with `<name>:`. */
export type MembershipSource = {
  name: string
  /**
   * Up to `limit` members behind `after`, in the order of ids by Unicode code point (in UTF-8: by byte). Fewer than
   * `limit` do not mean the end; none do. May be asked for the same page again.
   */
  page(audience: string, after: string, limit: number): Promise<readonly Member[]>
}

/** A source that is slower than this is away. */
const sourceLimitMs = 10_000

/** A member of a page, and the first of the page's audiences that has them. */
type FoundMember = Member & { audience: string }

/**
 * The next members of all the audiences together, each once, in the order of their ids. Behind `after` (empty: from the
 * first); fewer than `limit` mean that there are no more. Who is in several is found in the first of them, with the reason
 * that they have there. Reads no more than `limit` rows of each audience. Rejects when a source fails, or gives what is not in order.
 */
export async function audiencePage(
  db: Queryable,
  page: { audiences: readonly string[]; after: string; limit: number; sources?: readonly MembershipSource[] },
): Promise<FoundMember[]> {
  const { audiences, after, limit, sources = [] } = page
  const places = new Map(audiences.toReversed().map((name, at) => [name, -at]))
  const lists = await Promise.all([
    storedMembers(db, { audiences: audiences.filter(name => !sourceOf(name, sources)), after, limit }),
    ...audiences.map(audience => {
      const source = sourceOf(audience, sources)
      return source ? sourcedMembers(source, { audience, after, limit }) : []
    }),
  ])
  const members = new Map<string, FoundMember>()
  for (const member of lists.flat()) {
    const known = members.get(member.recipient)
    if (!known || places.get(member.audience)! < places.get(known.audience)!) members.set(member.recipient, member)
  }
  // Every list holds its own first `limit`, so the first `limit` of all are among them.
  return [...members.values()].sort((a, b) => byCodePoint(a.recipient, b.recipient)).slice(0, limit)
}

/**
 * How many people the audiences have together that are stored here, each counted once and no further than `limit`. What
 * a team keeps itself is not counted: see `countWithSources`.
 */
export async function countMembers(
  db: Queryable,
  { audiences, limit }: { audiences: readonly string[]; limit: number },
): Promise<number> {
  const [row] = await db.query<{ n: number }>(
    `select count(*)::int as n from (select distinct recipient from audience_members where audience = any($1::text[]) limit $2) m`,
    [audiences, limit],
  )
  return row!.n
}

/** Members that are read at once to be counted. */
const countedAtOnce = 500

/**
 * How many people the audiences have together, with what teams keep themselves: read page by page, each counted once and
 * no further than `limit`. Undefined when all of them are stored here. Rejects as `audiencePage` does.
 */
export async function countWithSources(
  db: Queryable,
  { audiences, limit, sources }: { audiences: readonly string[]; limit: number; sources: readonly MembershipSource[] },
): Promise<number | undefined> {
  if (!audiences.some(name => sourceOf(name, sources))) return undefined
  let n = 0
  for (let after = ''; n < limit;) {
    const asked = Math.min(countedAtOnce, limit - n)
    const page = await audiencePage(db, { audiences, after, limit: asked, sources })
    n += page.length
    if (page.length < asked) break
    after = page.at(-1)!.recipient
  }
  return n
}

const sourceOf = (audience: string, sources: readonly MembershipSource[]): MembershipSource | undefined =>
  sources.find(({ name }) => audience.startsWith(`${name}:`))

async function storedMembers(
  db: Queryable,
  { audiences, after, limit }: { audiences: readonly string[]; after: string; limit: number },
): Promise<FoundMember[]> {
  if (audiences.length === 0) return []
  // One index range for each audience: over all at once the server would read and sort them whole for every page.
  const rows = await db.query<{ recipient: string; audience: string; reason: string | null }>(
    `select distinct on (m.recipient) m.recipient, a.name as audience, m.reason from unnest($1::text[]) with ordinality as a(name, place)
     cross join lateral (
       select recipient, reason from audience_members where audience = a.name and recipient > $2 order by recipient limit $3) m
     order by m.recipient, a.place limit $3`,
    [audiences, after, limit],
  )
  return rows.map(({ recipient, audience, reason }) => ({ recipient, audience, ...(reason !== null && { reason }) }))
}

async function sourcedMembers(
  source: MembershipSource,
  { audience, after, limit }: { audience: string; after: string; limit: number },
): Promise<FoundMember[]> {
  const members: FoundMember[] = []
  for (let last = after; members.length < limit; last = members.at(-1)!.recipient) {
    const what = `membership source ${source.name}, a page of ${audience}`
    const next = await withDeadline(source.page(audience, last, limit - members.length), { ms: sourceLimitMs, what })
    if (next.length === 0) break
    checkPage(next, { last, what })
    for (const { recipient, reason } of next)
      members.push({ recipient, audience, ...(reason !== undefined && { reason }) })
  }
  return members
}

/** A page that is out of order would lose members or never end, so it is refused as a whole. */
function checkPage(members: readonly Member[], { last, what }: { last: string; what: string }): void {
  let before = last
  members.forEach(({ recipient, reason }, at) => {
    if (!isName(recipient) || (reason !== undefined && !isName(reason)))
      throw new Error(`${what}: member ${at} is not {recipient: name, reason?: name}`)
    if (byCodePoint(before, recipient) >= 0)
      throw new Error(`${what}: member ${at} is not behind the one before it, by Unicode code point`)
    before = recipient
  })
}

/** Order of Postgres' collation "C" over UTF-8. `<` compares UTF-16 units, which puts U+FF00 behind U+10000. */
export function byCodePoint(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let at = 0; at < length; at++) {
    const x = a.charCodeAt(at)
    const y = b.charCodeAt(at)
    if (x !== y) return rank(x) - rank(y)
  }
  return a.length - b.length
}

/** Surrogates stand for code points above all others. */
const rank = (unit: number): number => (unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit)

import type { Lane } from '#contracts/channel.ts'
import { type DigestId, type EpochMs, newDigestId, type SetId } from '#contracts/ids.ts'
import { plainArray, type Queryable, textArray } from '#runtime/postgres.ts'
import { laneCode } from './batch.ts'
import { type DueHold, readHolds } from './holds.ts'

/**
 * What waits to be told to a person together. Of a person and key one is open at a time; its members are holds that name
 * it. Decisions change it while they are made; `writeSet` writes it with them.
 */
export type OpenDigest = {
  id: DigestId
  recipient: string
  key: string
  openedAt: EpochMs
  dueAt: EpochMs
  /** Intents that joined. */
  n: number
  /** Takes nothing more: the next one opens another. */
  full: boolean
}

/** So many intents wait in one: who tells it has them all in memory. */
export const digestMax = 20_000

/** One that nobody has joined yet. */
export const newDigest = (about: Pick<OpenDigest, 'recipient' | 'key' | 'openedAt' | 'dueAt'>): OpenDigest => ({
  ...{ id: newDigestId(), n: 0, full: false },
  ...about,
})

/**
 * The digests that people can join, by person and key. The caller has locked the windows of these people: whoever joins,
 * opens or closes one of theirs has, so that of a person and key there is one.
 */
export async function joinableDigests(
  tx: Queryable,
  recipients: readonly string[],
): Promise<Map<string, Map<string, OpenDigest>>> {
  const found = new Map<string, Map<string, OpenDigest>>()
  if (recipients.length === 0) return found
  const rows = await tx.query<DigestRow>(
    `select ${columns} from digests where recipient = any($1::text[]) and closed_at is null and not is_full`,
    [textArray(recipients)],
  )
  for (const row of rows) {
    const digest = digestOf(row)
    const own = found.get(digest.recipient)
    if (own) own.set(digest.key, digest)
    else found.set(digest.recipient, new Map([[digest.key, digest]]))
  }
  return found
}

/** Writes digests as the decisions of a set left them: new, longer, later, full, or in a lane that is more urgent. */
export async function writeDigests(
  tx: Queryable,
  { lane, digests }: { lane: Lane; digests: readonly OpenDigest[] },
): Promise<void> {
  if (digests.length === 0) return
  // What is full makes room first: the index takes one open digest of a person and key.
  const inOrder = [...digests].sort((a, b) => Number(b.full) - Number(a.full))
  for (const part of [inOrder.filter(one => one.full), inOrder.filter(one => !one.full)])
    if (part.length > 0)
      await tx.query(
        `insert into digests (id, recipient, key, lane, opened_at, due_at, n, is_full)
         select id, recipient, key, $7, to_timestamp(opened / 1000.0), to_timestamp(due / 1000.0), n, $8
         from unnest($1::uuid[], $2::text[], $3::text[], $4::float8[], $5::float8[], $6::int[]) as d(id, recipient, key, opened, due, n)
         on conflict (id) do update set due_at = excluded.due_at, n = excluded.n, is_full = excluded.is_full,
           lane = least(digests.lane, excluded.lane)`,
        [
          plainArray(part.map(one => one.id)),
          textArray(part.map(one => one.recipient)),
          textArray(part.map(one => one.key)),
          plainArray(part.map(one => one.openedAt)),
          plainArray(part.map(one => one.dueAt)),
          plainArray(part.map(one => one.n)),
          ...[laneCode(lane), part[0]!.full],
        ],
      )
}

/** Locks digests that are due, in the transaction; other schedulers skip them. `ids`: of these only. */
export async function dueDigests(
  tx: Queryable,
  { lane, now, limit, ids }: { lane: Lane; now: EpochMs; limit: number; ids?: readonly DigestId[] },
): Promise<OpenDigest[]> {
  const rows = await tx.query<DigestRow>(
    `select ${columns} from digests
     where closed_at is null and lane = $1 and due_at <= to_timestamp($2 / 1000.0) and ($4::uuid[] is null or id = any($4::uuid[]))
     order by due_at limit $3 for update skip locked`,
    [laneCode(lane), now, limit, ids ? plainArray(ids) : null],
  )
  return rows.map(digestOf)
}

type DigestRow = {
  id: DigestId
  recipient: string
  key: string
  opened_at: Date
  due_at: Date
  n: number
  is_full: boolean
}
const columns = 'id, recipient, key, opened_at, due_at, n, is_full'
const digestOf = (row: DigestRow): OpenDigest => ({
  ...{ id: row.id, recipient: row.recipient, key: row.key },
  ...{ openedAt: row.opened_at.getTime(), dueAt: row.due_at.getTime(), n: row.n, full: row.is_full },
})

/** The holds that wait in digests. */
export const membersOf = (tx: Queryable, digests: readonly OpenDigest[]): Promise<DueHold[]> =>
  readHolds(tx, `digest_id = any($1::uuid[]) and released_at is null order by id for update`, [
    plainArray(digests.map(one => one.id)),
  ])

/** Puts digests off: they stay open, and are joined until they are due. */
export async function postponeDigests(
  tx: Queryable,
  postpone: readonly { id: DigestId; until: EpochMs }[],
): Promise<void> {
  if (postpone.length === 0) return
  await tx.query(
    `update digests d set due_at = to_timestamp(u.until / 1000.0) from unnest($1::uuid[], $2::float8[]) as u(id, until) where d.id = u.id`,
    [plainArray(postpone.map(one => one.id)), plainArray(postpone.map(one => one.until))],
  )
}

/** Marks digests as told by a set. Their members are released as other holds are. */
export async function closeDigests(
  tx: Queryable,
  close: { digests: readonly OpenDigest[]; set: SetId; now: EpochMs },
): Promise<void> {
  await tx.query(
    `update digests set closed_at = to_timestamp($2 / 1000.0), closed_by = $3 where id = any($1::uuid[])`,
    [plainArray(close.digests.map(one => one.id)), close.now, close.set],
  )
}

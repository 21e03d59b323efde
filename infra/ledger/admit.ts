import type { Lane } from '#contracts/channel.ts'
import type { EpochMs, IntentId, SetId } from '#contracts/ids.ts'
import type { Refusal } from '#contracts/intent.ts'
import type { Tombstones } from '#contracts/retraction.ts'
import type { Stop } from '#contracts/stop.ts'
import { openStopsSql, parseStops } from './stops.ts'
import { plainArray, type Queryable } from '#runtime/postgres.ts'
import { tombstonesAmong, type TombstonesColumn, tombstonesIn } from './retractions.ts'

export type Candidate = { id: IntentId; bodyHash: bigint }
export type Admission = 'admitted' | 'duplicate' | 'conflict'

/**
 * Takes in what is new; the same id with the same body is a duplicate, with another body a conflict. Of one id the
 * first counts, the others are judged by the body that is kept. Gives an admission for each candidate, in their order.
 * With what operators have stopped, and what producers have retracted before it came, read by the same statement.
 * A twin in flight waits here for the other transaction to end. Sorted, because unsorted inserts deadlock.
 */
export async function admitIntents(
  tx: Queryable,
  set: SetId,
  candidates: readonly Candidate[],
): Promise<{ admissions: Admission[]; stops: readonly Stop[]; tombstones: Tombstones }> {
  if (candidates.length === 0) return { admissions: [], stops: [], tombstones: new Map() }
  const kept = new Map<IntentId, bigint>()
  for (const { id, bodyHash } of candidates) if (!kept.has(id)) kept.set(id, bodyHash)
  const [inserted] = await tx.query<{ ids: IntentId[] | null; stops: string | null; tombstones: TombstonesColumn }>(
    `with fresh as (
       insert into admitted (id, body_hash, set_id)
       select id, hash, $3 from unnest($1::uuid[], $2::bigint[]) as u(id, hash) order by id
       on conflict (id) do nothing returning id)
     select array_agg(id)::text[] as ids, ${openStopsSql} as stops, ${tombstonesAmong('$1::uuid[]')} from fresh`,
    [plainArray([...kept.keys()]), plainArray([...kept.values()].map(String)), set],
  )
  const fresh = new Set(inserted!.ids)
  if (fresh.size < kept.size) {
    const known = await tx.query<{ id: IntentId; body_hash: string }>(
      `select id, body_hash from admitted where id = any($1::uuid[])`,
      [plainArray([...kept.keys()].filter(id => !fresh.has(id)))],
    )
    for (const row of known) kept.set(row.id, BigInt(row.body_hash))
  }
  const admissions = candidates.map(({ id, bodyHash }): Admission => {
    if (kept.get(id) !== bodyHash) return 'conflict'
    return fresh.delete(id) ? 'admitted' : 'duplicate'
  })
  return { admissions, stops: parseStops(inserted!.stops), tombstones: tombstonesIn(inserted!.tombstones) }
}

export type RefusedMessage = {
  messageId: string
  lane: Lane
  reason: Refusal
  problems: string[]
  intentId?: string
  producer?: string
  type?: string
  catalogue?: string
  /** Kept for what may be admitted later (`parked`, `unknown`), never listed. */
  message?: Buffer
}

const problemsBytesMax = 4000

/** Writes messages that cannot be used, each once however often it is delivered: its id is unique in the lane's topic. */
export async function refuseMessages(tx: Queryable, refused: readonly RefusedMessage[], now: EpochMs): Promise<void> {
  for (const one of [...refused].sort((a, b) => (a.messageId < b.messageId ? -1 : 1)))
    await tx.query(
      `insert into refused (message_id, at, lane, reason, intent_id, producer, type, catalogue, problems, message)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) on conflict (lane, message_id) do nothing`,
      [
        ...[
          one.messageId,
          new Date(now),
          one.lane,
          one.reason,
          one.intentId ?? null,
          one.producer ?? null,
          one.type ?? null,
          one.catalogue ?? null,
        ],
        cut(one.problems.join('; ').replaceAll('\0', '')),
        one.message ?? null,
      ],
    )
}

/** As many whole characters as fit, counted in bytes of UTF-8. */
function cut(problems: string): string {
  const { read } = new TextEncoder().encodeInto(problems, new Uint8Array(problemsBytesMax))
  return problems.slice(0, read)
}

/** Parked messages that `knows` says can be routed now: taken once, to be published again, and kept here no longer. */
export async function readmitParked(
  tx: Queryable,
  { knows, limit }: { knows: (type: string, catalogue: string) => boolean; limit: number },
): Promise<{ lane: Lane; message: Buffer }[]> {
  const kinds = await tx.query<{ type: string; catalogue: string }>(
    `select distinct type, catalogue from refused where reason = 'parked' and readmitted_at is null and type is not null`,
  )
  const known = kinds.filter(kind => knows(kind.type, kind.catalogue))
  if (known.length === 0) return []
  return tx.query<{ lane: Lane; message: Buffer }>(
    `with taken as (
       select message_id, lane, message from refused
       where reason = 'parked' and readmitted_at is null and (type, catalogue) in (select * from unnest($1::text[], $2::text[]))
       order by at limit $3 for update skip locked)
     update refused r set readmitted_at = now(), message = null from taken t where r.lane = t.lane and r.message_id = t.message_id
     returning t.lane, t.message`,
    [known.map(kind => kind.type), known.map(kind => kind.catalogue), limit],
  )
}

/** A message of a lane's topic. */
export type MessageName = { lane: Lane; message: string }
export type Readmission = 'asked' | 'not refused' | 'not kept' | 'again'

/** Remembers that an operator wants a refused message admitted again; once, and only one that is kept. */
export async function askReadmission(tx: Queryable, { lane, message }: MessageName): Promise<Readmission> {
  const [row] = await tx.query<{ kept: boolean; again: boolean }>(
    `select message is not null as kept, asked_at is not null or readmitted_at is not null as again from refused
     where lane = $1 and message_id = $2 for update`,
    [lane, message],
  )
  if (!row) return 'not refused'
  if (row.again) return 'again'
  if (!row.kept) return 'not kept'
  await tx.query(`update refused set asked_at = now() where lane = $1 and message_id = $2`, [lane, message])
  return 'asked'
}

/** Messages that operators want admitted again: taken once, to be published again, and kept here no longer. */
export const readmitAsked = (tx: Queryable, { limit }: { limit: number }): Promise<{ lane: Lane; message: Buffer }[]> =>
  tx.query<{ lane: Lane; message: Buffer }>(
    `with taken as (
       select message_id, lane, message from refused where asked_at is not null and readmitted_at is null
       order by asked_at limit $1 for update skip locked)
     update refused r set readmitted_at = now(), message = null from taken t where r.lane = t.lane and r.message_id = t.message_id
     returning t.lane, t.message`,
    [limit],
  )

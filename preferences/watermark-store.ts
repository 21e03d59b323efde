import type { EpochMs } from '#contracts/ids.ts'
import { type Queryable, textArray } from '#runtime/postgres.ts'
import type { Person } from './preferences.ts'

/** Whether a person has read all that occurred until then, wherever. Pure. */
export const hasRead = ({ readUpTo }: Person, occurredAt: EpochMs): boolean =>
  readUpTo !== undefined && occurredAt <= readUpTo

/** How far people have read threads, in the order in which it is asked; asks nothing when nothing is asked for. */
export async function readWatermarks(
  db: Queryable,
  asked: readonly { recipient: string; thread: string }[],
): Promise<(EpochMs | undefined)[]> {
  const marks = Array<EpochMs | undefined>(asked.length).fill(undefined)
  if (asked.length === 0) return marks
  const rows = await db.query<{ place: number; up_to: Date }>(
    `select a.place::int as place, w.up_to
     from unnest($1::text[], $2::text[]) with ordinality as a(recipient, thread, place)
     join watermarks w on w.recipient = a.recipient and w.thread = a.thread`,
    [textArray(asked.map(one => one.recipient)), textArray(asked.map(one => one.thread))],
  )
  for (const { place, up_to } of rows) marks[place - 1] = up_to.getTime()
  return marks
}

/**
 * A person has read a thread, or without one all threads, up to an instant. A mark never moves back; the transaction that
 * moved it is what the snapshots of claims are judged by (law 4). Gives where the mark was before, if there was one.
 */
export async function advanceWatermark(
  tx: Queryable,
  { recipient, thread, upTo }: { recipient: string; thread?: string; upTo: EpochMs },
): Promise<EpochMs | undefined> {
  const [row] =
    thread === undefined ? await advanceAll(tx, recipient, upTo) : await advance(tx, [recipient, thread, upTo])
  return row?.before?.getTime()
}

type Before = { before: Date | null }

const advance = (tx: Queryable, values: readonly [recipient: string, thread: string, upTo: EpochMs]) =>
  tx.query<Before>(
    // The person's row says that there are marks at all, so that nobody asks for those of people who have none.
    `with known as (select up_to from watermarks where recipient = $1 and thread = $2),
     reader as (
       insert into recipients as r (id, read_xid) values ($1, pg_current_xact_id())
       on conflict (id) do update set read_xid = excluded.read_xid where r.read_xid is null and r.erased_at is null),
     moved as (
       insert into watermarks as w (recipient, thread, up_to) select $1, $2, to_timestamp($3 / 1000.0)
       where not exists (select from recipients where id = $1 and erased_at is not null)
       on conflict (recipient, thread) do update set up_to = excluded.up_to, xid = excluded.xid where w.up_to < excluded.up_to)
     select (select up_to from known) as before`,
    values,
  )

const advanceAll = (tx: Queryable, recipient: string, upTo: EpochMs) =>
  tx.query<Before>(
    `with known as (select read_up_to from recipients where id = $1),
     moved as (
       insert into recipients as r (id, read_up_to, read_xid) values ($1, to_timestamp($2 / 1000.0), pg_current_xact_id())
       on conflict (id) do update set read_up_to = excluded.read_up_to, read_xid = excluded.read_xid
       where r.erased_at is null and (r.read_up_to is null or r.read_up_to < excluded.read_up_to))
     select (select read_up_to from known) as before`,
    [recipient, upTo],
  )

import type { EpochMs, IntentId } from '#contracts/ids.ts'
import type { Stop } from '#contracts/stop.ts'
import { openStopsSql, parseStops } from '#ledger/stops.ts'
import { type Database, plainArray, type Queryable, textArray } from '#runtime/postgres.ts'
import { purgeStep } from '#runtime/purge-step.ts'

/** Why something is to be taken off the screens that show it. */
export type RemovalReason = 'read' | 'retracted'

/** What is said within this time goes in one message. */
const coalesceMs = 3_000
/** Of one person so many are looked at in a turn; the newest first. */
export const notesMax = 1_000

/**
 * Notes that intents are to be taken off the screens of people, in the transaction in which they are read or taken back;
 * who has no device is left out. What was noted before is noted once, but what is taken back goes even where reading
 * takes nothing away. `device`: where it was read, which needs no word of it.
 */
export async function noteRemovals(
  tx: Queryable,
  notes: { of: readonly { recipient: string; intent: IntentId }[]; why: RemovalReason; device?: string },
): Promise<void> {
  const { of, why, device } = notes
  if (of.length === 0) return
  const again = why === 'read' ? 'nothing' : `update set why = excluded.why, done_at = null where r.why = 'read'`
  await tx.query(
    `with noted as (
       insert into removals as r (intent_id, recipient, why, told)
       select intent, recipient, $3, $4::text[] from unnest($1::text[], $2::uuid[]) as a(recipient, intent)
       where exists (select from recipients p where p.id = a.recipient and p.endpoints like '%"push"%')
       order by intent, recipient collate "C"
       on conflict (intent_id, recipient) do ${again} returning recipient)
     insert into removal_turns as t (recipient, due_at)
     select recipient, now() + $5 * interval '1 ms' from (select distinct recipient from noted order by 1) p
     on conflict (recipient) do update set due_at = least(t.due_at, excluded.due_at)`,
    [
      textArray(of.map(one => one.recipient)),
      plainArray(of.map(one => one.intent)),
      ...[why, textArray(device === undefined ? [] : [device]), coalesceMs],
    ],
  )
}

/** Which of these were read or taken back, by person; asks nothing when nothing is asked for. */
export async function notedAmong(
  db: Queryable,
  asked: readonly { recipient: string; intent: IntentId }[],
): Promise<ReadonlyMap<string, ReadonlySet<IntentId>>> {
  if (asked.length === 0) return new Map()
  const rows = await db.query<{ recipient: string; intent: IntentId }>(
    `select recipient, intent_id as intent from removals where (recipient, intent_id) in (select * from unnest($1::text[], $2::uuid[]))`,
    [textArray(asked.map(one => one.recipient)), plainArray(asked.map(one => one.intent))],
  )
  const people = Map.groupBy(rows, row => row.recipient)
  return new Map([...people].map(([recipient, own]) => [recipient, new Set(own.map(row => row.intent))]))
}

/** A note that is open: the endpoints that were told of it need not be told again. */
export type Note = { intent: IntentId; why: RemovalReason; told: string[] }
/** When the devices of a person were sent removals, by endpoint: the window of the silent budget. */
export type Sent = Record<string, EpochMs[]>
/** A person whose devices are to be told something, held by one worker. `turn` is the fence, `at` the database's clock. */
export type Turn = { recipient: string; turn: number; at: EpochMs; sent: Sent; notes: Note[] }

/**
 * Takes people who are due, for one worker, until the lease ends; others are skipped. Due times and leases are those of the
 * database's clock. What operators have stopped is read in the same statement.
 */
export async function claimTurns(
  db: Queryable,
  { limit, leaseMs }: { limit: number; leaseMs: number },
): Promise<{ turns: Turn[]; stops: readonly Stop[] }> {
  const rows = await db.query<
    Omit<Turn, 'sent' | 'notes'> & { sent: string; notes: Note[] | null; stops: string | null }
  >(
    `with due as (
       select recipient from removal_turns where due_at <= now() and (lease_until is null or lease_until < now())
       order by due_at limit $1 for update skip locked),
     taken as (
       -- Who is lost comes again; a note that comes meanwhile makes it due earlier, which the record finds.
       update removal_turns t set turn = t.turn + 1, lease_until = now() + $2 * interval '1 ms', due_at = now() + $2 * interval '1 ms'
       from due where t.recipient = due.recipient returning t.recipient, t.turn, t.sent)
     select t.recipient, t.turn, t.sent, (extract(epoch from now()) * 1000)::float8 as at, ${openStopsSql} as stops,
       (select json_agg(json_build_object('intent', n.intent_id, 'why', n.why, 'told', n.told)) from (
          select * from removals r where r.recipient = t.recipient and r.done_at is null order by r.at desc limit $3) n) as notes
     from taken t`,
    [limit, leaseMs, notesMax],
  )
  return {
    turns: rows.map(({ recipient, turn, at, sent, notes }) => ({
      ...{ recipient, turn, at: Math.floor(at), notes: notes ?? [] },
      sent: JSON.parse(sent) as Sent,
    })),
    stops: parseStops(rows[0]?.stops),
  }
}

/**
 * Writes what is about to be sent into the windows, before it is: a worker that is lost has used up what it may have sent.
 * Gives the people whom no other worker has taken meanwhile.
 */
export async function spendBudget(
  db: Queryable,
  spending: readonly Pick<Turn, 'recipient' | 'turn' | 'sent'>[],
): Promise<Set<string>> {
  if (spending.length === 0) return new Set()
  const rows = await db.query<{ recipient: string }>(
    `update removal_turns t set sent = u.sent from unnest($1::text[], $2::int[], $3::text[]) as u(recipient, turn, sent)
     where t.recipient = u.recipient and t.turn = u.turn returning t.recipient`,
    [
      spending.map(one => one.recipient),
      plainArray(spending.map(one => one.turn)),
      spending.map(one => JSON.stringify(one.sent)),
    ],
  )
  return new Set(rows.map(row => row.recipient))
}

/** What became of a person's turn. `dueInMs`: when there is more to do; absent: when something is noted. */
export type Turned = Pick<Turn, 'recipient' | 'turn' | 'sent'> & {
  dueInMs?: number
  notes: readonly (Note & { done: boolean; toldNow: boolean })[]
}

/** Ends turns: what devices were told, and what is done with. Of people whom another worker has taken nothing is written. */
export async function recordTurns(db: Database, turned: readonly Turned[]): Promise<void> {
  if (turned.length === 0) return
  const notes = turned.flatMap(({ recipient, turn, notes }) => notes.map(note => ({ ...note, recipient, turn })))
  await db.transaction(async tx => {
    // What was taken back meanwhile is a note of another reason by now, and stays open.
    await tx.query(
      `with said as (
         select * from unnest($1::text[], $2::int[], $3::uuid[], $4::text[], $5::text[], $6::bool[], $7::bool[])
           as u(recipient, turn, intent, why, told, told_now, done)),
       mine as materialized (
         select said.* from removals r join said on said.intent = r.intent_id and said.recipient = r.recipient and said.why = r.why
         join removal_turns t on t.recipient = said.recipient and t.turn = said.turn
         order by r.intent_id, r.recipient for update of r)
       update removals r set told = string_to_array(mine.told, E'\\x1f'), done_at = case when mine.done then now() end,
         told_at = case when mine.told_now then now() else r.told_at end
       from mine where r.intent_id = mine.intent and r.recipient = mine.recipient`,
      [
        textArray(notes.map(one => one.recipient)),
        plainArray(notes.map(one => one.turn)),
        plainArray(notes.map(one => one.intent)),
        textArray(notes.map(one => one.why)),
        notes.map(one => one.told.join('\u001f')),
        notes.map(one => one.toldNow),
        notes.map(one => one.done),
      ],
    )
    await tx.query(
      `update removal_turns t set sent = u.sent, lease_until = now(), due_at = case
           when t.due_at < t.lease_until then t.due_at
           when exists (select from removals r where r.recipient = t.recipient and r.done_at is null)
             then now() + coalesce(u.wait, $5) * interval '1 ms' end
       from unnest($1::text[], $2::int[], $3::text[], $4::float8[]) as u(recipient, turn, sent, wait)
       where t.recipient = u.recipient and t.turn = u.turn`,
      [
        turned.map(one => one.recipient),
        plainArray(turned.map(one => one.turn)),
        turned.map(one => JSON.stringify(one.sent)),
        turned.map(one => one.dueInMs ?? null),
        coalesceMs,
      ],
    )
  })
}

/** Forgets what was noted before the ledger begins, and people whose last turn is a day ago, in small steps. True when there is more. */
export async function purgeRemovals(db: Queryable, { before }: { before: EpochMs }): Promise<boolean> {
  const old = `delete from removals where ctid in (
    select ctid from removals where at < to_timestamp($1 / 1000.0) limit $2 for update skip locked)`
  // A lease ends with its turn. Whoever comes again begins a window anew: of a day ago none is left.
  const idle = `delete from removal_turns where ctid in (
    select ctid from removal_turns where due_at is null and (lease_until is null or lease_until < now() - $1::interval)
    limit $2 for update skip locked)`
  const more = [await purgeStep(db, old, [before]), await purgeStep(db, idle, ['1 day'])]
  return more.includes(true)
}

import type { Database } from '#runtime/postgres.ts'

/**
 * Empties the inbox of a person who was erased, and notes what has gone, so that whoever has it open lets go of it too. The
 * number that they had come to goes on: no stream goes back. Safe to repeat.
 */
export async function forgetInbox(db: Database, recipient: string): Promise<void> {
  await db.transaction(async tx => {
    // Takes their number first, as all do: what was put before is there by the next statement.
    await tx.query(
      `insert into inbox_people as p (recipient, last) values ($1, 1) on conflict (recipient) do update set last = p.last + 1`,
      [recipient],
    )
    await tx.query('delete from looks where recipient = $1', [recipient])
    await tx.query(
      `with items as (delete from inbox_items where recipient = $1 returning delivery),
       changes as (delete from inbox_changes where recipient = $1 returning deliveries),
       gone as (select delivery from items union select unnest(deliveries) from changes)
       insert into inbox_changes (recipient, number, deliveries)
       select $1, (select last from inbox_people where recipient = $1), array_agg(delivery) from gone having count(*) > 0`,
      [recipient],
    )
  })
}

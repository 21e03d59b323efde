import type { Queryable } from '#runtime/postgres.ts'

/** Empties the inbox of a person who was erased. The number that they had come to stays: no stream goes back. */
export async function forgetInbox(db: Queryable, recipient: string): Promise<void> {
  for (const table of ['inbox_items', 'inbox_changes'])
    await db.query(`delete from ${table} where recipient = $1`, [recipient])
}

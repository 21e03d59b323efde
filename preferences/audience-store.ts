import type { Database, Queryable } from '#runtime/postgres.ts'

export type AudienceMember = { id: string; reason?: string }

/** Adds members, or changes their reason. Sorted, so that two writers cannot deadlock. */
export async function addMembers(db: Queryable, audience: string, members: readonly AudienceMember[]): Promise<void> {
  await db.query(
    `insert into audience_members (audience, recipient, reason)
     select distinct on (m.id collate "C") $1, m.id, m.reason from unnest($2::text[], $3::text[]) as m(id, reason) order by m.id collate "C"
     on conflict (audience, recipient) do update set reason = excluded.reason
       where audience_members.reason is distinct from excluded.reason`,
    [audience, members.map(member => member.id), members.map(member => member.reason ?? null)],
  )
}

export async function removeMembers(db: Queryable, audience: string, ids: readonly string[]): Promise<void> {
  await db.query(`delete from audience_members where audience = $1 and recipient = any($2)`, [audience, ids])
}

/**
 * Makes the audience's members behind `after` up to and with `until` exactly these; no bound means from the first, to
 * the last. A caller that goes through its own list in order replaces an audience of any size in small steps.
 */
export async function replaceMembers(
  db: Database,
  audience: string,
  { after, until, members }: { after: string | null; until: string | null; members: readonly AudienceMember[] },
): Promise<void> {
  await db.transaction(async tx => {
    await tx.query(
      `delete from audience_members where audience = $1 and ($2::text is null or recipient > $2) and ($3::text is null or recipient <= $3)
         and recipient <> all($4)`,
      [audience, after, until, members.map(member => member.id)],
    )
    await addMembers(tx, audience, members)
  })
}

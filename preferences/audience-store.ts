import type { Database, Queryable } from '#runtime/postgres.ts'

export type AudienceMember = { id: string; reason?: string }

/** Members that one statement writes. */
const chunkSize = 10_000

/** Adds members, or changes their reason. Of a member that is named twice the last counts. */
export async function addMembers(db: Database, audience: string, members: readonly AudienceMember[]): Promise<void> {
  await db.transaction(async tx => {
    await lock(tx, audience)
    await insertMembers(tx, audience, members)
  })
}

export async function removeMembers(db: Database, audience: string, ids: readonly string[]): Promise<void> {
  await db.transaction(async tx => {
    await lock(tx, audience)
    await tx.query(`delete from audience_members where audience = $1 and recipient = any($2::text[])`, [audience, ids])
  })
}

/**
 * Makes the audience's members behind `after` up to and with `until` exactly these, in one transaction; null means from
 * the first, to the last. Who goes through a list in order replaces an audience of any size in small steps.
 */
export async function replaceMembers(
  db: Database,
  audience: string,
  { after, until, members }: { after: string | null; until: string | null; members: readonly AudienceMember[] },
): Promise<void> {
  await db.transaction(async tx => {
    await lock(tx, audience)
    await tx.query(
      `delete from audience_members m where audience = $1 and ($2::text is null or recipient > $2) and ($3::text is null or recipient <= $3)
         and not exists (select from unnest($4::text[]) as kept(id) where kept.id = m.recipient)`,
      [audience, after, until, members.map(member => member.id)],
    )
    await insertMembers(tx, audience, members)
  })
}

/** Adds members from a list of any length, in small transactions: memory does not grow with it. */
export async function fillAudience(
  db: Database,
  audience: string,
  members: Iterable<AudienceMember> | AsyncIterable<AudienceMember>,
): Promise<void> {
  let chunk: AudienceMember[] = []
  for await (const member of members) {
    chunk.push(member)
    if (chunk.length < chunkSize) continue
    await addMembers(db, audience, chunk)
    chunk = []
  }
  if (chunk.length > 0) await addMembers(db, audience, chunk)
}

/** One writer at a time for an audience: two that lock its rows in different orders would wait for each other. */
const lock = (tx: Queryable, audience: string): Promise<object[]> =>
  tx.query(`select pg_advisory_xact_lock(hashtext('audience_members'), hashtext($1))`, [audience])

async function insertMembers(tx: Queryable, audience: string, members: readonly AudienceMember[]): Promise<void> {
  const distinct = [...new Map(members.map(member => [member.id, member])).values()]
  for (let at = 0; at < distinct.length; at += chunkSize) {
    const chunk = distinct.slice(at, at + chunkSize)
    await tx.query(
      `insert into audience_members as m (audience, recipient, reason)
       select $1, n.id, n.reason from unnest($2::text[], $3::text[]) as n(id, reason) order by n.id collate "C"
       on conflict (audience, recipient) do update set reason = excluded.reason where m.reason is distinct from excluded.reason`,
      [audience, chunk.map(member => member.id), chunk.map(member => member.reason ?? null)],
    )
  }
}

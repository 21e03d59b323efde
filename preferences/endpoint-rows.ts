import type { EpochMs } from '#contracts/ids.ts'
import type { Queryable } from '#runtime/postgres.ts'
import { type ConsentLine, consentColumns, consentRows, consentValues } from './consent-log.ts'
import type { Endpoint } from './preferences.ts'

/** A person's endpoints from now on, and the lines that the consent log gets of it. Those that go leave the directory. */
export type Rewritten = { endpoints: readonly Endpoint[]; log?: readonly ConsentLine[] }
export type Rewriting = {
  ids: readonly string[]
  now: EpochMs
  /** Pure: it is asked again for a person who changed meanwhile. */
  change: (id: string, endpoints: readonly Endpoint[]) => Rewritten
}

const triesMax = 8

/**
 * Changes endpoints of people who are there; nobody is made, or comes back. What is known of others stays, whoever changes
 * it at the same moment.
 */
export async function rewriteEndpoints(db: Queryable, { ids, ...rewriting }: Rewriting): Promise<void> {
  let open = [...new Set(ids)]
  for (let tries = 0; open.length > 0; tries++) {
    if (tries === triesMax)
      throw new Error(`endpoints of ${open.length} people could not be changed: they keep changing`)
    open = await rewriteOnce(db, { ids: open, ...rewriting })
  }
}

/** Changes people whose rows did not change meanwhile; gives the others back. */
async function rewriteOnce(db: Queryable, { ids, now, change }: Rewriting): Promise<string[]> {
  const rows = await db.query<{ id: string; endpoints: string }>(
    `select id, endpoints from recipients where id = any($1::text[]) and endpoints is not null`,
    [ids],
  )
  const changes = rows.flatMap(({ id, endpoints: before }) => {
    const old = JSON.parse(before) as Endpoint[]
    const { endpoints, log = [] } = change(id, old)
    const after = JSON.stringify(endpoints)
    const gone = old.filter(one => !endpoints.some(it => it.id === one.id)).map(one => ({ id, endpoint: one.id }))
    return after === JSON.stringify(old) ? [] : [{ id, before, after: endpoints.length > 0 ? after : null, log, gone }]
  })
  if (changes.length === 0) return []
  const lines = changes.flatMap(one => one.log)
  const gone = changes.flatMap(one => one.gone)
  // Rows are locked in the order of ids, as everywhere. One that changed since it was read is left for the next try.
  const done = await db.query<{ id: string }>(
    `with locked as materialized (select id from recipients where id = any($14::text[]) order by id for update),
     changed as (
       update recipients r set endpoints = c.after, updated_at = now()
       from locked l join unnest($14::text[], $15::text[], $16::text[]) as c(id, before, after) on c.id = l.id
       where r.id = l.id and r.endpoints = c.before returning r.id),
     released as (
       delete from addresses a using unnest($17::text[], $18::text[]) as g(recipient, endpoint), changed c
       where a.recipient = g.recipient and a.endpoint = g.endpoint and c.id = g.recipient),
     logged as (
       insert into consent_log (${consentColumns}) ${consentRows} where recipient in (select id from changed))
     select id from changed`,
    [
      ...consentValues(lines, now),
      changes.map(one => one.id),
      changes.map(one => one.before),
      changes.map(one => one.after),
      gone.map(one => one.id),
      gone.map(one => one.endpoint),
    ],
  )
  const settled = new Set(done.map(row => row.id))
  return changes.filter(one => !settled.has(one.id)).map(one => one.id)
}

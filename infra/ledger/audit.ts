import { channels } from '#contracts/channel.ts'
import { type Outcome, outcomeName } from '#contracts/outcome.ts'
import { type Database, plainArray, type Queryable } from '#runtime/postgres.ts'
import { auditChecks, publishedChecks } from './audit-checks.ts'
import { type Intake, intakes } from './set.ts'

/** What a publisher wrote down for itself after its message was stored: the audit's independent witness. */
export type Published = { intent: string; recipients: readonly string[]; audiences: readonly string[] }

export type AuditProblem = { check: string; sentence: string; intent?: string; recipient?: string }
export type Audit = {
  balanced: boolean
  problems: AuditProblem[]
  /** Problems found beyond those listed. */
  more: number
  messages: { received: number } & Record<Intake, number>
  /** Decisions as they were first made, by verdict. */
  decisions: { delivering: number; refused: number; held: number }
  /** How deliveries and refused decisions ended. */
  outcomes: Partial<Record<Outcome, number>>
  /** Still to be done: slots of open batches, open holds (decisions), open expansions (intents). */
  inFlight: { deliveries: number; held: number; expansions: number; parked: number }
}

const problemsListedMax = 100

/**
 * Proves conservation (law 2) and law 4 on one snapshot of the ledger: every message is accounted for, every decision
 * of the journal has its slot, every slot ends once. With the publisher's own log also that nothing it published is
 * missing. Names intent and recipient of what does not balance.
 */
export async function audit(db: Database, published?: AsyncIterable<Published>): Promise<Audit> {
  return db.transaction(async tx => {
    await tx.query('set transaction isolation level repeatable read')
    if (published) await witness(tx, published)
    const problems: AuditProblem[] = []
    let found = 0
    for (const { check, sql, sentence } of published ? [...auditChecks, ...publishedChecks] : auditChecks) {
      // Counted by the database: who lost a day has more problems than fit into memory.
      const rows = await tx.query<AuditRow & { found: string }>(
        `select *, count(*) over () as found from (${sql}) as problems limit ${problemsListedMax}`,
      )
      found += Number(rows[0]?.found ?? 0)
      for (const row of rows.slice(0, problemsListedMax - problems.length))
        problems.push({
          ...{ check, sentence: sentence(row) },
          ...(row.intent_id && { intent: row.intent_id }),
          ...(row.recipient && { recipient: row.recipient }),
        })
    }
    return { balanced: found === 0, problems, more: found - problems.length, ...(await totalsOf(tx)) }
  })
}

export type AuditRow = { intent_id?: string; recipient?: string; channel?: number; detail?: string }
export const channelNameOf = (row: AuditRow): string => channels[row.channel ?? -1] ?? 'unknown channel'

async function totalsOf(tx: Queryable): Promise<Pick<Audit, 'messages' | 'decisions' | 'outcomes' | 'inFlight'>> {
  const sum = (name: string) => `coalesce(sum(${name}), 0)::int as ${name}`
  const [messages] = await tx.query<Audit['messages']>(
    `select ${['received', ...intakes].map(sum).join(', ')} from sets`,
  )
  const [decisions] = await tx.query<Audit['decisions']>(
    `select ${['delivering', 'refused', 'held'].map(sum).join(', ')} from sets where origin <> 'release'`,
  )
  const ended = await tx.query<{ outcome: number; n: number }>(
    `select outcome, count(*)::int as n from deliveries where outcome > 0 group by 1 order by 1`,
  )
  const [inFlight] = await tx.query<Audit['inFlight']>(
    `select (select coalesce(sum(n), 0)::int from batches where closed_at is null) as deliveries,
       (select coalesce(sum(n), 0)::int from holds where released_at is null) as held,
       (select count(*)::int from expansions where done_at is null) as expansions,
       (select count(*)::int from refused where reason = 'parked' and readmitted_at is null) as parked`,
  )
  return {
    ...{ messages: messages!, decisions: decisions!, inFlight: inFlight! },
    outcomes: Object.fromEntries(ended.map(({ outcome, n }) => [outcomeName(outcome), n])),
  }
}

const publishedChunk = 5_000

async function witness(tx: Queryable, published: AsyncIterable<Published>): Promise<void> {
  await tx.query('create temporary table published (intent_id uuid, recipient text, expands boolean) on commit drop')
  let rows: { intent: string; recipient?: string; expands: boolean }[] = []
  const write = async () => {
    await tx.query('insert into published select * from unnest($1::uuid[], $2::text[], $3::boolean[])', [
      plainArray(rows.map(row => row.intent)),
      rows.map(row => row.recipient ?? null),
      rows.map(row => row.expands),
    ])
    rows = []
  }
  for await (const { intent, recipients, audiences } of published) {
    rows.push({ intent, expands: audiences.length > 0 })
    for (const recipient of recipients) rows.push({ intent, recipient, expands: false })
    if (rows.length >= publishedChunk) await write()
  }
  await write()
}

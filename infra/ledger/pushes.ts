import type { Channel } from '#contracts/channel.ts'
import type { BatchId, EpochMs, IntentId } from '#contracts/ids.ts'
import { outcomeCode } from '#contracts/outcome.ts'
import { plainArray, type Queryable, textArray } from '#runtime/postgres.ts'
import { type CarriedIntent, channelCode } from './batch.ts'
import { type ToldAsOne, toldWith } from './told-as-one.ts'

/** A push that a device shows or may show, by what the ledger says. */
export type Push = {
  recipient: string
  intent: IntentId
  endpoint: string
  provider: string
  /** A worker has it: whether it is shown is known when its batch is closed. */
  underWay: boolean
  /** What its message told: the intent, and others where it was told with them. The device shows the delivery of the last. */
  told: readonly IntentId[]
  category: string
  type: string
  producer: string
  tenant?: string
  occurredAt: EpochMs
  expiresAt?: EpochMs
  ignoresReads?: true
}

const push: Channel = 'push'

/** Sent or perhaps sent, or on its way: what nobody has claimed is judged at its claim (law 4). */
const reached = `(s.outcome in (${outcomeCode('sent')}, ${outcomeCode('in_doubt')}) or b.provider <> '' and s.outcome = ${outcomeCode('digested')}
  or b.closed_at is null and (b.lease_until is not null or b.maybe_sent or b.doubt))`
const slots = `unnest(b.recipients, b.endpoints, b.picks, b.outcomes) as s(recipient, endpoint, pick, outcome)`
const intentOf = `split_part(b.payload, E'\\x1f', coalesce(s.pick, 0) + 1)::jsonb`

/**
 * The pushes of some intents to some people that have reached devices. Found by the sets that decided the intents: no
 * index of people is kept for it.
 */
export async function pushesTo(
  db: Queryable,
  asked: readonly { recipient: string; intent: IntentId }[],
): Promise<Push[]> {
  if (asked.length === 0) return []
  const rows = await db.query<Row>(
    `with asked as materialized (select * from unnest($1::text[], $2::uuid[]) with ordinality as a(recipient, intent, at)),
     decided as materialized (
       select asked.*, s.set_id from asked cross join lateral (
         select set_id from admitted where id = asked.intent union select set_id from intent_sets where intent_id = asked.intent) s)
     select d.at::int as at, b.id as batch, s.endpoint, b.provider, s.outcome is null as open, ${intentOf} - 'data' as facts
     from decided d join batches b on b.set_id = d.set_id and b.channel = ${channelCode(push)} and d.recipient = any(b.recipients)
     cross join lateral ${slots}
     where s.recipient = d.recipient and b.intents[coalesce(s.pick, 0) + 1] = d.intent and ${reached}`,
    [textArray(asked.map(one => one.recipient)), plainArray(asked.map(one => one.intent))],
  )
  const told = await toldAmong(db, rows, asked)
  return rows.map(row => {
    const { at, endpoint, provider, open, facts } = row
    const { category, type, producer, tenant, occurredAt, expiresAt, ignoresReads } = facts
    const { recipient, intent } = asked[at - 1]!
    return {
      ...{ recipient, intent, endpoint, provider, underWay: open, category, type, producer, occurredAt },
      told: told.get(row) ?? [intent],
      ...(tenant !== undefined && { tenant }),
      ...(expiresAt !== undefined && { expiresAt }),
      ...(ignoresReads && { ignoresReads }),
    }
  })
}

type Facts = Omit<Push, 'recipient' | 'intent' | 'endpoint' | 'provider' | 'underWay' | 'told'> &
  Pick<CarriedIntent, 'digest'>
type Row = { at: number; batch: BatchId; endpoint: string; provider: string; open: boolean; facts: Facts }

/** What the messages of those told that were told with others. Asked once for each message, however many of it are asked for. */
async function toldAmong(
  db: Queryable,
  rows: readonly Row[],
  asked: readonly { recipient: string }[],
): Promise<Map<Row, IntentId[]>> {
  const several = rows.flatMap((row): { row: Row; key: string; one: ToldAsOne }[] => {
    const { at, batch, endpoint, open, facts } = row
    if (!facts.digest || open) return []
    const one = { batch, recipient: asked[at - 1]!.recipient, endpoint, digest: facts.digest.id }
    return [{ row, key: `${batch} ${one.digest} ${endpoint} ${one.recipient}`, one }]
  })
  const messages = new Map(several.map(({ key, one }) => [key, one]))
  const told = await toldWith(db, [...messages.values()])
  const byKey = new Map([...messages.keys()].map((key, at) => [key, told[at]!]))
  return new Map(several.map(({ row, key }) => [row, byKey.get(key)!]))
}

const setsAtOnce = 20

/**
 * Whom an intent was pushed to, in pages of those that its sets decided together. `until`: only of what happened then or
 * before, since what is newer is not superseded.
 */
export async function* pushedTo(
  db: Queryable,
  { id, until }: { id: IntentId; until?: EpochMs },
): AsyncGenerator<string[]> {
  const sets = await db.query<{ set_id: string }>(
    `select set_id from admitted where id = $1 union select set_id from intent_sets where intent_id = $1`,
    [id],
  )
  for (let at = 0; at < sets.length; at += setsAtOnce) {
    const rows = await db.query<{ recipient: string }>(
      `select distinct s.recipient from batches b cross join lateral ${slots}
       where b.set_id = any($2::uuid[]) and b.channel = ${channelCode(push)} and b.intents[coalesce(s.pick, 0) + 1] = $1 and ${reached}
         and ($3::float8 is null or (${intentOf} ->> 'occurredAt')::float8 <= $3)`,
      [id, plainArray(sets.slice(at, at + setsAtOnce).map(set => set.set_id)), until ?? null],
    )
    if (rows.length > 0) yield rows.map(row => row.recipient)
  }
}

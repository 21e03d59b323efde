import { type Channel, channels, type Lane, lanes } from '#contracts/channel.ts'
import { type Attempt, type BatchId, dayOf, type IntentId, type RecipientId } from '#contracts/ids.ts'
import { outcomeCode } from '#contracts/outcome.ts'
import { plainArray, type Queryable, textArray } from '#runtime/postgres.ts'
import type { CarriedIntent } from './batch.ts'
import { toldWith } from './told-as-one.ts'

/** What the ledger knows of a provider call. `intent` has no data any more where its type is sensitive. */
export type KnownAttempt = {
  batch: BatchId
  lane: Lane
  channel: Channel
  provider: string
  recipient: RecipientId
  endpoint: string
  intent: CarriedIntent
  /** What its message told: the intent, and others where it was told with them. */
  told: readonly IntentId[]
  /** The day of the delivery's first batch: the same for all its attempts. */
  day: string
  /** Its slot was closed as `moved`: the delivery goes on in another batch. */
  moved: boolean
}

/** The delivery that an attempt was for. */
export type KnownDelivery = Omit<KnownAttempt, 'told' | 'day' | 'moved'>

/** Attempts in the order in which they are asked for; undefined for what was none, or of a day that is no longer kept. */
export async function readAttempts(db: Queryable, attempts: readonly Attempt[]): Promise<(KnownAttempt | undefined)[]> {
  const rows = await readSlots(db, attempts)
  const days = await firstDays(db, [...new Set(rows.flatMap(row => row?.from_batch ?? []))])
  const found = rows.map(row => {
    if (row === undefined) return undefined
    const { from_batch, outcome, ...delivery } = row
    const day = from_batch === null ? dayOf(delivery.batch) : days.get(from_batch)!
    return { ...delivery, told: [delivery.intent.id], day, moved: outcome === outcomeCode('moved') }
  })
  await addTold(db, found)
  return found
}

/** The deliveries of attempts, without those that the ledger does not know: by key, and a statement for each day. */
export async function readDeliveries(db: Queryable, attempts: readonly Attempt[]): Promise<KnownDelivery[]> {
  return (await readSlots(db, attempts)).filter(row => row !== undefined)
}

type Slot = KnownDelivery & { outcome: number | null; from_batch: BatchId | null }

async function readSlots(db: Queryable, attempts: readonly Attempt[]): Promise<(Slot | undefined)[]> {
  const found = Array<Slot | undefined>(attempts.length).fill(undefined)
  const asked = attempts.map((attempt, place) => ({ ...attempt, place }))
  // One day at a time: a join over several would have every partition planned.
  for (const [day, ofDay] of Map.groupBy(asked, ({ batch }) => dayOf(batch))) {
    const rows = await db.query<Row>(select, [
      day,
      plainArray(ofDay.map(({ batch }) => batch)),
      plainArray(ofDay.map(({ slot }) => slot)),
      plainArray(ofDay.map(({ place }) => place)),
    ])
    for (const { place, lane, channel, intent, ...row } of rows)
      found[place] = {
        ...row,
        ...{ lane: lanes[lane]!, channel: channels[channel]!, intent: JSON.parse(intent) as CarriedIntent },
      }
  }
  return found
}

async function addTold(db: Queryable, found: readonly (KnownAttempt | undefined)[]): Promise<void> {
  const several = found.flatMap(one => (one?.intent.digest ? [{ one, ...one, digest: one.intent.digest.id }] : []))
  const told = await toldWith(db, several)
  several.forEach(({ one }, at) => void (one.told = told[at]!))
}

/**
 * The attempts that were accepted of intents to people, on every channel. It looks through all that an intent was told to: ask only
 * where no attempt is known.
 */
export async function findAccepted(
  db: Queryable,
  asked: readonly { intent: IntentId; recipient: string }[],
): Promise<Attempt[]> {
  if (asked.length === 0) return []
  return db.query<Attempt>(
    `select b.id as batch, (s.place - 1)::int as slot
     from unnest($1::uuid[], $2::text[]) as a(intent, recipient)
     cross join lateral (select set_id from admitted where id = a.intent
       union select set_id from intent_sets where intent_id = a.intent) as i
     join batches b on b.set_id = i.set_id and a.recipient = any(b.recipients)
     cross join lateral unnest(b.recipients, b.picks, b.outcomes) with ordinality as s(recipient, pick, outcome, place)
     where s.recipient = a.recipient and b.intents[coalesce(s.pick, 0) + 1] = a.intent and s.outcome = any($3::int[])`,
    [
      plainArray(asked.map(one => one.intent)),
      textArray(asked.map(one => one.recipient)),
      plainArray((['sent', 'delivered'] as const).map(outcomeCode)),
    ],
  )
}

type Row = Pick<KnownAttempt, 'batch' | 'provider' | 'recipient' | 'endpoint'> & {
  place: number
  lane: number
  channel: number
  intent: string
  outcome: number | null
  from_batch: BatchId | null
}

const select = `
  select u.place, u.id as batch, b.lane, b.channel, b.provider, b.from_batch, b.outcomes[u.slot + 1] as outcome,
    b.recipients[u.slot + 1] as recipient, b.endpoints[u.slot + 1] as endpoint,
    split_part(b.payload, E'\\x1f', coalesce(b.picks[u.slot + 1], 0) + 1) as intent
  from unnest($2::uuid[], $3::int[], $4::int[]) as u(id, slot, place) join batches b on b.day = $1 and b.id = u.id
  where u.slot < b.n and b.provider <> '' and b.payload is not null`

/** The day that each batch's deliveries began on: back along their retries as far as they are kept, one statement a day. */
async function firstDays(db: Queryable, ids: readonly BatchId[]): Promise<Map<BatchId, string>> {
  const first = new Map(ids.map(id => [id, id]))
  let open = [...first]
  while (open.length > 0) {
    const day = open
      .map(([, at]) => dayOf(at))
      .toSorted()
      .at(-1)!
    const [now, later] = [open.filter(([, at]) => dayOf(at) === day), open.filter(([, at]) => dayOf(at) !== day)]
    const rows = await db.query<{ origin: BatchId; reached: BatchId }>(back, [
      day,
      plainArray([...new Set(now.map(([, at]) => at))]),
    ])
    const reached = new Map(rows.map(row => [row.origin, row.reached]))
    const moved = now.map(([id, at]) => [id, reached.get(at)!] as [BatchId, BatchId])
    for (const [id, at] of moved) first.set(id, at)
    open = [...later, ...moved.filter(([, at]) => dayOf(at) !== day)]
  }
  return new Map([...first].map(([id, at]) => [id, dayOf(at)]))
}

/** From each batch of a day to the first one of its deliveries on that day, or the last one of the day before. */
const back = `
  with recursive steps as (
    select id as origin, id as reached, 0 as n from unnest($2::uuid[]) as u(id)
    union all
    select s.origin, b.from_batch, s.n + 1 from steps s join batches b on b.day = $1 and b.id = s.reached
    where b.from_batch is not null)
  select distinct on (origin) origin, reached from steps order by origin, n desc`

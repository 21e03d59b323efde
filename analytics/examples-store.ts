import type { Database, Queryable } from '#runtime/postgres.ts'
import { asking } from './asking.ts'
import { lastTold } from './chain.ts'
import type { Counting } from './count.ts'
import { type Judged, openStories, type Shown } from './count-stories.ts'
import { type Folded, hourMs } from './fold.ts'
import { eachFold, foldedColumns, type Tx } from './fold-store.ts'
import { startFolding } from './folding.ts'
import { countingOf, foldsOf, openPeopleLimit } from './funnel-store.ts'
import type { Question } from './question.ts'
import { placesOf } from './rollup-store.ts'
import { findPeople, type Found, keepNewest } from './shown-people.ts'
import { type Stage, stages } from './stages.ts'
import { tookTooLong } from './too-long.ts'

/**
 * One notification, and how far it came; by `unit` recipient one of a person's, and how far the person came. `at`: when its intent
 * happened.
 */
export type Example = {
  intent: string
  recipient: string
  channel: string
  type: string
  at: string
  reached: Stage
  what: string
  reason?: string
}

const examplesMax = 20
/** Looking takes no longer than a question may. */
const limitMs = 20_000

/**
 * Some notifications (or people) that a bar of a chart stands for, at most 20, newest first: found and counted as the funnel counts them,
 * so that there is one wherever the funnel, asked the same now, counts one that has its events still. After 20 s it tells those that
 * it has; throws 503 where it has none.
 */
export async function examplesOf(db: Database, question: Question, shown: Shown): Promise<Example[]> {
  return asking(db, async (tx, connection) => {
    const counting = { ...countingOf(question), since: question.since, until: question.until }
    const find = question.unit === 'recipient' ? foundPeople : foundNotifications
    const found = await find({ tx, connection }, { question, counting, shown })
    return examplesFrom(tx, found, { question, counting, shown })
  })
}

type Asked = { question: Question; counting: Counting; shown: Shown }

/** Hour by hour from the newest on, until there are enough. */
async function foundNotifications(at: Tx, { question, counting, shown }: Asked): Promise<Found[]> {
  const judge = openStories(counting, shown)
  const endMs = performance.now() + limitMs
  const found: Found[] = []
  for (const { cohort, types } of await placesOf(at.tx, question, shown)) {
    if (found.length >= examplesMax) break
    if (performance.now() > endMs) {
      if (found.length > 0) break
      throw tookTooLong()
    }
    const asked = { ...foldsOf(question), since: cohort, until: cohort + hourMs, types }
    await eachFold(at, { ...asked, each: 'people' }, fold => keepShown(found, { fold, judged: judge(fold) }, counting))
  }
  return found
}

function keepShown(
  found: Found[],
  { fold, judged: stories }: { fold: Folded; judged: readonly (Judged | undefined)[] },
  { since = -Infinity, until = Infinity }: Counting,
): void {
  fold.story.forEach((story, n) => {
    const judged = stories[story]
    const at = fold.cohort + fold.occurred[n]!
    if (judged && at >= since && at < until) keepNewest(found, { fold, n, judged, at }, examplesMax)
  })
}

async function foundPeople(at: Tx, { question, counting, shown }: Asked): Promise<Found[]> {
  const people = findPeople(counting, shown)
  const hold = openPeopleLimit()
  await eachFold(at, { ...foldsOf(question), each: 'people' }, fold => {
    hold(fold)
    people.add(fold)
  })
  return people.found(examplesMax)
}

/** Names what was found in folds, of which people and intents are not told. */
async function examplesFrom(tx: Queryable, found: readonly Found[], asked: Asked): Promise<Example[]> {
  const apart = [...new Map(found.map(one => [JSON.stringify(keyOf(one)), one])).values()]
  const named = Map.groupBy(await namesOf(tx, apart), ({ place }) => place)
  const examples: Example[] = []
  for (const [place, one] of apart.entries()) {
    const names = named.get(place) ?? []
    // Notifications of one person and type may bear the same instants: then each is counted by itself.
    const shown = names.length > 1 ? await alone(tx, one, { asked, names }) : asIs(one, names)
    const isPerson = asked.question.unit === 'recipient'
    examples.push(...(isPerson ? asIs(one, shown.slice(0, 1)) : shown).map(name => exampleOf(one, name)))
  }
  return examples.toSorted((a, b) => (a.at > b.at ? -1 : 1)).slice(0, examplesMax)
}

const asIs = ({ judged }: Found, names: readonly Name[]) => names.map(name => ({ ...name, judged }))

/** By what it is found among the events. `first`: when the first of them happened. */
function keyOf({ fold, n }: Found) {
  const { type, cohort, person, facts, fact, story, events, at, occurred } = fold
  const own = story[n]!
  const first = at[events.subarray(0, own).reduce((sum, many) => sum + many, 0)]!
  const who = BigInt.asIntN(64, (BigInt(person[2 * n]!) << 32n) | BigInt(person[2 * n + 1]!)).toString()
  const { channel, tenant } = facts[fact[own]!]!
  return { ofType: type, by: channel, within: tenant, who, ms: cohort + occurred[n]!, first }
}

/** A notification that has the key of the one at a place. */
type Name = { place: number; intent: string; recipient: string }

async function namesOf(tx: Queryable, found: readonly Found[]): Promise<Name[]> {
  const keys = found.map((one, place) => ({ place, ...keyOf(one) }))
  if (keys.length === 0) return []
  const times = [...new Set(keys.map(({ first }) => first))]
  // The planner takes the summarising indexes for worse than reading everything.
  await tx.query(`select set_config('enable_seqscan', 'off', true)`)
  return tx.query<Name>(
    `select distinct place, intent_id as intent, recipient
     from jsonb_to_recordset($1::jsonb) as u(place int, "ofType" text, by text, within text, who bigint, ms float8, first float8)
     join delivery_events on at = to_timestamp(first / 1000.0) and occurred_at = to_timestamp(ms / 1000.0)
       and type = "ofType" and channel = by and tenant is not distinct from within and hashtextextended(recipient, 0) = who
     where at = any($2::timestamptz[]) and day >= $3::date - 1 order by place, intent`,
    [JSON.stringify(keys), times.map(at => new Date(at)), new Date(Math.min(...times)).toISOString().slice(0, 10)],
  )
}

type Event = Name & { common: string; said: string; at: Date }

/** Those that a bar stands for, each counted by all its events; where they have gone on since it was drawn, the first. */
async function alone(
  tx: Queryable,
  found: Found,
  { asked: { counting, shown }, names }: { asked: Asked; names: readonly Name[] },
): Promise<(Name & { judged: Judged })[]> {
  const { cohort, type } = found.fold
  const { ms: occurredAt, by } = keyOf(found)
  const judge = openStories(counting, shown)
  const events = await tx.query<Event>(
    `select place, intent, u.recipient, ${foldedColumns.common} as common, ${foldedColumns.said} as said, at
     from jsonb_to_recordset($1::jsonb) as u(place int, intent uuid, recipient text)
     join delivery_events e on intent_id = intent and e.recipient = u.recipient
     where occurred_at = $2 and day >= ($2::timestamptz at time zone 'utc')::date - 1 and intent_id = any($3::uuid[]) and channel = $4
     order by intent, at`,
    [JSON.stringify(names), new Date(occurredAt), names.map(({ intent }) => intent), by],
  )
  const shownNow = [...Map.groupBy(events, ({ intent }) => intent).values()].flatMap(own => {
    const folding = startFolding({ cohort, type })
    for (const { common, said, at } of own)
      folding.add({ notification: 0, occurredAt, person: [0, 0], common, said, at: at.getTime() })
    const judged = judge(folding.done())[0]
    return judged ? [{ ...own[0]!, judged }] : []
  })
  return shownNow.length > 0 ? shownNow : asIs(found, names.slice(0, 1))
}

function exampleOf(one: Found, { intent, recipient, judged }: Name & { judged: Judged }): Example {
  const { ofType: type, by: channel, ms } = keyOf(one)
  const { told, reached, fate, reason } = judged
  return {
    ...{ intent, recipient, channel, type, at: new Date(ms).toISOString() },
    ...{ reached: stages[lastTold(told, reached)]!, what: fate },
    ...(reason !== null && { reason }),
  }
}

import { to as copyTo } from 'pg-copy-streams'
import { problem } from '#runtime/http-problem.ts'
import { copying, type Database } from '#runtime/postgres.ts'
import { asking } from './asking.ts'
import { eachCopiedRow, timestampAt } from './copied-rows.ts'
import { eachFold, type Tx } from './fold-store.ts'
import {
  type Compared,
  type Comparing,
  type Comparison,
  type Costs,
  type Heard,
  startComparing,
} from './lift-people.ts'
import { difference, type Interval, shareOf, wilson } from './lift.ts'

/**
 * Did it change what people do? Of those to whom a type would have gone from `since` to before `until`: who was told against the
 * holdout, or the arms of its experiment against each other, by a product event of theirs within the window from the first decision.
 */
export type LiftQuestion = Comparing & { type: string; event: string }
/** So long what people did is kept: of who was told earlier nothing can be said. Retention keeps `product_events` as long. */
export const productEventDays = 35
/** `base`: what the others are compared with: the holdout, or the first arm by name. */
export type LiftGroup = {
  channel?: string
  group: string
  base: boolean
  people: number
  converted: number
  rate: number
  interval: Interval
  costs: Costs
  lift?: { difference: number; interval: Interval; relative?: number }
}

/** On channels, each told apart where it is by channel. What is held of each takes about 100 bytes. */
const peopleMax = 3_000_000

/**
 * The groups of a comparison with rates, 95 % intervals and costs, from the folds of that time as they were counted last. By
 * intention: who would have been told counts where the draw put them, whether it reached them or not. Who was in two groups in that
 * time is in none.
 */
export async function lift(db: Database, question: LiftQuestion): Promise<LiftGroup[]> {
  const compared = await asking(db, (tx, connection) => compare({ tx, connection }, question))
  return [...Map.groupBy(compared, one => one.of).values()].flatMap(ofOne => {
    const sorted = ofOne.toSorted((a, b) => (a.group < b.group ? -1 : 1))
    const base = question.compare === 'arm' ? sorted[0] : sorted.find(one => one.group === 'holdout')
    return sorted.map(one => groupOf(one, base, question.by !== undefined))
  })
}

function groupOf(one: Compared, base: Compared | undefined, byChannel: boolean): LiftGroup {
  const { of, group, people, converted, costs } = one
  return {
    ...(byChannel && { channel: of }),
    ...{ group, base: one === base, people, converted, rate: shareOf(one), interval: wilson(one) },
    costs,
    ...(base && one !== base && { lift: difference(one, base) }),
  }
}

async function compare(at: Tx, question: LiftQuestion): Promise<Compared[]> {
  const { type, event, since, until, tenant } = question
  const comparison = startComparing(question)
  await eachFold(at, { since, until, types: [type], each: 'people', marked: 'as_counted' }, fold => {
    comparison.add(fold)
    if (comparison.people > peopleMax)
      throw problem(503, { detail: 'these are too many people to tell apart: ask for a shorter time' })
  })
  await hear(at, comparison, { what: 'converted', from: 'product_events', where: { event } })
  await hear(at, comparison, { what: 'unsubscribed', from: 'consent_log', where: { tenant } })
  return comparison.groups()
}

type Source =
  | { what: Heard; from: 'product_events'; where: { event: string } }
  | { what: Heard; from: 'consent_log'; where: { tenant: string | undefined } }

/** Tells a comparison when people did something, of the time that it looks at. */
async function hear({ tx, connection }: Tx, comparison: Comparison, source: Source): Promise<void> {
  const span = comparison.span()
  if (span === undefined) return
  const { what, from, where } = source
  const asked = 'event' in where ? where.event : (where.tenant ?? '')
  // COPY takes no parameters; a setting of the transaction is text, whatever stands in it.
  await tx.query(
    `select set_config('carillon.from', to_timestamp($1 / 1000.0)::text, true), set_config('carillon.to', to_timestamp($2 / 1000.0)::text, true),
       set_config('carillon.asked', $3, true)`,
    [span.from, span.to, asked],
  )
  const setting = (name: string) => `(select current_setting('carillon.${name}'))`
  const statement = `copy (select hashtextextended(recipient, 0), at from ${from}
    where at >= ${setting('from')}::timestamptz and at <= ${setting('to')}::timestamptz and ${narrowing[from](setting('asked'))})
    to stdout (format binary)`
  await eachCopiedRow(copying(connection, copyTo(statement)), 2, (bytes, starts) => {
    const person = [bytes.readUInt32BE(starts[0]), bytes.readUInt32BE(starts[0]! + 4)] as const
    comparison.hear(what, person, timestampAt(bytes, starts[1]!))
  })
}

const narrowing = {
  product_events: (event: string) => `event = ${event}`,
  consent_log: (tenant: string) => `wish = false and (tenant is null or ${tenant} in ('', tenant))`,
} satisfies Record<Source['from'], (asked: string) => string>

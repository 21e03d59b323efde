import { problem } from '#runtime/http-problem.ts'
import type { Database } from '#runtime/postgres.ts'
import { asking } from './asking.ts'
import { byStories, type Counted, type Counter, type Counting, startCounting, type Took } from './count.ts'
import { type Folded, hourMs } from './fold.ts'
import { type AskedFolds, eachFold, foldedHours, type Tx } from './fold-store.ts'
import { type FunnelRow, shapeFunnel } from './funnel.ts'
import { filters, orderingPreset, type Question } from './question.ts'
import { countRolledUp, typesOfGroups } from './rollup-store.ts'

/** Rollups, folds as they are stored (both as of when their hours were counted last), or all events. */
export type Counts = { counted: Counted[]; took: Took[]; from: 'rollup' | 'fold' | 'raw' }

/**
 * How far notifications (or people) came, by a dimension if one is asked for. Read from rollups where they know the answer, else
 * from the folds of that time, of which hours that are to be counted anew are told as they were, if not `raw` is asked. Each query
 * is given 20 s.
 */
export async function funnel(db: Database, question: Question = {}): Promise<FunnelRow[]> {
  const { counted, took } = await countsOf(db, question)
  return shapeFunnel({ counted, took }, question)
}

/**
 * What the answers are made of. `edges`: ascending instants; the first group is then the place of the period, from 0. `peopleMost`: of
 * notifications tells of each group whether it is of so many people.
 */
export async function countsOf(
  db: Database,
  question: Question,
  { edges = [], peopleMost }: { edges?: readonly number[]; peopleMost?: number } = {},
): Promise<Counts> {
  return asking(db, async (tx, connection) => {
    const rolledUp = await countRolledUp(tx, question, edges)
    if (rolledUp) {
      const counted = await withPeople({ tx, connection }, question, { counted: rolledUp, edges, peopleMost })
      return { counted, took: [], from: 'rollup' }
    }
    const from = question.source === 'rollup' ? 'fold' : 'raw'
    return { ...(await countFolds({ tx, connection }, question, { edges, peopleMost })), from }
  })
}

type Given = { counted: readonly Counted[]; edges: readonly number[]; peopleMost: number | undefined }

/** Rollups know whether there are enough people in one hour. Where there are not, folds tell whether they are in all hours together. */
async function withPeople(at: Tx, question: Question, { counted, edges, peopleMost = 0 }: Given): Promise<Counted[]> {
  const nameOf = ({ groups }: Counted) => JSON.stringify(groups)
  const people = new Map<string, number>()
  for (const one of counted) people.set(nameOf(one), Math.max(one.people!, people.get(nameOf(one)) ?? 0))
  const few = counted.filter(one => people.get(nameOf(one))! < peopleMost)
  if (few.length > 0) {
    const of = [...new Map(few.map(one => [nameOf(one), one.groups])).values()]
    const types = await typesOfGroups(at.tx, question, { edges, of })
    const folded = await countFolds(at, question, { edges, peopleMost, types })
    // Of hours whose events are gone there are no folds.
    for (const one of folded.counted)
      people.set(nameOf(one), Math.max(one.people ?? peopleMost, people.get(nameOf(one)) ?? 0))
  }
  return counted.map(one => {
    const own = people.get(nameOf(one))!
    return { ...one, people: own < peopleMost ? own : undefined }
  })
}

/** How a question counts what there is, of whatever time. */
export const countingOf = ({ by, unit = 'notification', windowMs, ...asked }: Question): Counting => ({
  ...{ ...orderingPreset, windowMs: windowMs ?? orderingPreset.windowMs, unit },
  only: Object.fromEntries(filters.map(filter => [filter, asked[filter]])),
  ...{ by: by === undefined ? [] : [by], includeSimulated: asked.includeSimulated, times: asked.times },
})

/**
 * What is held in memory until all are there, to tell people apart: for each story a summary (three times its bytes while their array
 * grows), for each notification its places.
 */
const [storyBytes, notificationBytes, peopleBytesMax] = [520, 60, 1.5e9]

async function countFolds(
  at: Tx,
  question: Question,
  { edges, peopleMost = 0, types }: Pick<Given, 'edges' | 'peopleMost'> & { types?: readonly string[] },
): Promise<Omit<Counts, 'from'>> {
  const { since = edges[0], until = edges.at(-1) } = question
  const counting = { ...countingOf(question), since, until, edges }
  const ofPeople = counting.unit === 'recipient'
  // Of one there always is.
  const telling = !ofPeople && peopleMost > 1
  const counter = startCounting({ ...counting, ...(telling && { peopleMost }) })
  const each = ofPeople ? 'people' : byStories(counting) ? 'stories' : 'notifications'
  const hold = openPeopleLimit()
  const folds = { ...foldsOf({ ...question, since, until }), ...(types && { types }) }
  await eachFold(at, { ...folds, each }, fold => {
    if (ofPeople) hold(fold)
    counter.add(fold)
  })
  if (telling) await addPeople(at, counter, folds)
  return counter.done()
}

/** Reads the people of more and more hours, until each group has as many as are asked for: most have them in an hour. */
async function addPeople(at: Tx, counter: Counter, folds: Omit<AskedFolds, 'each'>): Promise<void> {
  // What was counted anew had its people with it.
  const marked = folds.marked === 'anew' ? 'left_out' : folds.marked
  const hours = await foldedHours(at.tx, folds)
  for (let from = 0, many = 1; from < hours.length && counter.isShort(); from += many, many *= 2) {
    const some = hours.slice(from, from + many)
    const span = { since: some.at(-1)!, until: some[0]! + hourMs }
    await eachFold(at, { ...folds, ...span, marked, each: 'people' }, counter.addPeople)
  }
}

/** Which folds a question is about. */
export const foldsOf = ({ since, until, type, source }: Question) => ({
  ...{ since, until, types: type === undefined ? undefined : [type] },
  marked: source === 'rollup' ? ('as_counted' as const) : ('anew' as const),
})

/** Is told of each fold that is held to tell its people apart; throws 503 where that takes too much memory. */
export function openPeopleLimit(): (fold: Folded) => void {
  let held = 0
  return fold => {
    held += fold.fact.length * storyBytes + fold.story.length * notificationBytes
    if (held > peopleBytesMax)
      throw problem(503, { detail: 'these are too many events to tell people apart: ask for a shorter time' })
  }
}

import { storePacks } from '#analytics/event-store.ts'
import type { EventPack, EventSlot, IntentFacts } from '#contracts/event.ts'
import { intentId, newBatchId, newSetId } from '#contracts/ids.ts'
import type { Database } from '#runtime/postgres.ts'
import { cpuOfTree } from './cpu.ts'

/** The day whose events are asked for. */
export const day = '2026-11-20'
export const start = Date.parse(`${day}T00:00:00Z`)
export const dayMs = 86_400_000
export const hourMs = 3_600_000
const types = Array.from({ length: 20 }, (_, n) => `type.${n}`)
/** Of this type some people are told nothing, to see what it changes. */
export const typeWithHoldout = types[0]!
/** What some people do after they were told. */
export const productEvent = 'invite.accepted'
const people = 200_000
const namePrefix = 'user-'
export const nameOf = (person: number): string => `${namePrefix}${person}`
/** An intent of the day, in the order of time. */
export const intentAt = (n: number) => intentId({ producer: 'bench', key: String(n) })

const peopleOfPack = 500
const eventsOfIntent = 2 * peopleOfPack
/** Intents whose packs one set of the sink holds. */
const intentsOfSet = 20

/** What storing alone takes: no message is pulled, no pack parsed. */
export type StoringFigures = { events_per_s: number; cpu_us: number }

/** Stores so many events of the day as the sink stores them, and what some people then do. `pid`: PostgreSQL's. */
export async function storeDay(
  db: Database,
  { events, pid }: { events: number; pid: number },
): Promise<StoringFigures & { intents: number }> {
  const [cpu, own, begun] = [cpuOfTree(pid), process.cpuUsage(), performance.now()]
  let [making, makingCpu, intents, stored] = [0, 0, 0, 0]
  while (stored < events) {
    const [from, before] = [performance.now(), process.cpuUsage()]
    const packs = Array.from({ length: intentsOfSet }, () => packsOf(intents++, events)).flat()
    making += performance.now() - from
    const made = process.cpuUsage(before)
    makingCpu += made.user + made.system
    stored += (await storePacks(db, packs)).events
  }
  const seconds = (performance.now() - begun - making) / 1000
  const { user, system } = process.cpuUsage(own)
  const cpuUs = (cpuOfTree(pid) - cpu + user + system - makingCpu) / stored
  await db.query(
    `insert into product_events (recipient, event, at)
     select $4::text || p, $1, $2::timestamptz + interval '1 day' * (p * 7919 % $3::int) / $3::int from generate_series(0, $3::int - 1, 5) p`,
    [productEvent, new Date(start), people, namePrefix],
  )
  return { events_per_s: Math.round(stored / seconds), cpu_us: Math.round(cpuUs * 10) / 10, intents }
}

/** An intent to 500 people, decided and then settled: one of ten is refused by a rule, another one looks, at a time of their own. */
function packsOf(n: number, events: number): EventPack[] {
  const occurredAt = start + Math.floor((((n * eventsOfIntent) / events) % 1) * dayMs)
  const type = types[n % types.length]!
  const intents: IntentFacts[] = [
    { id: intentAt(n), type, category: `category-${n % 5}`, producer: 'bench', lane: 'default', occurredAt },
  ]
  const [set, batch] = [newSetId(), newBatchId()]
  const common = { v: 1, day, intents, set } as const
  const slots = Array.from({ length: peopleOfPack }, (_, at): EventSlot => ({
    ...{ i: 0, recipient: nameOf((n * 7919 + at * 104_729) % people), channel: 'push', what: 'deliver', w: 0 },
    ...(at % 10 === 0 && { what: 'throttled' as const, w: 1 }),
    ...(at % 20 === 10 && type === typeWithHoldout && { what: 'holdout' as const, w: 2 }),
  }))
  const settled = slots.flatMap(({ i, recipient, channel, what }, at): EventSlot[] =>
    what === 'deliver' ? [{ i, recipient, channel, endpoint: `device-${at}`, what: 'sent' }] : [],
  )
  const opened = settled.filter((_, at) => at % 9 === 0)
  const whys = [{ rule: 'default' }, { rule: 'throttled', value: '10/1h' }, { rule: 'holdout' }] as const
  return [
    { ...common, pack: `${set}/decided`, at: occurredAt + 20, kind: 'decided', whys: [...whys], slots },
    {
      ...{ ...common, pack: `${batch}/settled`, at: occurredAt + 900, kind: 'settled', batch, provider: 'fcm' },
      ...{ whys: [], slots: settled },
    },
    ...opened.map((slot, at): EventPack => ({
      ...{ ...common, pack: `${batch}/${at}/opened`, kind: 'engaged', at: occurredAt + 5_000 + at * 7_919 },
      ...{ provider: 'fcm', whys: [], slots: [{ ...slot, what: 'opened' }] },
    })),
  ]
}

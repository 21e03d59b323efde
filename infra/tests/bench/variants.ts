import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Transport } from '#contracts/channel.ts'
import { dayOf, newSetId } from '#contracts/ids.ts'
import { outcomeCode } from '#contracts/outcome.ts'
import { createNotifier, type Notifier } from '#producers/sdk/notifier.ts'
import type { Publisher } from '#runtime/pubsub.ts'
import type { Notification } from './baseline/router.ts'
import { catalogue, type Family, typeOf } from './catalogue.ts'
import type { Machine } from './machine.ts'
import { bodyOf, channelAt, kindAt, nameOf, peopleAt, personAt, title, wishfulName } from './mix.ts'
import { baselineNames, type Part, prefix } from './setup.ts'

export const variantNames = [
  ...(['baseline', 'single', 'fanout', 'single_direct', 'fanout_direct'] as const),
  ...(['single_windows', 'fanout_windows'] as const),
] as const
export type VariantName = (typeof variantNames)[number]

/** A way to send notifications. `send` resolves when all of them are delivered and every event is stored. */
export type Variant = {
  label: string
  /** Whose CPU it costs besides that of PostgreSQL and Redis. */
  parts: readonly Part[]
  /** How providers are called. Absent: by their official libraries. */
  transport?: Transport
  send(count: number): Promise<void>
}

/** Recipients of one fan-out intent. */
const fanout = 500
const ours: readonly Part[] = ['router', 'worker', 'sink']
const publishTriesMax = 5
const pollMs = 100
/** Without any progress for so long something is broken; a busy machine is only slow. */
const stuckMs = 120_000

export function openVariants(machine: Machine): Record<VariantName, Variant> & AsyncDisposable {
  const publisher = machine.pubsub.publisher(baselineNames.topic, { batchMessages: 100, batchMs: 10 })
  const notifier = notifierOf(machine)
  return {
    baseline: {
      ...{ label: 'by hand', parts: ['baseline-router', 'baseline-worker'] },
      send: count => sendBaseline(machine, publisher, count),
    },
    single: pipeline(machine, notifier, { label: 'one intent per recipient', family: 'plain' }),
    fanout: pipeline(machine, notifier, { label: `fan-out intents of ${fanout}`, family: 'plain', fanned: true }),
    single_direct: {
      ...pipeline(machine, notifier, { label: 'one per recipient, directly', family: 'plain' }),
      transport: 'direct',
    },
    fanout_direct: {
      ...pipeline(machine, notifier, { label: 'fan-out, directly', family: 'plain', fanned: true }),
      transport: 'direct',
    },
    single_windows: pipeline(machine, notifier, { label: 'one per recipient, throttle + dedupe', family: 'windows' }),
    fanout_windows: pipeline(machine, notifier, {
      label: 'fan-out, throttle + dedupe',
      family: 'windows',
      fanned: true,
    }),
    [Symbol.asyncDispose]: () => notifier.close(),
  }
}

export const notifierOf = ({ setup }: Machine): Notifier =>
  createNotifier({
    ...{ producer: 'bench', catalogue },
    pubsub: { projectId: setup.projectId, emulator: setup.pubsub, prefix, deadlineMs: 60_000 },
  })

/** How notifications are stated: by types with these rules; in intents of many; about a place and to people who have wishes. */
type Manner = { family: Family; fanned?: boolean; wishes?: boolean }

export const pipeline = (
  machine: Machine,
  to: Notifier,
  { label, ...manner }: Manner & { label: string },
): Variant => ({
  ...{ label, parts: ours },
  send: count =>
    sendOurs(machine, {
      count,
      publish: n => (manner.fanned ? publishFanouts(to, n, manner) : publishSingles(to, n, manner)),
    }),
})

/** Numbers go on through the whole run, so that no two notifications are alike. */
let sent = 0

async function sendBaseline({ baselineDb }: Machine, publisher: Publisher, count: number): Promise<void> {
  const stored = async () => {
    const [row] = await baselineDb.query<{ n: string | null }>('select max(id) as n from baseline_events')
    return Number(row!.n)
  }
  const before = await stored()
  await inLots(count, 1000, async (from, size) => {
    const lot = Array.from({ length: size }, (_, i) => {
      const n = sent + from + i
      const channel = kindAt(n)
      const user = nameOf(personAt(n, channel))
      const notification: Notification = { id: randomUUID(), user, channel, title, body: bodyOf(n) }
      return publishSurely(publisher, Buffer.from(JSON.stringify(notification)))
    })
    await Promise.all(lot)
  })
  sent += count
  await until({ who: 'the baseline', count }, async () => (await stored()) - before)
}

/** On a busy machine an answer may come too late; said twice it is still one, by its id. */
async function publishSurely(publisher: Publisher, bytes: Buffer): Promise<void> {
  for (let tries = 1; ; tries++)
    try {
      await publisher.publish(bytes)
      return
    } catch (error) {
      if (tries === publishTriesMax) throw error
    }
}

async function publishSingles(notifier: Notifier, count: number, manner: Manner): Promise<void> {
  await inLots(count, 1000, async (from, size) => {
    await notifier.notifyMany(
      Array.from({ length: size }, (_, i) => {
        const n = sent + from + i
        const kind = kindAt(n)
        return {
          type: typeOf(kind === 'fcm' || kind === 'apns' ? 'push' : kind, manner.family),
          options: {
            ...{ ...toOf([personAt(n, kind)], manner), key: `n${n}`, thread: `thread-${n}` },
            data: { n, title, body: bodyOf(n) },
          },
        }
      }),
    )
  })
  sent += count
}

export async function publishFanouts(notifier: Notifier, count: number, manner: Manner): Promise<void> {
  await inLots(Math.ceil(count / fanout), 20, async (from, size) => {
    await notifier.notifyMany(
      Array.from({ length: size }, (_, i) => {
        const n = sent + from + i
        const to = toOf(peopleAt(n, Math.min(fanout, count - (from + i) * fanout)), manner)
        return {
          type: typeOf(channelAt(from + i), manner.family),
          options: { ...to, key: `n${n}`, thread: `thread-${n}`, data: { n, title, body: bodyOf(n) } },
        }
      }),
    )
  })
  sent += count
}

const toOf = (people: readonly number[], { wishes }: Manner) =>
  wishes
    ? { to: people.map(person => ({ id: wishfulName(person), reason: 'mention' })), tenant: 'acme', room: 'general' }
    : { to: people.map(nameOf) }

/** Works on lots in order, some at once. */
async function inLots(count: number, size: number, work: (from: number, size: number) => Promise<void>): Promise<void> {
  const lotsAtOnce = 4
  let next = 0
  const run = async () => {
    while (next < count) {
      const from = next
      next += size
      await work(from, Math.min(size, count - from))
    }
  }
  await Promise.all(Array.from({ length: lotsAtOnce }, run))
}

async function sendOurs(
  { db }: Machine,
  { count, publish }: { count: number; publish: (count: number) => Promise<void> },
): Promise<void> {
  // Ids made from here on sort behind it, so that asking stays cheap however much was sent before.
  const since = newSetId()
  const from = [dayOf(since), since]
  await publish(count)
  await until({ who: 'the pipeline', count }, async () => {
    const [row] = await db.query<{ delivering: string; open: string; stored: boolean }>(
      `with taken as (select coalesce(sum(delivering), 0) as n, count(*) as sets from sets where day >= $1 and id > $2),
         open as (select coalesce(sum(n), 0) as n from batches where closed_at is null)
       select taken.n as delivering, open.n as open, case
         when taken.n < $3 or open.n > 0 then false
         else sets + (select count(*) from batches where day >= $1 and id > $2)
           <= (select count(*) from event_packs where day >= $1 and pack > $2::text) end as stored
       from taken, open`,
      [...from, count],
    )
    return Number(row!.delivering) - Number(row!.open) - (row!.stored ? 0 : 1)
  })
  const ends = await db.query<{ channel: number; outcome: number; n: number }>(
    `select channel, outcome, count(*)::int as n from deliveries where day >= $1 and batch_id > $2 group by 1, 2`,
    from,
  )
  const delivered = ends.filter(({ outcome }) => outcome === sentCode || outcome === deliveredCode)
  if (delivered.reduce((sum, { n }) => sum + n, 0) !== count)
    throw new Error(`${count} were sent, and ended as ${JSON.stringify(ends)}`)
}

const sentCode = outcomeCode('sent')
const deliveredCode = outcomeCode('delivered')

export async function until(
  { who, count }: { who: string; count: number },
  done: () => Promise<number>,
): Promise<void> {
  let best = 0
  let limit = performance.now() + stuckMs
  for (;;) {
    const now = await done()
    if (now >= count) return
    if (now > best) limit = performance.now() + stuckMs
    best = Math.max(best, now)
    if (performance.now() > limit) throw new Error(`${who} stopped at ${best} of ${count}`)
    await sleep(pollMs)
  }
}

import type { ServerResponse } from 'node:http'
import type { Catalogue } from '#contracts/catalogue.ts'
import type { EpochMs } from '#contracts/ids.ts'
import type { InboxChanges } from '#contracts/inbox.ts'
import type { Clock } from '#runtime/clock.ts'
import { every } from '#runtime/every.ts'
import { problem } from '#runtime/http-problem.ts'
import type { Log } from '#runtime/log.ts'
import type { Database } from '#runtime/postgres.ts'
import type { Signals } from '#runtime/signals.ts'
import { type Changes, type ChangesAsked, readChanges, readLast, shownItem, type Whose } from './inbox-feed-store.ts'

/** A person who listens, in one tenant or in all. `since`: the last number that they were sent. */
type Stream = Whose & { since: number; expiresAt: EpochMs; response: ServerResponse; beat: number }

/**
 * Streams of this process, Server-Sent Events (https://html.spec.whatwg.org/multipage/server-sent-events.html), the `id` of
 * each the person's number:
 * `changes` (an `InboxChanges`), `reset` (too much has changed since: ask for the inbox anew), `expired` (the token has; the end).
 */
export type InboxStreams = AsyncDisposable & {
  /** Throws 429 or 503 where there are too many already. */
  admit(recipient: string): void
  /** Sends what changed after `since`, from now on, until the token expires or the other end is gone or too slow. */
  open(stream: Opened): void
  /** How many there are now. */
  size(): number
}

/** `number`: the last that the person has. */
type Opened = Omit<Stream, 'beat'> & { number: number }

const perPersonMax = 10
const streamsMax = 20_000
/** A proxy takes a connection for dead that says nothing for a minute or so. */
const beatEveryS = 15
/** What nobody was told of is found so late. */
const pollEveryMs = 5_000
/** A person who was away for more changes than this asks for the inbox anew. */
const changesMax = 100
const peopleAtOnce = 200
/** Who has so much before them that they did not take in is cut off, and comes again with the last id that they have. */
const behindBytesMax = 256 * 1024
/** What is longer is asked for anew, or it alone would cut off who is told of it, again and again. */
const eventBytesMax = behindBytesMax / 4
/** When the process ends all its people come to others: not all at once. */
const comeAgainMs = 5_000

type Deps = { db: Database; signals: Signals; catalogue: Catalogue; clock: Clock; log: Log }

/** Opens none yet. Disposing ends those that there are, and tells each when to come again. */
export function openInboxStreams({ db, signals, catalogue, clock, log }: Deps): InboxStreams {
  const held: Held = { people: new Map(), size: 0, second: 0, closing: false }
  const { people } = held
  const failed = (error: unknown) =>
    log.warn({ task: 'inbox streams', error }, 'what changed cannot be read; asking again')
  const looker = lookerOf(held, { db, catalogue, failed })
  signals.hear(recipients => looker.look(recipients))
  const poll = async () => {
    const last = await readLast(db, [...people.keys()])
    const behind = ([recipient, number]: [string, number]) =>
      [...people.get(recipient)!].some(one => one.since < number)
    looker.look(
      [...last]
        .filter(([recipient]) => people.has(recipient))
        .filter(behind)
        .map(([recipient]) => recipient),
    )
  }
  const timers = [every(1_000, async () => beat(held, clock.now()), failed), every(pollEveryMs, poll, failed)]
  return {
    size: () => held.size,
    admit: recipient => admit(held, recipient),
    open(given) {
      add(held, given)
      looker.look([given.recipient])
    },
    async [Symbol.asyncDispose]() {
      held.closing = true
      for (const timer of timers) await timer[Symbol.asyncDispose]()
      await looker.idle()
      const all = [...people.values()].flatMap(own => [...own])
      all.forEach((stream, nth) =>
        end(held, { stream, text: `retry: ${Math.round(1_000 + (nth / all.length) * comeAgainMs)}\n\n` }),
      )
    },
  }
}

type Held = { people: Map<string, Set<Stream>>; size: number; second: number; closing: boolean }

function admit({ people, size, closing }: Held, recipient: string): void {
  const later = { headers: { 'retry-after': '10' } }
  if ((people.get(recipient)?.size ?? 0) >= perPersonMax)
    throw problem(429, { ...later, detail: `there are ${perPersonMax} streams of this person already` })
  if (size >= streamsMax || closing) throw problem(503, { ...later, detail: 'this process takes no more streams' })
}

function add(held: Held, { number, ...given }: Opened): void {
  // Gone while its number was read: it would never say so again.
  if (given.response.destroyed) return
  const stream: Stream = { ...given, beat: held.size % beatEveryS }
  const own = held.people.get(stream.recipient)
  if (own) own.add(stream)
  else held.people.set(stream.recipient, new Set([stream]))
  held.size++
  stream.response.on('close', () => drop(held, stream))
  say(stream, ':\n\n')
  if (stream.since <= number) return
  // A number that the person has not reached is somebody else's, or made up.
  stream.since = number
  say(stream, resetOf(number))
}

function drop(held: Held, stream: Stream): void {
  const own = held.people.get(stream.recipient)
  if (!own?.delete(stream)) return
  held.size--
  if (own.size === 0) held.people.delete(stream.recipient)
}

function say({ response }: Stream, text: string): void {
  response.write(text)
  if (response.writableLength > behindBytesMax) response.destroy()
}

function end(held: Held, { stream, text }: { stream: Stream; text: string }): void {
  drop(held, stream)
  stream.response.end(text)
}

/** One timer for all: a second's share of heartbeats, and tokens that expire. */
function beat(held: Held, now: EpochMs): void {
  held.second = (held.second + 1) % beatEveryS
  for (const own of held.people.values())
    for (const stream of own)
      if (stream.expiresAt <= now) end(held, { stream, text: 'event: expired\ndata: {}\n\n' })
      else if (stream.beat === held.second) say(stream, ':\n\n')
}

/** Looks what changed for people who are here, many in one statement, one statement at a time. */
function lookerOf(
  { people }: Held,
  { db, catalogue, failed }: { db: Database; catalogue: Catalogue; failed: (error: unknown) => void },
) {
  const due = new Set<string>()
  const lookAtSome = async () => {
    const some = [...due].slice(0, peopleAtOnce)
    const asked = some.flatMap(recipient => askedOf(people.get(recipient) ?? []))
    for (const recipient of some) due.delete(recipient)
    const found = await readChanges(db, asked, changesMax)
    asked.forEach(({ recipient, tenant, since }, place) => {
      const changes = found[place]
      if (!changes) return
      const text = eventOf(changes, catalogue)
      for (const stream of people.get(recipient) ?? []) {
        if (stream.since !== since || stream.tenant !== tenant) continue
        stream.since = changes.number
        say(stream, text)
      }
    })
  }
  let looking: Promise<void> | undefined
  const run = async () => {
    // Who is not found now is found by the next poll.
    while (due.size > 0) await lookAtSome().catch(failed)
    looking = undefined
  }
  return {
    look(recipients: readonly string[]) {
      for (const recipient of recipients) if (people.has(recipient)) due.add(recipient)
      if (due.size > 0) looking ??= run()
    },
    idle: () => looking ?? Promise.resolve(),
  }
}

/** Streams of a person that were sent the same get the same. */
const askedOf = (own: Iterable<Stream>): ChangesAsked[] => [
  ...new Map(
    [...own].map(({ recipient, tenant, since }) => [
      `${since} ${tenant}`,
      { recipient, since, ...(tenant !== undefined && { tenant }) },
    ]),
  ).values(),
]

function eventOf(changes: Changes, catalogue: Catalogue): string {
  const { number } = changes
  if ('tooMany' in changes) return resetOf(number)
  const told: InboxChanges = { ...changes, items: changes.items.map(item => shownItem(item, catalogue)) }
  const text = `id: ${number}\nevent: changes\ndata: ${JSON.stringify(told)}\n\n`
  return Buffer.byteLength(text) > eventBytesMax ? resetOf(number) : text
}

const resetOf = (number: number): string => `id: ${number}\nevent: reset\ndata: {}\n\n`

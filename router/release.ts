import type { Catalogue } from '#contracts/catalogue.ts'
import type { Channel, Lane } from '#contracts/channel.ts'
import { type EpochMs, newSetId } from '#contracts/ids.ts'
import { type DueHold, dueHolds, postponeHolds, releaseHolds } from '#ledger/holds.ts'
import { type ReadyBatch, writeSet } from '#ledger/set.ts'
import { type Person, readPeople } from '#preferences/preferences.ts'
import type { Database } from '#runtime/postgres.ts'
import { type Case, judge, windowKeys, withWindows } from './judge.ts'

/** Hold rows that one transaction takes up; each has up to 500 decisions. */
const holdRowsMax = 8
/** A hold of a type that this process does not know waits for one that does. */
const unknownTypeDelayMs = 60_000

/**
 * Takes up holds of a lane that are due and decides them again at this instant. Returns the batches that became ready,
 * or undefined when nothing was due. Other schedulers work on other holds meanwhile.
 */
export async function releaseDue(
  db: Database,
  { lane, catalogue, now }: { lane: Lane; catalogue: Catalogue; now: EpochMs },
): Promise<ReadyBatch[] | undefined> {
  const due = { lane, now, limit: holdRowsMax }
  // The windows must be locked before anything else is (see `withWindows`), so whom they are for is read ahead.
  const ahead = await db.transaction(async tx => {
    const holds = await dueHolds(tx, due)
    const unknown = holds.filter(hold => !hold.intents.every(intent => catalogue.types.has(intent.type)))
    if (unknown.length > 0) await postponeHolds(tx, { holds: unknown, until: now + unknownTypeDelayMs })
    return holds.filter(hold => !unknown.includes(hold))
  })
  if (ahead.length === 0) return undefined
  const people = await readPeople(db, [...new Set(ahead.flatMap(hold => hold.slots.map(slot => slot.recipient)))])
  const cases = new Map(ahead.map(hold => [hold.id, casesOf(hold, { catalogue, people, at: now })]))
  return withWindows(db, windowKeys([...cases.values()].flat()), async (tx, locked) => {
    const holds = (await dueHolds(tx, due)).filter(hold => cases.has(hold.id))
    if (holds.length === 0) return []
    const set = newSetId()
    const mine = holds.flatMap(hold => cases.get(hold.id)!)
    const decided = await judge(tx, mine, locked)
    await releaseHolds(tx, { holds, set, now })
    const released = holds.reduce((n, hold) => n + hold.slots.length, 0)
    return writeSet(tx, { id: set, lane, origin: 'release', now, intake: {}, decided, released })
  })
}

/** The channels of one (intent, recipient) that waited together are decided together. */
function casesOf(
  hold: DueHold,
  { catalogue, people, at }: { catalogue: Catalogue; people: ReadonlyMap<string, Person>; at: EpochMs },
): Case[] {
  const cases = new Map<string, Case & { released: { channels: Channel[] } }>()
  for (const { recipient, reason, ...slot } of hold.slots) {
    const intent = hold.intents[slot.intent]!
    const key = `${intent.id} ${recipient}`
    const known = cases.get(key)
    if (known) known.released.channels.push(slot.channel)
    else
      cases.set(key, {
        ...{ intent, entry: catalogue.types.get(intent.type)!, recipient, person: people.get(recipient)!, at },
        ...(reason !== undefined && { reason }),
        released: { channels: [slot.channel], reason: hold.reason },
      })
  }
  return [...cases.values()]
}

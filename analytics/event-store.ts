import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { from as copyFrom } from 'pg-copy-streams'
import type { EventPack, IntentFacts } from '#contracts/event.ts'
import { partitionOf } from '#db/partitions.ts'
import { type Connection, copying, type Database, type Queryable } from '#runtime/postgres.ts'
import { markTouched } from './rollup-store.ts'
import {
  copyHeader,
  copyTrailer,
  newRows,
  putBoolean,
  putCopy,
  putDate,
  putText,
  putTimestamp,
  putUuid,
  type Rows,
  startRow,
  written,
} from './binary-rows.ts'

/**
 * Stores packs, each once for ever: the packs' names go in first, and only the events of those that were new follow.
 * Marks what they touch to be counted anew. One transaction. The same pack in another transaction waits here for that one to end. Gives what was new.
 * Every day's partition must exist; packs must be distinct.
 */
export async function storePacks(
  db: Database,
  packs: readonly EventPack[],
): Promise<{ packs: number; events: number }> {
  return db.transaction(async (tx, connection) => {
    const fresh = await newPacks(tx, packs)
    await copyEvents(connection, fresh)
    await markTouched(tx, fresh)
    return { packs: fresh.length, events: fresh.reduce((sum, pack) => sum + pack.slots.length, 0) }
  })
}

/** Sorted, because two sinks that hold the same packs in different orders would deadlock. */
async function newPacks(tx: Queryable, packs: readonly EventPack[]): Promise<EventPack[]> {
  const rows = await tx.query<{ pack: string }>(
    `insert into event_packs (day, pack) select day, pack from unnest($1::date[], $2::text[]) as u(day, pack)
     order by day, pack collate "C" on conflict do nothing returning pack`,
    [packs.map(pack => pack.day), packs.map(pack => pack.pack)],
  )
  if (rows.length === packs.length) return [...packs]
  const fresh = new Set(rows.map(row => row.pack))
  return packs.filter(pack => fresh.has(pack.pack))
}

// In the order in which a row is put together: what all slots of a pack have in common comes first.
const columns = `day, at, kind, provider, batch_id, set_id, simulated,
  intent_id, type, category, producer, tenant, lane, occurred_at, success,
  recipient, channel, endpoint, what, rule, rule_value, arm, locale, platform, app_version, called`
const columnsCount = columns.split(',').length

/** Straight into the day's partition: finding it for every row would cost a sixth more. */
async function copyEvents(connection: Connection, packs: readonly EventPack[]): Promise<void> {
  for (const [day, ofDay] of Map.groupBy(packs, pack => pack.day)) {
    const statement = `copy ${partitionOf('delivery_events', day)} (${columns}) from stdin with (format binary)`
    await pipeline(Readable.from(rowsOf(ofDay)), copying(connection, copyFrom(statement)))
  }
}

function* rowsOf(packs: readonly EventPack[]): Generator<Buffer> {
  yield copyHeader
  for (const pack of packs) yield rowsOfPack(pack)
  yield copyTrailer
}

function rowsOfPack(pack: EventPack): Buffer {
  const rows = newRows(pack.slots.length * rowBytesTypical)
  // What slots of one intent have in common is written once and copied.
  const head = newRows(rowBytesTypical)
  writePack(head, pack)
  const packBytes = head.length
  let headOf = -1
  for (const { i, recipient, channel, endpoint, what, w, ...facts } of pack.slots) {
    if (i !== headOf) {
      head.length = packBytes
      writeIntent(head, pack.intents[i]!)
      headOf = i
    }
    putCopy(rows, head)
    putText(rows, recipient)
    putText(rows, channel)
    putText(rows, endpoint || undefined)
    putText(rows, what)
    const why = w === undefined ? undefined : pack.whys[w]!
    putText(rows, why?.rule)
    putText(rows, why?.value && storable(why.value))
    putText(rows, facts.arm)
    putText(rows, facts.locale)
    putText(rows, facts.platform)
    putText(rows, facts.version)
    putBoolean(rows, facts.called)
  }
  return written(rows)
}

const rowBytesTypical = 320

function writePack(rows: Rows, pack: EventPack): void {
  startRow(rows, columnsCount)
  putDate(rows, pack.day)
  putTimestamp(rows, pack.at)
  putText(rows, pack.kind)
  putText(rows, pack.provider || undefined)
  putUuid(rows, pack.batch)
  putUuid(rows, pack.set)
  putBoolean(rows, pack.simulated ?? false)
}

function writeIntent(rows: Rows, intent: IntentFacts): void {
  putUuid(rows, intent.id)
  putText(rows, intent.type)
  putText(rows, intent.category)
  putText(rows, intent.producer)
  putText(rows, intent.tenant)
  putText(rows, intent.lane)
  putTimestamp(rows, intent.occurredAt)
  putBoolean(rows, intent.success)
}

const valueCharsMax = 200
/** Free text: Postgres keeps no NUL. */
const storable = (value: string): string => value.slice(0, valueCharsMax).replaceAll('\0', '')

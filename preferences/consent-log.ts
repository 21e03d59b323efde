import { type Channel, channels } from '#contracts/channel.ts'
import type { EpochMs } from '#contracts/ids.ts'
import type { Queryable } from '#runtime/postgres.ts'

/**
 * A wish as it was said: `wish` false withdraws, true grants again, null takes a choice back (what is said more generally
 * counts again). What is absent is meant for all.
 */
export type ConsentLine = {
  recipient: string
  kind: 'choice' | 'mute' | 'pause' | 'level' | 'mention' | 'endpoint' | 'suppression' | 'erase'
  category?: string
  thread?: string
  /** With `thread`: where a level or a switch of mentions counts. */
  tenant?: string
  room?: string
  /** The level, or which mentions; why an address may be used again. */
  said?: string
  channel?: Channel
  endpoint?: string
  wish: boolean | null
  /** When a mute, a pause, a level or a suppression ends by itself. */
  until?: EpochMs
  source: ConsentSource
}
/**
 * Through what a wish came: the product, the person's own token, the page by a link of theirs, one click of a mail, a text
 * from their number, a token that another person has registered, what a provider has said, or an operator.
 */
export type ConsentSource = 'api' | 'person' | 'link' | 'one_click' | 'sms' | 'moved' | 'provider' | 'operator'

/**
 * Writes wishes into the log, in the transaction that makes them so: the transaction's id in each line is what the
 * snapshots of claims are judged by (law 4).
 */
export async function logConsent(tx: Queryable, lines: readonly ConsentLine[], now: EpochMs): Promise<void> {
  if (lines.length === 0) return
  await tx.query(`insert into consent_log (${consentColumns}) ${consentRows}`, consentValues(lines, now))
}

/** The same as a part of a larger statement, whose parameters begin with `consentValues`. */
export const consentColumns =
  'at, recipient, kind, category, thread, channel, endpoint, wish, until, source, tenant, room, said'
export const consentRows = `select to_timestamp($1 / 1000.0), recipient, kind, category, thread, channel, endpoint, wish,
       to_timestamp(until / 1000.0), source, tenant, room, said
     from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::smallint[], $7::text[], $8::boolean[], $9::float8[], $10::text[],
         $11::text[], $12::text[], $13::text[])
       as l(recipient, kind, category, thread, channel, endpoint, wish, until, source, tenant, room, said)`
export const consentValues = (lines: readonly ConsentLine[], now: EpochMs): unknown[] => [
  now,
  lines.map(line => line.recipient),
  lines.map(line => line.kind),
  lines.map(line => line.category ?? null),
  lines.map(line => line.thread ?? null),
  lines.map(line => (line.channel ? channels.indexOf(line.channel) : null)),
  lines.map(line => line.endpoint ?? null),
  lines.map(line => line.wish),
  lines.map(line => line.until ?? null),
  lines.map(line => line.source),
  lines.map(line => line.tenant ?? null),
  lines.map(line => line.room ?? null),
  lines.map(line => line.said ?? null),
]

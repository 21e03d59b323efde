import { type KeyObject, verify } from 'node:crypto'
import type { Deed } from '#contracts/event.ts'
import type { EpochMs } from '#contracts/ids.ts'
import type { Standing } from '#contracts/standing.ts'
import { groupReason } from '#preferences/preferences.ts'
import { idIn, type KeptReport, type Report } from '../report.ts'

type Row = { standing: Standing; reason?: string; group?: 'leaves' | 'is back'; trouble?: string; deed?: Deed }

/**
 * By event, for a bounce with its type, for what was dropped with its reason
 * (https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event). `reason`: the address is not used again;
 * `trouble`: it is suspect when it comes three times in a week.
 * `group`: of one unsubscribe group alone, and what was said of it is taken back by the other word.
 * `deed`: told, and nothing more: an image that was loaded is no consent and no proof of a reader. What says of itself that it is
 * a machine (Apple's and others' mail privacy loads every image) is told apart. Clicks are ours to count, by our own links.
 */
export const sendgridEvents = {
  processed: { standing: 'accepted' },
  deferred: { standing: 'accepted' },
  open: { standing: 'accepted', deed: 'seen' },
  'open machine': { standing: 'accepted', deed: 'machine_opened' },
  click: { standing: 'accepted' },
  delivered: { standing: 'delivered' },
  bounce: { standing: 'bounced', reason: 'bounce' },
  // Refused this once: not the mailbox's fault, unless it goes on.
  'bounce blocked': { standing: 'undelivered', trouble: 'blocked' },
  dropped: { standing: 'undelivered' },
  'dropped bounced address': { standing: 'undelivered', reason: 'bounce' },
  'dropped invalid': { standing: 'undelivered', reason: 'invalid' },
  'dropped spam reporting': { standing: 'undelivered', reason: 'complaint' },
  'dropped spam reporting address': { standing: 'undelivered', reason: 'complaint' },
  'dropped unsubscribed address': { standing: 'undelivered', reason: 'unsubscribed' },
  spamreport: { standing: 'complained', reason: 'complaint' },
  unsubscribe: { standing: 'accepted', reason: 'unsubscribed' },
  group_unsubscribe: { standing: 'accepted', group: 'leaves' },
  group_resubscribe: { standing: 'accepted', group: 'is back' },
} as const satisfies Record<string, Row>

/** What is signed is older than this when somebody sends it again. SendGrid itself repeats for a day. */
const ageMaxMs = 24 * 3_600_000

export type SignedEvents = { timestamp: string; signature: string; body: Buffer }

/**
 * True when these very bytes were signed lately for one of our keys (ECDSA over timestamp and body,
 * https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features).
 */
export function isSendgridSigned(
  { timestamp, signature, body }: SignedEvents,
  { keys, now }: { keys: readonly KeyObject[]; now: EpochMs },
): boolean {
  if (!/^\d{1,12}$/.test(timestamp) || Math.abs(now - Number(timestamp) * 1000) > ageMaxMs) return false
  const bytes = Buffer.concat([Buffer.from(timestamp), body])
  const signed = Buffer.from(signature, 'base64')
  return keys.some(key => verify('sha256', bytes, key, signed))
}

/** What is kept of a posted body: its events, undefined for each that names nothing that could be ours, or none at all. */
export function keptOfSendgrid(body: Buffer): (KeptReport | undefined)[] | undefined {
  try {
    const events: unknown = JSON.parse(body.toString())
    return Array.isArray(events) ? events.map(keptOf) : undefined
  } catch {
    return undefined
  }
}

function keptOf(said: unknown): KeptReport | undefined {
  const event = (said ?? {}) as Readonly<Record<string, unknown>>
  const id = idIn(event.sg_event_id)
  const attempt = idIn(event.attempt_id)
  const word = idIn(event.event)
  if (id === undefined || attempt === undefined || word === undefined) return undefined
  const { email, timestamp, type, reason, sg_machine_open: isMachine, asm_group_id: group } = event
  const message = idIn(event.sg_message_id)?.split('.')[0] ?? id
  return {
    ...{ event: id, attempt },
    // The words of a reason may quote the mailbox: only those that the table knows are kept.
    body: {
      id: message,
      event: kindOf(word, { dropped: reason, bounce: type, open: isMachine === true && 'machine' }),
      ...(isPositive(timestamp) && { timestamp }),
      ...(isPositive(group) && { group }),
    },
    ...(typeof email === 'string' && email !== '' && { address: email }),
  }
}

const isPositive = (said: unknown): said is number => Number.isSafeInteger(said) && (said as number) > 0

/** `more`: by event, what else makes it what it is. */
function kindOf(word: string, more: Readonly<Record<string, unknown>>): string {
  const whole = `${word} ${String(Object.hasOwn(more, word) ? more[word] : '').toLowerCase()}`
  return Object.hasOwn(sendgridEvents, whole) ? whole : word
}

/** What a kept event says. */
export function sendgridReport({ id, event, timestamp, group }: KeptReport['body']): Report {
  const table: Readonly<Record<string, Row>> = sendgridEvents
  const {
    standing,
    reason,
    group: wish,
    trouble,
    deed,
  }: Row = Object.hasOwn(table, String(event)) ? table[String(event)]! : sendgridEvents.processed
  return {
    ...{ standing, providerId: String(id) },
    ...(typeof timestamp === 'number' && { at: timestamp * 1000 }),
    ...(deed !== undefined && { deed }),
    ...(trouble !== undefined && { trouble: { reason: trouble, times: 3, days: 7 } }),
    ...(reason !== undefined && { mark: { state: 'suppressed' as const, reason } }),
    ...(wish !== undefined && markOfGroup(wish, group)),
  }
}

/** Of no group that is named, who leaves it leaves all, and nobody can know what who is back takes back. */
function markOfGroup(wish: 'leaves' | 'is back', group: string | number | undefined): Pick<Report, 'mark'> {
  if (group === undefined) return wish === 'leaves' ? { mark: { state: 'suppressed', reason: 'unsubscribed' } } : {}
  return { mark: { state: wish === 'leaves' ? 'suppressed' : 'taken back', reason: groupReason(group) } }
}

import { type KeyObject, verify } from 'node:crypto'
import type { EpochMs } from '#contracts/ids.ts'
import type { Standing } from '#contracts/standing.ts'
import { idIn, type KeptReport, type Report } from '../report.ts'

type Row = { standing: Standing; reason?: string }

/**
 * By event, for a bounce with its type, for what was dropped with its reason
 * (https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event). `reason`: the address is not used again.
 * Opens and clicks are no consent and no proof of a reader: machines make them.
 */
export const sendgridEvents = {
  processed: { standing: 'accepted' },
  deferred: { standing: 'accepted' },
  open: { standing: 'accepted' },
  click: { standing: 'accepted' },
  group_resubscribe: { standing: 'accepted' },
  delivered: { standing: 'delivered' },
  bounce: { standing: 'bounced', reason: 'bounce' },
  // Refused this once: not the mailbox's fault.
  'bounce blocked': { standing: 'undelivered' },
  dropped: { standing: 'undelivered' },
  'dropped bounced address': { standing: 'undelivered', reason: 'bounce' },
  'dropped invalid': { standing: 'undelivered', reason: 'invalid' },
  'dropped spam reporting': { standing: 'undelivered', reason: 'complaint' },
  'dropped spam reporting address': { standing: 'undelivered', reason: 'complaint' },
  'dropped unsubscribed address': { standing: 'undelivered', reason: 'unsubscribed' },
  spamreport: { standing: 'complained', reason: 'complaint' },
  unsubscribe: { standing: 'accepted', reason: 'unsubscribed' },
  group_unsubscribe: { standing: 'accepted', reason: 'unsubscribed' },
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
  const { email, timestamp, type, reason } = event
  const message = idIn(event.sg_message_id)?.split('.')[0] ?? id
  return {
    ...{ event: id, attempt },
    // The words of a reason may quote the mailbox: only those that the table knows are kept.
    body: {
      id: message,
      event: kindOf(word, word === 'dropped' ? reason : type),
      ...(isSeconds(timestamp) && { timestamp }),
    },
    ...(typeof email === 'string' && email !== '' && { address: email }),
  }
}

const isSeconds = (said: unknown): said is number => Number.isInteger(said) && (said as number) > 0

function kindOf(word: string, more: unknown): string {
  const whole = `${word} ${String(more).toLowerCase()}`
  return Object.hasOwn(sendgridEvents, whole) ? whole : word
}

/** What a kept event says. */
export function sendgridReport({ id, event, timestamp }: KeptReport['body']): Report {
  const table: Readonly<Record<string, Row>> = sendgridEvents
  const { standing, reason }: Row = Object.hasOwn(table, String(event))
    ? table[String(event)]!
    : sendgridEvents.processed
  return {
    ...{ standing, providerId: String(id) },
    ...(typeof timestamp === 'number' && { at: timestamp * 1000 }),
    ...(reason !== undefined && { mark: { state: 'suppressed' as const, reason } }),
  }
}

import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Standing } from '#contracts/standing.ts'
import { idIn, type KeptReport, type Report } from '../report.ts'

/** By `MessageStatus` (https://www.twilio.com/docs/messaging/api/message-resource#message-status-values). */
export const twilioStandings = {
  scheduled: 'accepted',
  accepted: 'accepted',
  queued: 'accepted',
  sending: 'accepted',
  sent: 'accepted',
  partially_delivered: 'accepted',
  delivered: 'delivered',
  read: 'delivered',
  undelivered: 'undelivered',
  failed: 'undelivered',
  canceled: 'undelivered',
} as const satisfies Record<string, Standing>

/**
 * What an `ErrorCode` teaches beside (https://www.twilio.com/docs/api/errors): about the number, or something for an
 * operator. Codes that are not here say only that the message did not arrive.
 */
export const twilioErrors = {
  21610: 'suppressed',
  // Off, or without service: each time it may be the moment, three times in a month it is the number.
  30003: 'trouble',
  // Blocked, unknown, or a landline.
  30004: 'dead',
  30005: 'dead',
  30006: 'dead',
  // Not to be reached by WhatsApp.
  63024: 'dead',
  // It waited for longer than it was worth, in a queue that overflows: what it came to is told already, and stays as it is.
  30001: 'alarm',
  30036: 'alarm',
  // The account is suspended.
  30002: 'alarm',
  // Filtered by the carrier: sending it again makes it worse.
  30007: 'alarm',
  // The sender is not registered.
  30032: 'alarm',
  30034: 'alarm',
  // Blocked as pumping.
  30450: 'alarm',
  // WhatsApp takes it by a template only, or takes no more.
  63016: 'alarm',
  63018: 'alarm',
} as const

const trouble = { times: 3, days: 30 } as const

/**
 * True when Twilio signed these fields for this URL with one of our tokens (https://www.twilio.com/docs/usage/security).
 * Nothing is believed without a token.
 */
export function isTwilioSigned(
  { url, form, signature }: { url: string; form: URLSearchParams; signature: string },
  tokens: readonly string[],
): boolean {
  const said = [...new Set(form.keys())].sort().flatMap(name => {
    const values = [...new Set(form.getAll(name))].sort()
    return values.map(value => name + value)
  })
  const given = Buffer.from(signature)
  return tokens.some(token => {
    if (token === '') return false
    const wanted = Buffer.from(
      createHmac('sha1', token)
        .update(url + said.join(''))
        .digest('base64'),
    )
    return given.length === wanted.length && timingSafeEqual(given, wanted)
  })
}

/** What is kept of a status callback: each status of a message once. Undefined: it is none. */
export function keptOfTwilio(form: URLSearchParams, attempt: string): KeptReport | undefined {
  const id = idIn(form.get('MessageSid'))
  const status = idIn(form.get('MessageStatus'))
  if (id === undefined || status === undefined) return undefined
  const code = /^\d{5}$/.exec(form.get('ErrorCode') ?? '')?.[0]
  const address = form.get('To')
  return {
    ...{ event: `${id} ${status}`, attempt },
    body: { id, status, ...(code !== undefined && { code }) },
    ...(address && { address }),
  }
}

/** What a kept status callback says. */
export function twilioReport({ id, status, code }: KeptReport['body']): Report {
  const standing = valueOf<Standing>(twilioStandings, String(status)) ?? 'accepted'
  const taught = valueOf<'dead' | 'suppressed' | 'alarm' | 'trouble'>(twilioErrors, String(code))
  return {
    ...{ standing, providerId: String(id) },
    ...(taught === 'trouble' && { trouble: { ...trouble, reason: String(code) } }),
    ...(taught === 'alarm' && { alarm: String(code) }),
    ...((taught === 'dead' || taught === 'suppressed') && { mark: { state: taught, reason: String(code) } }),
  }
}

const valueOf = <T>(table: Readonly<Record<string, T>>, key: string): T | undefined =>
  Object.hasOwn(table, key) ? table[key] : undefined

import type { EpochMs } from '#contracts/ids.ts'
import type { Answer } from '#contracts/outcome.ts'
import { answerTo, type AnswerTable } from '../answer-table.ts'
import { connectionAnswer } from '../connection.ts'
import { retryAfterMs } from '../retry-after.ts'

/**
 * By HTTP status, and for a 400 by the first part of the `field` that it names
 * (https://www.twilio.com/docs/sendgrid/api-reference/mail-send/errors): a setting of ours, or else the message. A 400
 * rejects the whole request, so nothing of it was sent.
 */
export const sendgridAnswers = {
  'HTTP 400 from': { kind: 'config' },
  'HTTP 400 reply_to': { kind: 'config' },
  'HTTP 400 asm': { kind: 'config' },
  'HTTP 400 mail_settings': { kind: 'config' },
  'HTTP 400': { kind: 'messageDead' },
  'HTTP 413': { kind: 'messageDead' },
  'HTTP 401': { kind: 'config' },
  'HTTP 403': { kind: 'config' },
  'HTTP 404': { kind: 'config' },
  'HTTP 405': { kind: 'config' },
  'HTTP 415': { kind: 'config' },
  'HTTP 429': { kind: 'pause', afterMs: 60_000 },
} as const satisfies AnswerTable

/** The parts of the library's errors that may be looked at: they also hold the API key and the recipients. */
export type SendgridFailure = {
  code?: number | string
  response?: { headers?: Readonly<Record<string, unknown>>; body?: unknown }
}

export function sendgridAnswer(failure: SendgridFailure, now: EpochMs): Answer {
  const { code, response } = failure
  if (!response || typeof code !== 'number') return connectionAnswer(failure)
  return answerTo({ code: settingBlamed(failure), status: code }, sendgridAnswers, {
    afterMs: untilReset(response.headers ?? {}, now),
  })
}

/** `X-RateLimit-Reset` is the end of the pause in epoch seconds. */
function untilReset(headers: Readonly<Record<string, unknown>>, now: EpochMs): number | undefined {
  const reset = Number(headers['x-ratelimit-reset'])
  if (reset * 1000 > now) return retryAfterMs(Math.ceil((reset * 1000 - now) / 1000), now)
  return retryAfterMs(headers['retry-after'], now)
}

/** True when a request was refused for one of its recipients, so that others in it may be fine. */
export const blamesRecipient = (failure: SendgridFailure): boolean =>
  settingBlamed(failure) === undefined && blamed(failure).includes('HTTP 400 personalizations')

const settingBlamed = (failure: SendgridFailure): string | undefined =>
  blamed(failure).find(code => Object.hasOwn(sendgridAnswers, code))

/** What a 400 is about: `HTTP 400 personalizations` for a field `personalizations.2.to.0.email`. */
function blamed({ code, response }: SendgridFailure): string[] {
  const errors = (response?.body as { errors?: unknown } | undefined)?.errors
  if (code !== 400 || !Array.isArray(errors)) return []
  return errors.flatMap((error: { field?: unknown } | null) =>
    typeof error?.field === 'string' ? [`HTTP 400 ${error.field.split(/\W/)[0]}`] : [],
  )
}

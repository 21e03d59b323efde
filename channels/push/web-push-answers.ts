import type { EpochMs } from '#contracts/ids.ts'
import type { Answer } from '#contracts/outcome.ts'
import { answerTo, type AnswerTable } from '../answer-table.ts'
import { retryAfterMs } from '../retry-after.ts'

/**
 * By HTTP status (https://www.rfc-editor.org/rfc/rfc8030, https://www.rfc-editor.org/rfc/rfc8292): bodies are each push
 * service's own. What a service says of its own trouble leaves open whether it has the message: it may be sent again, since a
 * topic replaces it, but that is no "not sent".
 */
export const webPushAnswers = {
  'HTTP 400': { kind: 'messageDead' },
  // Guarded (`guard.ts`). Our signature is refused: for this subscription, which was made for another key (Google says 403,
  // Mozilla 401), or for all of them.
  'HTTP 401': { kind: 'addressDead' },
  'HTTP 403': { kind: 'addressDead' },
  'HTTP 404': { kind: 'addressDead' },
  // Microsoft: "the cloud service exceeded its throttle limit". Of all that goes to it, and of no other service.
  'HTTP 406': { kind: 'pause', afterMs: 60_000, ofSome: true },
  'HTTP 410': { kind: 'addressDead' },
  'HTTP 413': { kind: 'messageDead' },
  // Of one subscription (https://www.rfc-editor.org/rfc/rfc8030#section-8.4); the others, and other services, are not meant.
  'HTTP 429': { kind: 'retry', afterMs: 60_000, ofSome: true },
  'HTTP 500': { kind: 'retry', afterMs: 10_000, maybeSent: true },
  'HTTP 503': { kind: 'retry', afterMs: 10_000, maybeSent: true },
} as const satisfies AnswerTable

/** Answers that a wrong key or subject of ours gives as well. */
export const webPushSuspects = ['HTTP 401', 'HTTP 403']

/** The head of a response. */
export type WebPushReply = { status: number; headers: Readonly<Record<string, unknown>> }

export function webPushAnswer({ status, headers }: WebPushReply, now: EpochMs): Answer {
  // Any other success is not a push service's: 201 says that it has the message, 202 that it will tell of its receipt.
  if (status === 201 || status === 202) return { kind: 'accepted', providerId: '' }
  return answerTo({ status }, webPushAnswers, { afterMs: retryAfterMs(headers['retry-after'], now) })
}

import type { EpochMs } from '#contracts/ids.ts'
import type { Answer } from '#contracts/outcome.ts'
import { answerTo, type AnswerTable } from '../answer-table.ts'
import { codesOf, connectionAnswer } from '../connection.ts'
import { retryAfterMs } from '../retry-after.ts'

/**
 * By `FcmError.errorCode` (https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode); by HTTP status where the
 * answer came from Google's front end and names none; by the library's code where nothing was sent.
 */
export const fcmAnswers = {
  UNREGISTERED: { kind: 'addressDead' },
  UNREGISTERED_FID: { kind: 'addressDead' },
  SENDER_ID_MISMATCH: { kind: 'addressDead' },
  'INVALID_ARGUMENT token': { kind: 'addressDead' },
  INVALID_ARGUMENT: { kind: 'messageDead' },
  // Of iOS and web tokens: Android's are served.
  THIRD_PARTY_AUTH_ERROR: { kind: 'config', ofSome: true },
  APNS_AUTH_ERROR: { kind: 'config', ofSome: true },
  // The project's quota refills within a minute; a device is asked for patience alone.
  QUOTA_EXCEEDED: { kind: 'pause', afterMs: 60_000 },
  'QUOTA_EXCEEDED device': { kind: 'retry', afterMs: 60_000, atLeast: true, ofSome: true },
  // FCM has answered both for pushes that it delivered.
  INTERNAL: { kind: 'retry', afterMs: 10_000, atLeast: true, maybeSent: true },
  UNAVAILABLE: { kind: 'retry', afterMs: 10_000, maybeSent: true },
  'HTTP 401': { kind: 'config' },
  'HTTP 403': { kind: 'config' },
  'HTTP 404': { kind: 'config' },
  'HTTP 429': { kind: 'pause', afterMs: 60_000 },
  // Our key, or Google's token service is away: no push was sent, and none of them can be.
  'app/invalid-credential': { kind: 'config', uncalled: true },
  OAUTH_UNAVAILABLE: { kind: 'pause', afterMs: 10_000, uncalled: true },
  'messaging/invalid-argument': { kind: 'messageDead', uncalled: true },
  'messaging/invalid-payload': { kind: 'messageDead', uncalled: true },
  'messaging/invalid-data-payload-key': { kind: 'messageDead', uncalled: true },
  'messaging/invalid-options': { kind: 'messageDead', uncalled: true },
  'messaging/payload-size-limit-exceeded': { kind: 'messageDead', uncalled: true },
} as const satisfies AnswerTable

/** Reasons that a wrong project gives as well, and one that may mean the message. */
export const fcmDoubtful = { suspects: ['SENDER_ID_MISMATCH'], unproved: 'INVALID_ARGUMENT token' } as const

/** True when Google did not take our OAuth token, of which the library could get another. */
export const isStaleToken = (answer: Answer): boolean => answer.kind === 'config' && answer.reason === 'HTTP 401'

/** The part of a firebase-admin error that tells cases apart: its own code is one for several of them. */
export type FcmFailure = {
  code?: string
  httpResponse?: { status: number; headers?: Readonly<Record<string, unknown>>; data?: unknown }
  cause?: unknown
}

export function fcmAnswer({ code, httpResponse, cause }: FcmFailure, now: EpochMs): Answer {
  const refusal = tokenFailure({ code, cause })
  if (refusal) return answerTo({ code: mayPass(refusal.cause) ? 'OAUTH_UNAVAILABLE' : refusal.code }, fcmAnswers)
  // Codes of messages that were refused before they were sent come without a response.
  if (!httpResponse)
    return code !== undefined && Object.hasOwn(fcmAnswers, code)
      ? answerTo({ code }, fcmAnswers)
      : connectionAnswer({ code })
  const { status, headers, data } = httpResponse
  return answerTo({ code: fcmCode(data), status }, fcmAnswers, { afterMs: retryAfterMs(headers?.['retry-after'], now) })
}

/** Why there was no OAuth token, without which nothing is sent: the failure itself, its cause, or one of its causes. */
function tokenFailure(failure: FcmFailure): FcmFailure | undefined {
  const { errors = [] } = (failure.cause ?? {}) as { errors?: readonly FcmFailure[] }
  return [failure, failure.cause as FcmFailure | undefined, ...errors].find(
    found => found?.code === 'app/invalid-credential',
  )
}

/** Whether Google's token service could not be reached, or cannot answer now: everything else is for us to mend. */
function mayPass(cause: unknown): boolean {
  const { status } = (cause ?? {}) as { status?: unknown }
  if (typeof status === 'number') return status >= 500 || status === 429 || status === 408
  const codes = codesOf(cause)
  if (codes.includes('deadline')) return true
  return codes.some(code => networkFault.test(code)) && connectionAnswer(cause).kind !== 'config'
}

/** As Node names them: ECONNRESET, EAI_AGAIN, ERR_STREAM_PREMATURE_CLOSE. */
const networkFault = /^E(?!RR_)[A-Z_]+$|^ERR_STREAM_/

type Detail = { '@type'?: string; errorCode?: unknown; violations?: unknown }
const typeOf = (detail: Detail) => detail['@type']?.replace('type.googleapis.com/', '')

function fcmCode(data: unknown): string | undefined {
  const error = (data as { error?: { message?: unknown; details?: unknown } } | undefined)?.error
  const details: Detail[] = Array.isArray(error?.details) ? error.details : []
  const code = details.find(detail => typeOf(detail) === 'google.firebase.fcm.v1.FcmError')?.errorCode
  if (typeof code !== 'string') return undefined
  if (code === 'INVALID_ARGUMENT' && /registration token/i.test(String(error?.message))) return `${code} token`
  const quota = details.find(detail => typeOf(detail) === 'google.rpc.QuotaFailure')?.violations
  if (code === 'QUOTA_EXCEEDED' && /device|topic/i.test(JSON.stringify(quota ?? ''))) return `${code} device`
  return code
}

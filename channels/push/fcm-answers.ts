import type { EpochMs } from '#contracts/ids.ts'
import type { Answer } from '#contracts/outcome.ts'
import { retryAfterMs } from '../retry-after.ts'

/** What FCM's HTTP v1 API answered, read from the response itself: the library's codes merge cases that differ. */
export type FcmResponse = { status: number; headers: Readonly<Record<string, unknown>>; data: unknown }

const minuteMs = 60_000
type Said = { message: string; afterMs: number | undefined }
type Rule = (said: Said) => Answer
const dead =
  (reason: string): Rule =>
  () => ({ kind: 'addressDead', reason })
const config =
  (reason: string): Rule =>
  () => ({ kind: 'config', reason })
const doubt =
  (reason: string): Rule =>
  () => ({ kind: 'doubt', reason })

/**
 * By `FcmError.errorCode` in the error's details (https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode).
 */
export const byErrorCode: Readonly<Record<string, Rule>> = {
  UNREGISTERED: dead('UNREGISTERED'),
  SENDER_ID_MISMATCH: dead('SENDER_ID_MISMATCH'),
  INVALID_ARGUMENT: ({ message }) =>
    /registration token/i.test(message)
      ? { kind: 'addressDead', reason: 'INVALID_ARGUMENT token' }
      : { kind: 'messageDead', reason: 'INVALID_ARGUMENT' },
  THIRD_PARTY_AUTH_ERROR: config('THIRD_PARTY_AUTH_ERROR'),
  APNS_AUTH_ERROR: config('APNS_AUTH_ERROR'),
  // One device is refused alone, a project's quota is everybody's.
  QUOTA_EXCEEDED: ({ message, afterMs }) =>
    /device|topic/i.test(message)
      ? { kind: 'retry', afterMs: Math.max(minuteMs, afterMs ?? 0), reason: 'QUOTA_EXCEEDED device' }
      : { kind: 'pause', afterMs: afterMs ?? minuteMs, reason: 'QUOTA_EXCEEDED' },
  // FCM has answered 5xx for pushes that it delivered.
  INTERNAL: doubt('INTERNAL'),
  UNAVAILABLE: doubt('UNAVAILABLE'),
}

export function fcmAnswer({ status, headers, data }: FcmResponse, now: EpochMs): Answer {
  const error = isObject(data) && isObject(data.error) ? data.error : {}
  const details = Array.isArray(error.details) ? error.details.filter(isObject) : []
  const code = details.find(detail => detail['@type'] === fcmErrorType)?.errorCode
  const rule = typeof code === 'string' && Object.hasOwn(byErrorCode, code) ? byErrorCode[code] : undefined
  const afterMs = retryAfterMs(headers, now)
  return (
    rule?.({ message: typeof error.message === 'string' ? error.message : '', afterMs }) ?? byStatus(status, afterMs)
  )
}

const fcmErrorType = 'type.googleapis.com/google.firebase.fcm.v1.FcmError'

/** Where the body names no FcmError: the request never came as far as FCM itself. */
function byStatus(status: number, afterMs: number | undefined): Answer {
  const reason = `HTTP ${status}`
  if (status === 401 || status === 403 || status === 404) return { kind: 'config', reason }
  if (status === 429) return { kind: 'pause', afterMs: afterMs ?? minuteMs, reason }
  if (status >= 400 && status < 500) return { kind: 'messageDead', reason }
  return { kind: 'doubt', reason }
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

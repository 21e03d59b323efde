import type { Answer } from '#contracts/outcome.ts'
import { answerTo, type AnswerTable } from '../answer-table.ts'
import { connectionAnswer } from '../connection.ts'

/**
 * By the reason in the answer
 * (https://developer.apple.com/documentation/usernotifications/handling-notification-responses-from-apns). Mass
 * `BadDeviceToken` is the other environment's; a call without any accepted token is judged once more (`guard.ts`).
 */
export const apnsAnswers = {
  BadDeviceToken: { kind: 'addressDead' },
  Unregistered: { kind: 'addressDead' },
  ExpiredToken: { kind: 'addressDead' },
  MissingDeviceToken: { kind: 'messageDead' },
  BadCollapseId: { kind: 'messageDead' },
  BadExpirationDate: { kind: 'messageDead' },
  BadMessageId: { kind: 'messageDead' },
  BadPriority: { kind: 'messageDead' },
  InvalidPushType: { kind: 'messageDead' },
  DuplicateHeaders: { kind: 'messageDead' },
  PayloadEmpty: { kind: 'messageDead' },
  PayloadTooLarge: { kind: 'messageDead' },
  BadPath: { kind: 'messageDead' },
  MethodNotAllowed: { kind: 'messageDead' },
  BadTopic: { kind: 'config' },
  MissingTopic: { kind: 'config' },
  TopicDisallowed: { kind: 'config' },
  DeviceTokenNotForTopic: { kind: 'config' },
  BadCertificate: { kind: 'config' },
  BadCertificateEnvironment: { kind: 'config' },
  Forbidden: { kind: 'config' },
  InvalidProviderToken: { kind: 'config' },
  MissingProviderToken: { kind: 'config' },
  UnrelatedKeyIdInToken: { kind: 'config' },
  BadEnvironmentKeyIdInToken: { kind: 'config' },
  // The spelling that is really seen.
  BadEnvironmentKeyInToken: { kind: 'config' },
  // The library signs anew at this answer. Who hears it again has a clock that is wrong.
  ExpiredProviderToken: { kind: 'config' },
  IdleTimeout: { kind: 'retry', afterMs: 0 },
  // Of one device.
  TooManyRequests: { kind: 'retry', afterMs: 60_000, ofSome: true },
  // A new token is allowed every 20 minutes.
  TooManyProviderTokenUpdates: { kind: 'pause', afterMs: 20 * 60_000 },
  InternalServerError: { kind: 'retry', afterMs: 0, maybeSent: true },
  ServiceUnavailable: { kind: 'retry', afterMs: 0 },
  Shutdown: { kind: 'retry', afterMs: 0 },
  // Reasons that Apple adds.
  'HTTP 403': { kind: 'config' },
  'HTTP 429': { kind: 'retry', afterMs: 60_000, ofSome: true },
} as const satisfies AnswerTable

/** Reasons that a wrong environment gives as well. */
export const apnsSuspects = ['BadDeviceToken'] as const

/** True when the library has signed anew, so that the same message may be taken now. */
export const isSignedAnew = ({ kind, ...said }: Answer): boolean =>
  kind === 'config' && 'reason' in said && said.reason === 'ExpiredProviderToken'

/** True when the token may be one of the other environment. */
export const isMisplaced = ({ kind, ...said }: Answer): boolean =>
  kind === 'addressDead' && 'reason' in said && said.reason === 'BadDeviceToken'

/** What node-apn gives for a message that failed. */
export type ApnsFailure = {
  status?: number | string
  response?: { reason?: string; timestamp?: number | string }
  error?: Error
}

export function apnsAnswer({ status, response, error }: ApnsFailure): Answer {
  if (typeof status !== 'number') return connectionAnswer(error)
  const code = response?.reason ?? reasonOf(status)
  // Milliseconds, though the library's types call it text.
  const asOf = response?.timestamp === undefined ? Number.NaN : Number(response.timestamp)
  return answerTo({ code, status }, apnsAnswers, Number.isFinite(asOf) ? { asOf } : {})
}

/** Two answers that the library replaces by errors of its own. */
const reasonOf = (status: number): string | undefined =>
  status === 403 ? 'ExpiredProviderToken' : status === 500 ? 'InternalServerError' : undefined

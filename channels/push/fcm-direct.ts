import type { Message } from 'firebase-admin/messaging'
import { jsonOf } from '../http1-client.ts'
import { http2Client, type NoResponse, type Response } from '../http2-client.ts'
import type { FcmFailure } from './fcm-answers.ts'

export type SendEachOptions = { ms: number; startUntilMs?: number | undefined; dryRun?: boolean }
/** As the library says it of each message. */
export type FcmReply = { success: boolean; messageId?: string; error?: FcmFailure }

type Direct = { projectId: string; accessToken: (ms: number) => Promise<string> }

/**
 * FCM's HTTP v1 without the official library: one request for each message, on a few kept connections, stopped at the deadline.
 * What it sends is what the library sends. `accessToken` is the library's, which renews it by itself, and rejects after so many ms.
 */
export function fcmDirect({ projectId, accessToken }: Direct) {
  const client = http2Client('https://fcm.googleapis.com')
  const path = `/v1/projects/${projectId}/messages:send`
  return {
    async sendEach(messages: readonly Message[], { ms, startUntilMs, dryRun }: SendEachOptions) {
      const begunMs = performance.now()
      const token = await accessToken(ms)
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
      const requests = messages.map(message => ({
        ...{ path, headers },
        body: JSON.stringify({ message: wireOf(message), ...(dryRun && { validate_only: true }) }),
      }))
      return (await client.postAll(requests, ms - (performance.now() - begunMs), startUntilMs)).map(replyOf)
    },
    close: () => client.close(),
  }
}

function replyOf(found: Response | NoResponse): FcmReply {
  if ('code' in found) return { success: false, error: found }
  const { status, headers, body } = found
  const data = jsonOf(body)
  const { name } = (data ?? {}) as { name?: unknown }
  if (status !== 200) return { success: false, error: { httpResponse: { status, headers, data } } }
  return { success: true, ...(typeof name === 'string' && { messageId: name }) }
}

/** The library's own names for fields, where FCM's are others (https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages). */
const names: Readonly<Record<string, string>> = {
  imageUrl: 'image',
  channelId: 'channel_id',
  notificationCount: 'notification_count',
  contentAvailable: 'content-available',
  mutableContent: 'mutable-content',
  threadId: 'thread-id',
}

export function wireOf({ android, apns, notification, ...rest }: Message): object {
  const { ttl, notification: shown, ...urgent } = android ?? {}
  const { aps, ...custom } = apns?.payload ?? {}
  return {
    ...rest,
    ...(notification && { notification: renamed(notification) }),
    ...(android && {
      android: {
        ...urgent,
        ...(ttl !== undefined && { ttl: secondsOf(ttl) }),
        ...(shown && { notification: renamed(shown) }),
      },
    }),
    ...(apns && { apns: { ...apns, ...(aps && { payload: { ...custom, aps: renamed(aps) } }) } }),
  }
}

/** Flags of APNs are 1 or not there. */
const renamed = (fields: object): object =>
  Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [names[name] ?? name, value === true ? 1 : (value as unknown)]),
  )

/** A duration as protobuf writes it in JSON: `3.5s`. */
const secondsOf = (ms: number): string =>
  ms % 1000 === 0 ? `${ms / 1000}s` : `${Math.floor(ms / 1000)}.${String(ms % 1000).padStart(3, '0')}000000s`

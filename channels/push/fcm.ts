import { type App, cert, deleteApp, initializeApp } from 'firebase-admin/app'
import { getMessaging, type Message, type SendResponse } from 'firebase-admin/messaging'
import type { Answer } from '#contracts/outcome.ts'
import { type EpochMs, newId, type SetId } from '#contracts/ids.ts'
import { withDeadline } from '#runtime/deadline.ts'
import type { OutMessage, Provider } from '../provider.ts'
import { fcmAnswer, type FcmResponse } from './fcm-answers.ts'
import { fitPush } from './fit.ts'

/** Messages that `sendEach` takes. */
const callSizeMax = 500

/**
 * Firebase Cloud Messaging by the official library. The library cannot be stopped: after the deadline we only stop
 * waiting, and what it may still send is in doubt.
 */
export function fcmProvider({ serviceAccountFile }: { serviceAccountFile: string }): Provider<'push'> {
  const app: App = initializeApp({ credential: cert(serviceAccountFile) }, `carillon-${newId<SetId>()}`)
  const messaging = getMessaging(app)
  return {
    ...{ name: 'fcm', channel: 'push', callSizeMax },
    async send(messages, { now, deadlineMs }) {
      try {
        const { responses } = await withDeadline(messaging.sendEach(messages.map(message => messageOf(message, now))), {
          ms: deadlineMs,
          what: 'FCM',
        })
        return responses.map(response => answerOf(response, now))
      } catch (error) {
        const reason = error instanceof Error ? error.name : 'unknown error'
        return messages.map(() => ({ kind: 'doubt', reason }))
      }
    },
    [Symbol.asyncDispose]: () => deleteApp(app),
  }
}

function messageOf(message: OutMessage<'push'>, now: EpochMs): Message {
  const { address, delivery, lane, expiresAt, type } = message
  const { title, body, url, image } = fitPush(message.content)
  const ttl = expiresAt === undefined ? undefined : Math.max(0, expiresAt - now)
  return {
    token: address,
    notification: { title, body, ...(image !== undefined && { imageUrl: image }) },
    data: { nid: delivery, type, ...(url !== undefined && { url }) },
    android: {
      priority: lane === 'bulk' ? 'normal' : 'high',
      ...(ttl !== undefined && { ttl }),
      notification: { tag: delivery },
    },
  }
}

function answerOf(response: SendResponse, now: EpochMs): Answer {
  if (response.success) return { kind: 'accepted', providerId: response.messageId ?? '' }
  const error = response.error as { code?: string; httpResponse?: FcmResponse } | undefined
  if (error?.httpResponse) return fcmAnswer(error.httpResponse, now)
  // The library found the message bad before it sent it.
  if (error?.code === 'messaging/invalid-argument' || error?.code === 'messaging/invalid-payload')
    return { kind: 'messageDead', reason: error.code }
  return { kind: 'doubt', reason: error?.code ?? 'unknown error' }
}

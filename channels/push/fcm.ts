import { cert, type Credential, deleteApp, initializeApp } from 'firebase-admin/app'
import { getMessaging, type Message, type SendResponse } from 'firebase-admin/messaging'
import { type EpochMs, newBatchId } from '#contracts/ids.ts'
import type { Answer } from '#contracts/outcome.ts'
import { DeadlineError, withDeadline } from '#runtime/deadline.ts'
import { forAll } from '../answer-table.ts'
import type { OutMessage, Provider, Removal, SendOptions } from '../provider.ts'
import { fcmAnswer } from './fcm-answers.ts'
import { fitPush } from './fit.ts'
import { guardTokens } from './guard.ts'

/** What `sendEach` takes (https://firebase.google.com/docs/cloud-messaging/send/admin-sdk). */
const callSizeMax = 500
/** Each opens an HTTP/2 connection of its own. */
const callsAtOnce = 4
/** Four weeks, the most FCM stores (https://firebase.google.com/docs/cloud-messaging/customize-messages/setting-message-lifespan). */
const ttlMaxMs = 28 * 24 * 3_600_000

/**
 * Firebase Cloud Messaging by the official library. The library cannot be stopped: after the deadline we only stop
 * waiting, and what it may still send (up to 5 POSTs each) is in doubt.
 */
export function fcmProvider({ serviceAccountFile }: { serviceAccountFile: string }): Provider<'push'> {
  const app = initializeApp({ credential: credentialIn(serviceAccountFile) }, newBatchId())
  const messaging = getMessaging(app)
  const sendAll = async (messages: Message[], options: SendOptions): Promise<Answer[]> => {
    try {
      const call = messaging.sendEach(messages)
      const { responses } = await withDeadline(call, { ms: options.deadlineMs, what: 'FCM' })
      const answers = responses.map(response => answerOf(response, options.now))
      return guardTokens(answers, { suspects: ['SENDER_ID_MISMATCH'], unproved: ['INVALID_ARGUMENT token'] })
    } catch (error) {
      if (error instanceof DeadlineError) return forAll(messages, { kind: 'doubt', reason: 'deadline' })
      // Before the first message the library asks for the project's id.
      return forAll(messages, fcmAnswer(error as { code?: string }, options.now))
    }
  }
  return {
    name: 'fcm',
    channel: 'push',
    callSizeMax,
    callsAtOnce,
    mixes: () => true,
    send: (messages, options) =>
      sendAll(
        messages.map(message => messageOf(message, options)),
        options,
      ),
    remove: (removals, options) =>
      sendAll(
        removals.map(removal => removalOf(removal, options)),
        options,
      ),
    [Symbol.asyncDispose]: () => deleteApp(app),
  }
}

/** The library calls its authentication library in a way that this one warns of, and nobody who uses both can change that. */
function credentialIn(serviceAccountFile: string): Credential {
  const credential = cert(serviceAccountFile)
  const getAccessToken = credential.getAccessToken.bind(credential)
  credential.getAccessToken = () => {
    const { warn } = console
    console.warn = () => {}
    try {
      return getAccessToken()
    } finally {
      console.warn = warn
    }
  }
  return credential
}

function messageOf(message: OutMessage<'push'>, options: SendOptions): Message {
  const { endpoint, deliveryId, intent, content, receipt, badge } = message
  const { title, body, url, image } = fitPush(content)
  const { lane, now } = options
  return {
    token: endpoint.address,
    notification: { title, body, ...(image !== undefined && { imageUrl: image }) },
    // No collapse key: FCM keeps four of them for a device and would drop others. The tag replaces on the screen.
    data: {
      nid: deliveryId,
      type: intent.type,
      ...(receipt !== undefined && { receipt }),
      ...(url !== undefined && { url }),
      ...(badge !== undefined && { badge: String(badge) }),
    },
    android: {
      priority: priorityOf(lane === 'bulk' ? 'NORMAL' : 'HIGH'),
      notification: { tag: deliveryId, ...(badge !== undefined && { notificationCount: badge }) },
      ...(intent.expiresAt !== undefined && { ttl: Math.min(ttlMaxMs, Math.max(0, intent.expiresAt - now)) }),
    },
    apns: {
      headers: {
        'apns-collapse-id': deliveryId,
        'apns-priority': lane === 'bulk' ? '5' : '10',
        ...(intent.expiresAt !== undefined && { 'apns-expiration': String(Math.ceil(intent.expiresAt / 1000)) }),
      },
      ...(badge !== undefined && { payload: { aps: { badge } } }),
    },
  }
}

/** Data alone: the app takes off the screen what bears one of the tags. Never of high priority, which is for what is shown. */
function removalOf({ endpoint, deliveries, badge, expiresAt }: Removal, { now }: SendOptions): Message {
  const ttl = expiresAt === undefined ? ttlMaxMs : Math.min(ttlMaxMs, Math.max(0, expiresAt - now))
  return {
    token: endpoint.address,
    data: { carillon: 'remove', ids: deliveries.join(','), badge: String(badge) },
    android: { priority: priorityOf('NORMAL'), ttl },
    apns: {
      headers: {
        ...{ 'apns-push-type': 'background', 'apns-priority': '5' },
        'apns-expiration': String(Math.ceil((now + ttl) / 1000)),
      },
      // Nothing but the flag: with a badge beside it Apple takes it for a push that is shown.
      payload: { aps: { contentAvailable: true } },
    },
  }
}

/** The names that FCM's description has; the library's types know only those of the old API and pass on either. */
const priorityOf = (name: 'NORMAL' | 'HIGH') => name as 'normal' | 'high'

function answerOf({ success, messageId, error }: SendResponse, now: EpochMs): Answer {
  if (!success) return fcmAnswer(error ?? {}, now)
  // A 200 that names no message was not FCM's.
  return messageId ? { kind: 'accepted', providerId: messageId } : { kind: 'doubt', reason: 'no message id' }
}

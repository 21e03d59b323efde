import type { TokenMessage } from 'firebase-admin/messaging'
import type { Lane } from '#contracts/channel.ts'
import type { EpochMs } from '#contracts/ids.ts'
import type { OutMessage, Removal, SendOptions } from '../provider.ts'
import { textFitter, type Texts } from './fit.ts'
import { apnsPriority, apsOf, dataOf } from './payload.ts'

/** Four weeks, the most FCM stores (https://firebase.google.com/docs/cloud-messaging/customize-messages/setting-message-lifespan). */
const ttlMaxMs = 28 * 24 * 3_600_000

/**
 * A push as FCM takes it (https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages), for Android, Apple's
 * devices and browsers at once: a token does not say which it is of. Undefined: nothing of its texts fits.
 */
export function messageOf(message: OutMessage<'push'>, options: SendOptions): TokenMessage | undefined {
  const texts = textsOf(message)
  return texts && { token: message.endpoint.address, ...partsOf(message, texts), ...waysOf(message, options) }
}

/**
 * FCM counts what it hands on to a device. It is never more than all of this, which is for several of them; of what differs by
 * lane the longest.
 */
const textsOf = textFitter((message, texts) => {
  const { android, apns, webpush } = waysOf(message, { lane: 'critical', now: 0 })
  return [
    partsOf(message, texts),
    ...[android?.notification, apns?.payload, webpush?.notification, webpush?.fcmOptions],
  ]
})

/** What every platform gets. */
function partsOf(message: OutMessage<'push'>, texts: Texts): Pick<TokenMessage, 'notification' | 'data'> {
  const { content, badge } = message
  const { image, silent } = content
  const { title, body } = texts
  return {
    ...(!silent && { notification: { title, body, ...(image !== undefined && { imageUrl: image }) } }),
    data: { ...dataOf(message, texts), ...(badge !== undefined && { badge: String(badge) }) },
  }
}

type Ways = Pick<TokenMessage, 'android' | 'apns' | 'webpush'>

/** What one platform alone gets, and how urgent it is there. Collapsing is by delivery, see `tag`. */
function waysOf(message: OutMessage<'push'>, { lane, now }: Pick<SendOptions, 'lane' | 'now'>): Ways {
  const { deliveryId: tag, intent, content, badge } = message
  const { url, image, silent } = content
  const { expiresAt } = intent
  const ttl = expiresAt === undefined ? undefined : Math.min(ttlMaxMs, Math.max(0, expiresAt - now))
  return {
    android: {
      priority: priorityOf(silent || lane === 'bulk' ? 'NORMAL' : 'HIGH'),
      ...(!silent && {
        // No collapse key: FCM keeps four of them for a device and would drop others. The tag replaces on the screen.
        notification: { tag, channelId: intent.category, ...(badge !== undefined && { notificationCount: badge }) },
      }),
      ...(ttl !== undefined && { ttl }),
    },
    apns: {
      headers: {
        ...(silent ? { 'apns-push-type': 'background' } : { 'apns-collapse-id': tag }),
        'apns-priority': String(apnsPriority(message, lane)),
        ...(expiresAt !== undefined && { 'apns-expiration': String(Math.ceil(expiresAt / 1000)) }),
      },
      payload: { aps: apsOf(message, lane) },
    },
    webpush: {
      headers: {
        Urgency: silent ? 'low' : urgencies[lane],
        ...(ttl !== undefined && { TTL: String(Math.floor(ttl / 1000)) }),
      },
      ...(!silent && { notification: { tag, ...(image !== undefined && { image }) } }),
      // FCM refuses the message for a link of any other kind.
      ...(!silent && url?.startsWith('https://') && { fcmOptions: { link: url } }),
    },
  }
}

/** https://www.rfc-editor.org/rfc/rfc8030#section-5.3 */
const urgencies: { readonly [L in Lane]: string } = { critical: 'high', default: 'normal', bulk: 'low' }

/** Data alone: the app takes off the screen what bears one of the tags. Never of high priority, which is for what is shown. */
export function removalOf({ endpoint, deliveries, badge, expiresAt }: Removal, now: EpochMs): TokenMessage {
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

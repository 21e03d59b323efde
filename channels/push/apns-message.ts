import apn from 'apn'
import type { Lane } from '#contracts/channel.ts'
import { attemptOf } from '#contracts/ids.ts'
import type { OutMessage, Removal, SendOptions } from '../provider.ts'
import { textFitter, type Texts } from './fit.ts'
import { apnsPriority, apsOf, dataOf } from './payload.ts'

/** What never expires is kept this long for a device that is off. */
const storedMs = 28 * 24 * 3_600_000

type ApnsSendOptions = SendOptions & { topic: string }

/** A push as Apple takes it. Undefined: nothing of its texts fits. */
export function notificationOf(message: OutMessage<'push'>, { lane, now, topic }: ApnsSendOptions) {
  const texts = textsOf(message)
  if (!texts) return undefined
  const { deliveryId, attemptId, intent, content } = message
  const note = new apn.Notification()
  note.topic = topic
  note.id = apnsIdOf(attemptId)
  note.priority = apnsPriority(message, lane)
  note.pushType = content.silent ? 'background' : 'alert'
  if (!content.silent) note.collapseId = deliveryId
  // Without it APNs would try once and forget.
  note.expiry = Math.ceil((intent.expiresAt ?? now + storedMs) / 1000)
  const { aps, ...payload } = payloadOf({ message, texts }, lane)
  note.aps = aps
  note.payload = payload
  return note
}

/** Of what differs by lane the longest. */
const textsOf = textFitter((message, texts) => payloadOf({ message, texts }, 'critical'))

function payloadOf({ message, texts }: { message: OutMessage<'push'>; texts: Texts }, lane: Lane) {
  const { image, silent } = message.content
  const { badge } = message
  return {
    ...dataOf(message, texts),
    ...(!silent && image !== undefined && { image }),
    // The app's to set, where it may not stand in `aps`.
    ...(silent && badge !== undefined && { badge }),
    aps: { ...apsOf(message, lane), ...(!silent && { alert: { title: texts.title, body: texts.body } }) },
  }
}

/**
 * A background push: the app is woken and takes off the screen what bears one of the collapse ids. The badge is the app's to
 * set, because `aps` must hold nothing but the flag
 * (https://developer.apple.com/documentation/usernotifications/pushing-background-updates-to-your-app).
 */
export function removalOf(
  { deliveries, badge, expiresAt }: Removal,
  { now, topic }: ApnsSendOptions,
): apn.Notification {
  const note = new apn.Notification()
  note.topic = topic
  note.pushType = 'background'
  note.priority = 5
  note.expiry = Math.ceil((expiresAt ?? now + storedMs) / 1000)
  note.aps = { 'content-available': 1 }
  note.payload = { carillon: 'remove', ids: deliveries, badge }
  return note
}

/** The attempt as a UUID, which APNs wants: the batch's with the slot in place of its last four digits. */
export function apnsIdOf(attemptId: string): string {
  const { batch, slot } = attemptOf(attemptId)
  return batch.slice(0, -4) + slot.toString(16).padStart(4, '0')
}

import type { Lane } from '#contracts/channel.ts'
import type { OutMessage } from '../provider.ts'
import type { Texts } from './fit.ts'

/** What every push tells the app itself, whatever platform it is on: see `infra/docs/apps.md`. */
export function dataOf(message: OutMessage<'push'>, texts: Texts): Record<string, string> {
  const { deliveryId, intent, content, receipt } = message
  const { url, image, silent } = content
  return {
    nid: deliveryId,
    type: intent.type,
    ...(receipt !== undefined && { receipt }),
    ...(url !== undefined && { url }),
    ...(intent.thread !== undefined && { thread: intent.thread }),
    // Nothing shows these but the app.
    ...(silent && { title: texts.title, body: texts.body, ...(image !== undefined && { image }) }),
  }
}

/**
 * Apple's dictionary, but for the alert
 * (https://developer.apple.com/documentation/usernotifications/generating-a-remote-notification).
 */
export function apsOf({ content, intent, badge }: OutMessage<'push'>, lane: Lane): Record<string, string | number> {
  // Nothing but the flag: with anything beside it Apple takes it for a push that is shown.
  if (content.silent) return { 'content-available': 1 }
  return {
    sound: 'default',
    category: intent.category,
    // The app's extension may load the image and say that it was shown.
    'mutable-content': 1,
    ...(intent.thread !== undefined && { 'thread-id': intent.thread }),
    ...(lane === 'critical' && { 'interruption-level': 'time-sensitive' }),
    ...(badge !== undefined && { badge }),
  }
}

/** Apple takes 10 for what is shown only. */
export const apnsPriority = ({ content }: OutMessage<'push'>, lane: Lane): 5 | 10 =>
  content.silent || lane === 'bulk' ? 5 : 10

import { z } from 'zod'
import { catalogueOf } from '#contracts/catalogue.ts'
import { defineNotification } from '#producers/sdk/define-notification.ts'

const about = z.object({ about: z.string() })
const push = ({ data }: { data: { about: string } }) => ({ title: data.about, body: 'Have a look' })
const inApp = ({ data }: { data: { about: string } }) => ({ title: data.about, body: '' })
const sms = ({ data }: { data: { about: string } }) => ({ text: data.about })
const email = ({ data }: { data: { about: string } }) => ({
  subject: data.about,
  text: data.about,
  html: { html: '<p>Have a look</p>' },
})

export const commented = defineNotification({
  type: 'comment.created',
  category: 'social',
  lane: 'default',
  owner: 'tests',
  value: 3,
  doubt: 'resend',
  schema: about,
  deliver: [{ channel: 'push' }, { channel: 'in_app' }],
  templates: { en: { push, in_app: inApp } },
})
export const liked = defineNotification({
  type: 'post.liked',
  category: 'social',
  lane: 'default',
  owner: 'tests',
  value: 1,
  schema: about,
  dedupe: { key: data => data.about, within: '1h' },
  deliver: [{ channel: 'push' }, { channel: 'in_app' }],
  templates: { en: { push, in_app: inApp } },
})
export const mentioned = defineNotification({
  type: 'mention.created',
  category: 'social',
  lane: 'default',
  owner: 'tests',
  value: 3,
  schema: about,
  throttle: { limit: 5, per: '1h' },
  deliver: [{ channel: 'push' }],
  templates: { en: { push } },
})
export const reminded = defineNotification({
  type: 'reminder.due',
  category: 'work',
  lane: 'default',
  owner: 'tests',
  value: 3,
  doubt: 'resend',
  schema: about,
  throttle: { limit: 2, per: '1h' },
  deliver: [{ channel: 'sms' }],
  templates: { en: { sms } },
})
export const invoiced = defineNotification({
  type: 'invoice.sent',
  category: 'work',
  lane: 'default',
  owner: 'tests',
  value: 4,
  doubt: 'await_receipt',
  schema: about,
  deliver: [{ channel: 'email' }],
  templates: { en: { email } },
})
export const signedIn = defineNotification({
  type: 'code.asked',
  category: 'security',
  lane: 'critical',
  owner: 'tests',
  value: 5,
  doubt: 'resend',
  schema: about,
  deliver: [{ channel: 'sms' }, { channel: 'in_app' }],
  templates: { en: { sms, in_app: inApp } },
})
export const published = defineNotification({
  type: 'news.published',
  category: 'news',
  lane: 'bulk',
  owner: 'tests',
  value: 1,
  maxRecipients: 10_000,
  schema: about,
  deliver: [{ channel: 'in_app' }, { channel: 'email' }],
  templates: { en: { in_app: inApp, email } },
})

/** Of every process of a run. */
export const secret = 'of the chaos run'

/** Every way to treat doubt, both windows, every channel and lane. */
export const catalogue = catalogueOf('1', [commented, liked, mentioned, reminded, invoiced, signedIn, published])

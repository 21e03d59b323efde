import { z } from 'zod'
import type { DigestType, TemplateInput } from '#contracts/catalogue.ts'
import { defineNotification } from '../sdk/define-notification.ts'
import { icu } from '../sdk/icu.ts'
import { mail } from './mail.ts'
import { told } from './told.ts'

const link = z.url({ protocol: /^https$/ })
const shared = { category: 'alerts', owner: 'operations-team', expiresAfter: '2d' } as const
/** An alert that goes on ringing is told once in ten minutes. */
const once = { dedupe: { key: (data: { alert: string }) => data.alert, within: '10m' } } as const
/** What can wait is told at eight in the morning, whatever it was, in one mail. */
const inTheMorning = { digest: { into: 'alerts', at: '08:00', channels: ['email'] } } as const

/** An alert in the words of its monitor, on one line of a lock screen. */
const alert = z.strictObject({ alert: z.string(), title: z.string().max(100), url: link })
const words = told(alert, {
  en: ({ data }) => ({ title: data.title, body: 'An alert was raised.', url: data.url, link: 'Look' }),
  de: ({ data }) => ({ title: data.title, body: 'Ein Alarm wurde ausgelöst.', url: data.url, link: 'Ansehen' }),
})

/** Priority high: somebody must look now, at night too. */
export const alertCritical = defineNotification({
  ...{ ...shared, ...once, ...words },
  type: 'alert.critical',
  lane: 'critical',
  value: 5,
  deliver: [{ channel: 'in_app' }, { channel: 'push' }, { channel: 'sms' }],
})

/** Priority middle: on the phone, unless one sits before the dashboard, and in the morning's mail. */
export const alertWarning = defineNotification({
  ...{ ...shared, ...once, ...words, ...inTheMorning },
  type: 'alert.warning',
  lane: 'default',
  value: 3,
  throttle: { limit: 10, per: '1h' },
  deliver: [{ channel: 'in_app' }, { channel: 'push', unless: 'active' }, { channel: 'email' }],
})

/** Priority low: interrupts nobody. */
export const alertNotice = defineNotification({
  ...{ ...shared, ...once, ...words, ...inTheMorning },
  type: 'alert.notice',
  lane: 'default',
  value: 1,
  deliver: [{ channel: 'in_app' }, { channel: 'email' }],
})

/** What went on since yesterday: alerts of every kind and used-up quotas, the latest last. */
export const morningAlerts: DigestType = {
  name: 'alerts',
  templates: {
    en: {
      email: ({ digest }) =>
        mail({
          subject: alerts.en({ count: digest?.count ?? 0 }),
          lines: titlesOf(digest),
          url: overview,
          link: 'All alerts',
        }),
    },
    de: {
      email: ({ digest }) =>
        mail({
          subject: alerts.de({ count: digest?.count ?? 0 }),
          lines: titlesOf(digest),
          url: overview,
          link: 'Alle Alarme',
        }),
    },
  },
}

const alerts = {
  en: icu('en', '{count, plural, one {# alert} other {# alerts}}'),
  de: icu('de', '{count, plural, one {# Alarm} other {# Alarme}}'),
}
const overview = 'https://community.example/alerts'
const titlesOf = (digest: TemplateInput<unknown>['digest']): string[] =>
  (digest?.items ?? []).map(({ type, data }) => {
    const title = (data as { title?: unknown }).title
    return typeof title === 'string' ? title : type
  })

/**
 * Something is down, and somebody on call must take it: on the phone, after five minutes as a text message, after a
 * quarter of an hour by mail, until one of them does. Having seen it is not enough.
 */
export const incidentOpened = defineNotification({
  type: 'incident.opened',
  category: 'incidents',
  lane: 'critical',
  owner: 'operations-team',
  value: 5,
  expiresAfter: '1d',
  doubt: 'resend',
  dedupe: { key: data => data.incident, within: '1d' },
  acted: 'incident.acknowledged',
  deliver: [
    { channel: 'push' },
    { channel: 'sms', after: '5m', unless: 'acted' },
    { channel: 'email', after: '15m', unless: 'acted' },
  ],
  ...told(z.strictObject({ incident: z.string(), service: z.string().max(60), url: link }), {
    en: ({ data }) => ({
      title: `${data.service} is down`,
      body: 'You are on call. Acknowledge to stop the bell.',
      url: data.url,
      link: 'Acknowledge',
    }),
    de: ({ data }) => ({
      title: `${data.service} ist ausgefallen`,
      body: 'Du hast Bereitschaft. Bestätige, damit es aufhört zu läuten.',
      url: data.url,
      link: 'Bestätigen',
    }),
  }),
})

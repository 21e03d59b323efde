import { z } from 'zod'
import { defineNotification } from '../sdk/define-notification.ts'
import { mail } from './mail.ts'

const link = z.url({ protocol: /^https$/ })

/** A weakness in something that the person maintains. Cannot be switched off, does not wait for the morning. */
export const securityAlert = defineNotification({
  type: 'security.alert',
  category: 'security',
  lane: 'critical',
  owner: 'security-team',
  value: 5,
  mandatory: true,
  schema: z.object({
    alert: z.string(),
    summary: z.string(),
    severity: z.enum(['low', 'medium', 'high', 'critical']),
    url: link,
  }),
  expiresAfter: '7d',
  dedupe: { key: data => data.alert, within: '24h' },
  deliver: [{ channel: 'in_app' }, { channel: 'push' }, { channel: 'email' }],
  templates: {
    en: {
      in_app: ({ data }) => ({ title: `Security alert (${data.severity})`, body: data.summary, url: data.url }),
      push: ({ data }) => ({ title: `Security alert (${data.severity})`, body: data.summary, url: data.url }),
      email: ({ data }) =>
        mail({
          subject: `Security alert: ${data.summary}`,
          lines: [`Severity: ${data.severity}`],
          url: data.url,
          link: 'What to do',
        }),
    },
    de: {
      in_app: ({ data }) => ({ title: `Sicherheitswarnung (${data.severity})`, body: data.summary, url: data.url }),
      push: ({ data }) => ({ title: `Sicherheitswarnung (${data.severity})`, body: data.summary, url: data.url }),
      email: ({ data }) =>
        mail({
          subject: `Sicherheitswarnung: ${data.summary}`,
          lines: [`Schwere: ${data.severity}`],
          url: data.url,
          link: 'Was zu tun ist',
        }),
    },
  },
})

/** Somebody came in from a device that the account has not seen. Says nothing private: it stands on a lock screen. */
export const signinNewDevice = defineNotification({
  type: 'signin.new_device',
  category: 'account',
  lane: 'critical',
  owner: 'account-team',
  value: 5,
  mandatory: true,
  sensitive: true,
  schema: z.object({ device: z.string().max(100), url: link }),
  expiresAfter: '15m',
  doubt: 'resend',
  quietHours: 'ignore',
  deliver: [{ channel: 'push' }, { channel: 'sms' }, { channel: 'email' }],
  templates: {
    en: {
      push: ({ data }) => ({ title: 'New sign-in', body: 'Was this you?', url: data.url }),
      sms: ({ data }) => ({ text: 'New sign-in to your account. Not you?', url: data.url }),
      email: ({ data }) =>
        mail({
          subject: 'New sign-in to your account',
          lines: [`Device: ${data.device}`],
          url: data.url,
          link: 'This was not me',
        }),
    },
    de: {
      push: ({ data }) => ({ title: 'Neue Anmeldung', body: 'Warst du das?', url: data.url }),
      sms: ({ data }) => ({ text: 'Neue Anmeldung in deinem Konto. Nicht du?', url: data.url }),
      email: ({ data }) =>
        mail({
          subject: 'Neue Anmeldung in deinem Konto',
          lines: [`Gerät: ${data.device}`],
          url: data.url,
          link: 'Das war ich nicht',
        }),
    },
  },
})

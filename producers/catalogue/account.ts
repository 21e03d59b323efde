import { z } from 'zod'
import { defineNotification } from '../sdk/define-notification.ts'
import { told } from './told.ts'

const link = z.url({ protocol: /^https$/ })
const account = { category: 'account', lane: 'critical', owner: 'account-team', value: 5, mandatory: true } as const
/**
 * A link that opens the account, asked for by the person: told whatever was switched off, kept nowhere, and sent again in doubt,
 * since two are a nuisance and none locks somebody out. Whoever asks in somebody's name fills no mailbox.
 */
const opening = {
  ...account,
  sensitive: true,
  doubt: 'resend',
  throttle: { limit: 5, per: '15m' },
  deliver: [{ channel: 'email' }],
} as const

export const loginLink = defineNotification({
  ...opening,
  type: 'account.login_link',
  expiresAfter: '15m',
  ...told(z.strictObject({ url: link }), {
    en: ({ data }) => ({
      title: 'Your sign-in link',
      body: 'It works once, for 15 minutes. If you did not ask for it, do nothing.',
      url: data.url,
      link: 'Sign in',
    }),
    de: ({ data }) => ({
      title: 'Dein Link zum Anmelden',
      body: 'Er gilt einmal und 15 Minuten lang. Wenn du ihn nicht wolltest, tu nichts.',
      url: data.url,
      link: 'Anmelden',
    }),
  }),
})

export const passwordReset = defineNotification({
  ...opening,
  type: 'account.password_reset',
  expiresAfter: '1h',
  ...told(z.strictObject({ url: link }), {
    en: ({ data }) => ({
      title: 'Choose a new password',
      body: 'The link works once, for an hour. If you did not ask for it, your password stays as it is.',
      url: data.url,
      link: 'New password',
    }),
    de: ({ data }) => ({
      title: 'Wähle ein neues Passwort',
      body: 'Der Link gilt einmal und eine Stunde lang. Wenn du ihn nicht wolltest, bleibt alles, wie es ist.',
      url: data.url,
      link: 'Neues Passwort',
    }),
  }),
})

export const emailVerification = defineNotification({
  ...opening,
  type: 'account.email_verification',
  expiresAfter: '1d',
  ...told(z.strictObject({ url: link }), {
    en: ({ data }) => ({
      title: 'Is this your address?',
      body: 'Confirm it within a day.',
      url: data.url,
      link: 'Confirm',
    }),
    de: ({ data }) => ({
      title: 'Ist das deine Adresse?',
      body: 'Bestätige sie innerhalb eines Tages.',
      url: data.url,
      link: 'Bestätigen',
    }),
  }),
})

/** Whoever did it, the owner must know, on everything that may still be theirs. Its link opens nothing by itself. */
export const passwordChanged = defineNotification({
  ...account,
  type: 'account.password_changed',
  expiresAfter: '3d',
  doubt: 'resend',
  deliver: [{ channel: 'in_app' }, { channel: 'push' }, { channel: 'email' }],
  ...told(z.strictObject({ url: link }), {
    en: ({ data }) => ({
      title: 'Your password was changed',
      body: 'If it was not you, get your account back now.',
      url: data.url,
      link: 'This was not me',
    }),
    de: ({ data }) => ({
      title: 'Dein Passwort wurde geändert',
      body: 'Wenn du es nicht warst, hol dir dein Konto jetzt zurück.',
      url: data.url,
      link: 'Das war ich nicht',
    }),
  }),
})

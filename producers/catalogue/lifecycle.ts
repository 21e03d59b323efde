import { z } from 'zod'
import { defineNotification } from '../sdk/define-notification.ts'
import { told } from './told.ts'

const link = z.url({ protocol: /^https$/ })
const onboarding = { category: 'onboarding', lane: 'default', owner: 'growth-team' } as const
const billing = { category: 'billing', lane: 'default', owner: 'billing-team', value: 4 } as const
/** How we measure usage. `quota` names what is counted; the same share of it is told once a month. */
const usage = z.strictObject({
  quota: z.string(),
  percent: z.number().int().min(1).max(100),
  title: z.string().max(100),
  url: link,
})

/** The first words to somebody new. */
export const userWelcomed = defineNotification({
  ...onboarding,
  type: 'onboarding.welcome',
  value: 4,
  expiresAfter: '3d',
  dedupe: { key: () => 'once', within: '31d' },
  deliver: [{ channel: 'in_app' }, { channel: 'email' }],
  ...told(z.strictObject({ name: z.string(), url: link }), {
    en: ({ data }) => ({
      title: `Welcome, ${data.name}`,
      body: 'Good that you are here.',
      url: data.url,
      link: 'Begin',
    }),
    de: ({ data }) => ({
      title: `Willkommen, ${data.name}`,
      body: 'Schön, dass du da bist.',
      url: data.url,
      link: 'Anfangen',
    }),
  }),
})

/** Said along with the welcome; nothing of it leaves for somebody who is through before. */
export const onboardingReminder = defineNotification({
  ...onboarding,
  type: 'onboarding.reminder',
  value: 2,
  expiresAfter: '7d',
  quietHours: 'all',
  acted: 'onboarding.finished',
  deliver: [
    { channel: 'in_app', after: '1d', unless: 'acted' },
    { channel: 'email', after: '3d', unless: 'acted' },
  ],
  ...told(z.strictObject({ step: z.string(), url: link }), {
    en: ({ data }) => ({ title: `Next: ${data.step}`, body: 'You are nearly there.', url: data.url, link: 'Go on' }),
    de: ({ data }) => ({
      title: `Als Nächstes: ${data.step}`,
      body: 'Du bist fast fertig.',
      url: data.url,
      link: 'Weiter',
    }),
  }),
})

/** The first of something. A pleasure that is never urgent: not at night, and on the phone only if it was not seen. */
export const milestoneReached = defineNotification({
  ...onboarding,
  type: 'onboarding.first_milestone',
  lane: 'bulk',
  value: 2,
  expiresAfter: '2d',
  quietHours: 'all',
  dedupe: { key: data => data.milestone, within: '31d' },
  deliver: [{ channel: 'in_app' }, { channel: 'push', after: '1h', unless: 'seen' }],
  ...told(z.strictObject({ milestone: z.string(), url: link }), {
    en: ({ data }) => ({ title: data.milestone, body: 'Your first one. Well done!', url: data.url, link: 'Look' }),
    de: ({ data }) => ({
      title: data.milestone,
      body: 'Dein erstes Mal. Glückwunsch!',
      url: data.url,
      link: 'Ansehen',
    }),
  }),
})

/** A quota is nearly used up. By mail in the morning, together with the alerts. */
export const usageThreshold = defineNotification({
  ...billing,
  type: 'billing.usage_threshold',
  expiresAfter: '3d',
  dedupe: { key: data => `${data.quota} ${data.percent}`, within: '30d' },
  digest: { into: 'alerts', at: '08:00', channels: ['email'] },
  deliver: [{ channel: 'in_app' }, { channel: 'email' }],
  ...told(usage, {
    en: ({ data }) => ({
      title: data.title,
      body: `${data.percent} % of ${data.quota} is used.`,
      url: data.url,
      link: 'Your plan',
    }),
    de: ({ data }) => ({
      title: data.title,
      body: `${data.percent} % von ${data.quota} sind verbraucht.`,
      url: data.url,
      link: 'Dein Tarif',
    }),
  }),
})

/** The trial ends. Who has subscribed since is not asked again. */
export const trialEnding = defineNotification({
  ...billing,
  type: 'billing.trial_ending',
  expiresAfter: '3d',
  acted: 'subscription.started',
  deliver: [{ channel: 'in_app' }, { channel: 'email' }, { channel: 'push', after: '2d', unless: 'acted' }],
  ...told(z.strictObject({ plan: z.string(), ends: z.iso.date(), url: link }), {
    en: ({ data }) => ({
      title: `Your trial of ${data.plan} is ending`,
      body: `It ends on ${data.ends}.`,
      url: data.url,
      link: 'Go on with it',
    }),
    de: ({ data }) => ({
      title: `Dein Test von ${data.plan} läuft aus`,
      body: `Er endet am ${data.ends}.`,
      url: data.url,
      link: 'Weitermachen',
    }),
  }),
})

import { z } from 'zod'
import { defineNotification } from '../sdk/define-notification.ts'
import { icu } from '../sdk/icu.ts'
import { told } from './told.ts'

const link = z.url({ protocol: /^https$/ })
const shared = { category: 'referral', lane: 'default', owner: 'growth-team' } as const

const friends = {
  en: icu('en', '{count, plural, one {# friend} other {# friends}} joined'),
  de: icu('de', '{count, plural, one {# Freund ist} other {# Freunde sind}} da'),
}

/** A friend took an invitation. The first is told at once, those of the next hour together. */
export const friendJoined = defineNotification({
  ...shared,
  type: 'referral.friend_joined',
  value: 3,
  expiresAfter: '7d',
  dedupe: { key: data => data.friend, within: '31d' },
  digest: { every: '1h', sendFirst: true },
  deliver: [{ channel: 'in_app' }, { channel: 'push' }],
  ...told(z.strictObject({ friend: z.string(), url: link }), {
    en: ({ data, digest }) => ({
      title: digest ? friends.en({ count: digest.count }) : `${data.friend} joined`,
      body: 'Your invitation was taken.',
      url: data.url,
      link: 'Say hello',
    }),
    de: ({ data, digest }) => ({
      title: digest ? friends.de({ count: digest.count }) : `${data.friend} ist da`,
      body: 'Deine Einladung wurde angenommen.',
      url: data.url,
      link: 'Hallo sagen',
    }),
  }),
})

const reward = z.strictObject({ reward: z.string(), url: link })

/** What the invitation brought. By mail only to who has not seen it for a day. */
export const rewardEarned = defineNotification({
  ...shared,
  type: 'referral.reward_earned',
  value: 4,
  expiresAfter: '7d',
  deliver: [{ channel: 'in_app' }, { channel: 'push' }, { channel: 'email', after: '1d', unless: 'seen' }],
  ...told(reward, {
    en: ({ data }) => ({
      title: `You earned ${data.reward}`,
      body: 'Thank you for inviting a friend.',
      url: data.url,
      link: 'Use it',
    }),
    de: ({ data }) => ({
      title: `Du hast ${data.reward} verdient`,
      body: 'Danke, dass du jemanden eingeladen hast.',
      url: data.url,
      link: 'Einlösen',
    }),
  }),
})

/** A reward ends soon. Who uses it hears no more of it. */
export const rewardExpiring = defineNotification({
  ...shared,
  type: 'referral.reward_expiring',
  value: 4,
  expiresAfter: '3d',
  acted: 'reward.redeemed',
  deliver: [{ channel: 'in_app' }, { channel: 'email' }, { channel: 'push', after: '2d', unless: 'acted' }],
  ...told(reward, {
    en: ({ data }) => ({
      title: `${data.reward} ends in three days`,
      body: 'Use your reward before it is gone.',
      url: data.url,
      link: 'Use it',
    }),
    de: ({ data }) => ({
      title: `${data.reward} endet in drei Tagen`,
      body: 'Löse deine Belohnung ein, bevor sie verfällt.',
      url: data.url,
      link: 'Einlösen',
    }),
  }),
})

/** Would you invite somebody? Once a month at most, and never to the few by whom we see what asking is worth. */
export const inviteSuggested = defineNotification({
  ...shared,
  type: 'referral.invite_suggested',
  lane: 'bulk',
  value: 1,
  maxRecipients: 1_000_000,
  expiresAfter: '7d',
  throttle: { limit: 1, per: '30d' },
  quietHours: 'all',
  holdout: 0.05,
  acted: 'referral.sent',
  deliver: [{ channel: 'in_app' }, { channel: 'email', after: '3d', unless: 'acted' }],
  ...told(reward, {
    en: ({ data }) => ({
      title: `Invite a friend, get ${data.reward}`,
      body: 'It takes a minute.',
      url: data.url,
      link: 'Invite',
    }),
    de: ({ data }) => ({
      title: `Lade jemanden ein, bekomm ${data.reward}`,
      body: 'Es dauert eine Minute.',
      url: data.url,
      link: 'Einladen',
    }),
  }),
})

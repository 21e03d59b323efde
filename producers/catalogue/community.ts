import { z } from 'zod'
import { defineNotification } from '../sdk/define-notification.ts'
import { mail } from './mail.ts'
import { told } from './told.ts'

const link = z.url({ protocol: /^https$/ })

/** A project published something: for everybody who watches it. */
export const releasePublished = defineNotification({
  type: 'release.published',
  category: 'releases',
  lane: 'bulk',
  owner: 'release-team',
  value: 2,
  maxRecipients: 1_000_000,
  schema: z.object({ repository: z.string(), version: z.string(), url: link }),
  expiresAfter: '3d',
  dedupe: { key: data => `${data.repository} ${data.version}`, within: '24h' },
  deliver: [{ channel: 'in_app' }, { channel: 'email' }],
  templates: {
    en: {
      in_app: ({ data }) => ({
        title: `${data.repository} ${data.version}`,
        body: 'A new release is out.',
        url: data.url,
      }),
      email: ({ data }) =>
        mail({
          subject: `${data.repository} ${data.version} is out`,
          lines: ['You watch this project.'],
          url: data.url,
          link: 'Release notes',
        }),
    },
    de: {
      in_app: ({ data }) => ({
        title: `${data.repository} ${data.version}`,
        body: 'Eine neue Version ist da.',
        url: data.url,
      }),
      email: ({ data }) =>
        mail({
          subject: `${data.repository} ${data.version} ist da`,
          lines: ['Du beobachtest dieses Projekt.'],
          url: data.url,
          link: 'Neuerungen',
        }),
    },
  },
})

/** Somebody likes the person's project. Pleasant, never urgent: three an hour are enough, and none at night. */
export const repositoryStarred = defineNotification({
  type: 'repository.starred',
  category: 'popularity',
  lane: 'bulk',
  owner: 'community-team',
  value: 1,
  schema: z.object({ repository: z.string(), by: z.string(), url: link }),
  expiresAfter: '1d',
  throttle: { limit: 3, per: '1h' },
  quietHours: 'all',
  deliver: [{ channel: 'in_app' }, { channel: 'push' }],
  templates: {
    en: {
      in_app: ({ data }) => ({
        title: `${data.by} likes ${data.repository}`,
        body: 'Your project has a new star.',
        url: data.url,
      }),
      push: ({ data }) => ({ title: 'A new star', body: `${data.by} likes ${data.repository}`, url: data.url }),
    },
    de: {
      in_app: ({ data }) => ({
        title: `${data.by} mag ${data.repository}`,
        body: 'Dein Projekt hat einen neuen Stern.',
        url: data.url,
      }),
      push: ({ data }) => ({ title: 'Ein neuer Stern', body: `${data.by} mag ${data.repository}`, url: data.url }),
    },
  },
})

const invitation = z.object({ team: z.string(), by: z.string(), url: link })

/** An invitation to a team; its recipient may be nobody we know yet, only a mailbox. */
export const memberInvited = defineNotification({
  type: 'member.invited',
  category: 'membership',
  lane: 'default',
  owner: 'community-team',
  value: 4,
  schema: invitation,
  expiresAfter: '7d',
  deliver: [{ channel: 'in_app' }, { channel: 'email' }],
  templates: {
    en: {
      in_app: ({ data }) => ({ title: `Join ${data.team}`, body: `${data.by} invites you.`, url: data.url }),
      email: ({ data }) =>
        mail({
          subject: `${data.by} invites you to ${data.team}`,
          lines: ['The invitation is good for a week.'],
          url: data.url,
          link: 'Join',
        }),
    },
    de: {
      in_app: ({ data }) => ({ title: `Komm zu ${data.team}`, body: `${data.by} lädt dich ein.`, url: data.url }),
      email: ({ data }) =>
        mail({
          subject: `${data.by} lädt dich zu ${data.team} ein`,
          lines: ['Die Einladung gilt eine Woche.'],
          url: data.url,
          link: 'Beitreten',
        }),
    },
  },
})

/** Said along with the invitation; leaves only if that was not accepted by then. */
export const inviteReminder = defineNotification({
  type: 'member.reminded',
  category: 'membership',
  lane: 'default',
  owner: 'community-team',
  value: 3,
  expiresAfter: '7d',
  acted: 'invite.accepted',
  deliver: [{ channel: 'email', after: '3d', unless: 'acted' }],
  ...told(invitation, {
    en: ({ data }) => ({
      title: `${data.team} still waits for you`,
      body: `${data.by} invited you three days ago.`,
      url: data.url,
      link: 'Join',
    }),
    de: ({ data }) => ({
      title: `${data.team} wartet noch auf dich`,
      body: `${data.by} hat dich vor drei Tagen eingeladen.`,
      url: data.url,
      link: 'Beitreten',
    }),
  }),
})

import { z } from 'zod'
import { defineNotification } from '../sdk/define-notification.ts'
import { mail } from './mail.ts'

const link = z.url({ protocol: /^https$/ })

/** Somebody asks the person to read a change. */
export const reviewRequested = defineNotification({
  type: 'review.requested',
  category: 'reviews',
  lane: 'default',
  owner: 'review-team',
  value: 4,
  schema: z.object({ pull: z.string(), title: z.string(), author: z.string(), url: link }),
  expiresAfter: '7d',
  dedupe: { key: data => data.pull, within: '1h' },
  deliver: [{ channel: 'in_app' }, { channel: 'push' }, { channel: 'email' }],
  templates: {
    en: {
      in_app: ({ data }) => ({ title: 'Review requested', body: `${data.author}: ${data.title}`, url: data.url }),
      push: ({ data }) => ({ title: `${data.author} requests your review`, body: data.title, url: data.url }),
      email: ({ data }) =>
        mail({
          subject: `Review requested: ${data.title}`,
          lines: [`${data.author} asks for your review.`],
          url: data.url,
          link: 'Review',
        }),
    },
    de: {
      in_app: ({ data }) => ({ title: 'Review erbeten', body: `${data.author}: ${data.title}`, url: data.url }),
      push: ({ data }) => ({ title: `${data.author} bittet um dein Review`, body: data.title, url: data.url }),
      email: ({ data }) =>
        mail({
          subject: `Review erbeten: ${data.title}`,
          lines: [`${data.author} bittet um dein Review.`],
          url: data.url,
          link: 'Ansehen',
        }),
    },
  },
})

/** Something became the person's task. */
export const issueAssigned = defineNotification({
  type: 'issue.assigned',
  category: 'assignments',
  lane: 'default',
  owner: 'planning-team',
  value: 4,
  schema: z.object({ title: z.string(), by: z.string(), url: link }),
  expiresAfter: '7d',
  dedupe: { key: data => data.url, within: '1h' },
  deliver: [{ channel: 'in_app' }, { channel: 'email' }],
  templates: {
    en: {
      in_app: ({ data }) => ({ title: 'Assigned to you', body: data.title, url: data.url }),
      email: ({ data }) =>
        mail({
          subject: `Assigned to you: ${data.title}`,
          lines: [`${data.by} assigned this to you.`],
          url: data.url,
          link: 'Open',
        }),
    },
    de: {
      in_app: ({ data }) => ({ title: 'Dir zugewiesen', body: data.title, url: data.url }),
      email: ({ data }) =>
        mail({
          subject: `Dir zugewiesen: ${data.title}`,
          lines: [`${data.by} hat dir das zugewiesen.`],
          url: data.url,
          link: 'Öffnen',
        }),
    },
  },
})

/** A build broke. After an hour somebody has seen it; a second bell for the same run would only be noise. */
export const buildFailed = defineNotification({
  type: 'build.failed',
  category: 'builds',
  lane: 'default',
  owner: 'build-team',
  value: 3,
  schema: z.object({ run: z.string(), name: z.string(), repository: z.string(), url: link }),
  expiresAfter: '1h',
  dedupe: { key: data => data.run, within: '10m' },
  throttle: { limit: 5, per: '1h' },
  doubt: 'never',
  deliver: [{ channel: 'in_app' }, { channel: 'push' }],
  templates: {
    en: {
      in_app: ({ data }) => ({ title: `${data.name} failed`, body: data.repository, url: data.url }),
      push: ({ data }) => ({ title: `${data.name} failed`, body: data.repository, url: data.url }),
    },
    de: {
      in_app: ({ data }) => ({ title: `${data.name} ist fehlgeschlagen`, body: data.repository, url: data.url }),
      push: ({ data }) => ({ title: `${data.name} ist fehlgeschlagen`, body: data.repository, url: data.url }),
    },
  },
})

import { z } from 'zod'
import { defineNotification } from '../sdk/define-notification.ts'
import { icu } from '../sdk/icu.ts'
import { mail } from './mail.ts'
import { told } from './told.ts'

const link = z.url({ protocol: /^https$/ })
const comment = z.object({
  commentId: z.string(),
  author: z.string(),
  title: z.string(),
  /** The beginning of the text, as it will stand on a lock screen. */
  excerpt: z.string().max(200),
  url: link,
})

/**
 * Somebody commented where the person takes part. An edit within ten minutes is not told again, and the phone stays silent
 * while the person reads at the desk.
 */
export const commentCreated = defineNotification({
  type: 'comment.created',
  category: 'social',
  lane: 'default',
  owner: 'conversation-team',
  value: 3,
  schema: comment,
  expiresAfter: '1d',
  dedupe: { key: data => data.commentId, within: '10m' },
  throttle: { limit: 20, per: '1h' },
  deliver: [{ channel: 'in_app' }, { channel: 'push', unless: 'active' }],
  templates: {
    en: {
      in_app: ({ data }) => ({ title: `${data.author} commented on ${data.title}`, body: data.excerpt, url: data.url }),
      push: ({ data }) => ({ title: `${data.author} commented`, body: data.excerpt, url: data.url }),
    },
    de: {
      in_app: ({ data }) => ({
        title: `${data.author} hat ${data.title} kommentiert`,
        body: data.excerpt,
        url: data.url,
      }),
      push: ({ data }) => ({ title: `${data.author} hat kommentiert`, body: data.excerpt, url: data.url }),
    },
  },
})

/** Somebody called the person by name. By mail only if it was not seen anywhere else. */
export const mentionReceived = defineNotification({
  type: 'mention.received',
  category: 'mentions',
  lane: 'default',
  owner: 'conversation-team',
  value: 4,
  schema: comment,
  expiresAfter: '3d',
  dedupe: { key: data => data.commentId, within: '1h' },
  deliver: [
    { channel: 'in_app' },
    { channel: 'push', unless: 'active' },
    { channel: 'email', after: '10m', unless: 'seen' },
  ],
  templates: {
    en: {
      in_app: ({ data }) => ({
        title: `${data.author} mentioned you in ${data.title}`,
        body: data.excerpt,
        url: data.url,
      }),
      push: ({ data }) => ({ title: `${data.author} mentioned you`, body: data.excerpt, url: data.url }),
      email: ({ data }) =>
        mail({
          subject: `${data.author} mentioned you in ${data.title}`,
          lines: [data.excerpt],
          url: data.url,
          link: 'Reply',
        }),
    },
    de: {
      in_app: ({ data }) => ({
        title: `${data.author} hat dich in ${data.title} erwähnt`,
        body: data.excerpt,
        url: data.url,
      }),
      push: ({ data }) => ({ title: `${data.author} hat dich erwähnt`, body: data.excerpt, url: data.url }),
      email: ({ data }) =>
        mail({
          subject: `${data.author} hat dich in ${data.title} erwähnt`,
          lines: [data.excerpt],
          url: data.url,
          link: 'Antworten',
        }),
    },
  },
})

const replies = {
  en: icu('en', '{count, plural, one {# reply} other {# replies}} in {title}'),
  de: icu('de', '{count, plural, one {# Antwort} other {# Antworten}} in {title}'),
}

/**
 * Somebody answered the person. The inbox shows each answer; what of a thread was not seen for ten minutes is told together,
 * on the channels that the person has left on.
 */
export const replyReceived = defineNotification({
  type: 'reply.received',
  category: 'replies',
  lane: 'default',
  owner: 'conversation-team',
  value: 3,
  expiresAfter: '1d',
  dedupe: { key: data => data.commentId, within: '10m' },
  digest: { by: 'thread', every: '10m' },
  deliver: [
    { channel: 'in_app' },
    { channel: 'push', after: '10m', unless: 'seen' },
    { channel: 'email', after: '10m', unless: 'seen' },
  ],
  ...told(comment, {
    en: ({ data, digest }) => ({
      title: digest
        ? replies.en({ count: digest.count, title: data.title })
        : `${data.author} replied in ${data.title}`,
      body: data.excerpt,
      url: data.url,
      link: 'Reply',
    }),
    de: ({ data, digest }) => ({
      title: digest
        ? replies.de({ count: digest.count, title: data.title })
        : `${data.author} hat in ${data.title} geantwortet`,
      body: data.excerpt,
      url: data.url,
      link: 'Antworten',
    }),
  }),
})

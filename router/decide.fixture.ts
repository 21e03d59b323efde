import type { AnyNotificationType } from '#contracts/catalogue.ts'
import { intentId } from '#contracts/ids.ts'
import type { Stop } from '#contracts/stop.ts'
import type { Endpoint, Person } from '#preferences/preferences.ts'
import type { Question } from './decide.ts'

/** 2026-11-21 12:00 in Berlin is 11:00 UTC. */
export const noon = Date.parse('2026-11-21T11:00:00Z')
export const night = Date.parse('2026-11-21T22:00:00Z')

export const endpoint = (
  channel: Endpoint['channel'],
  provider: Endpoint['provider'],
  state: Endpoint['state'] = 'active',
): Endpoint => ({
  ...{ id: `${provider}-1`, channel, provider, address: 'x', state, since: 0 },
})
export const inbox = endpoint('in_app', 'inbox')
export const everybody: Person = {
  ...{ id: 'u1', zone: 'Europe/Berlin', choices: {}, erased: false },
  endpoints: [endpoint('push', 'fcm'), endpoint('push', 'apns'), endpoint('email', 'sendgrid'), inbox],
}
export const entry: AnyNotificationType = {
  ...{ type: 'comment.created', category: 'social', lane: 'default', owner: 'docs', value: 3 },
  schema: { '~standard': { version: 1, vendor: 'test', validate: value => ({ value }) } },
  deliver: [{ channel: 'in_app' }, { channel: 'push' }, { channel: 'email' }],
  templates: {},
}
export const intent: Question['intent'] = {
  ...{
    id: intentId({ producer: 'p', key: 'k' }),
    producer: 'p',
    type: 'comment.created',
    category: 'social',
    catalogue: '1',
  },
  ...{ occurredAt: noon, thread: 't1', data: {} },
}
export const quiet = { start: '22:00', end: '08:00' }
export const budget = {
  name: 'push',
  channel: 'push',
  limit: 1,
  per: '24h',
  wait: '48h',
  afterwards: 'expire',
} as const
export const windowed = {
  ...entry,
  dedupe: { key: () => 'k', within: '10m' },
  throttle: { limit: 1, per: '1h' },
} as const

export const stepped: AnyNotificationType = {
  ...{ ...entry, acted: 'invite.accepted' },
  deliver: [
    { channel: 'in_app' },
    { channel: 'push', after: '30s', unless: 'seen' },
    { channel: 'email', after: '30s', unless: 'acted' },
  ],
}
export const later: Question['released'] = { channels: ['push', 'email'], reason: 'escalation' }
export const aside: AnyNotificationType = {
  ...entry,
  deliver: [{ channel: 'in_app' }, { channel: 'push', unless: 'active' }],
}
export const stopped = (scope: Stop['scope'], name: string, resume: Stop['resume'] = 'send'): Stop => ({
  ...{ id: '1', scope, name, resume },
})

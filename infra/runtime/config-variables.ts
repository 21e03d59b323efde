import { createPublicKey } from 'node:crypto'
import { accessSync, constants } from 'node:fs'
import path from 'node:path'
import { type Channel, channels, lanes } from '#contracts/channel.ts'
import { isRouteOf, type Route, weightOf } from '#contracts/routes.ts'
import { volumeFloorPreset } from '#contracts/quarantine.ts'
import { isEmail, isPhone } from '#contracts/intent.ts'
import { logLevels } from './log-levels.ts'

/** Makes the value of a text, or throws an error that says what the text must be. */
type Parse<T> = (text: string) => T

export type Variable<T> = {
  name: string
  parse: Parse<T>
  meaning: string
  /** The default, as one would set it. */
  preset?: string
  /** May come from the file that `<NAME>_FILE` names, and is never shown. */
  secret?: boolean
  /** Names a file of secrets. */
  file?: boolean
}
export type ValueOf<V> = V extends { parse: Parse<infer T>; preset: string }
  ? T
  : V extends { parse: Parse<infer T> }
    ? T | undefined
    : never

const root = path.resolve(import.meta.dirname, '..', '..')

const text: Parse<string> = value => value
const matching =
  (pattern: RegExp, what: string): Parse<string> =>
  value => {
    if (!pattern.test(value)) throw new Error(what)
    return value
  }
const number =
  (min: number, max: number): Parse<number> =>
  value => {
    if (!/^\d{1,9}$/.test(value) || Number(value) < min || Number(value) > max)
      throw new Error(`a whole number from ${min} to ${max}`)
    return Number(value)
  }
const oneOf =
  <T extends string>(names: readonly T[]): Parse<T> =>
  value => {
    const found = names.find(name => name === value)
    if (found === undefined) throw new Error(`one of ${names.join(', ')}`)
    return found
  }
const someOf =
  <T extends string>(names: readonly T[]): Parse<T[]> =>
  value => [...new Set(value.split(',').map(name => oneOf(names)(name.trim())))]
const url =
  (...schemes: string[]): Parse<string> =>
  value => {
    const scheme = URL.parse(value)?.protocol.slice(0, -1)
    if (scheme === undefined || !schemes.includes(scheme))
      throw new Error(`a URL that begins with ${schemes.join(':// or ')}://`)
    return value.replace(/\/$/, '')
  }
const readable: Parse<string> = value => {
  const file = path.resolve(value)
  try {
    accessSync(file, constants.R_OK)
  } catch {
    throw new Error('a file that this process may read')
  }
  return file
}
const files: Parse<string[]> = value => value.split(',').map(name => readable(name.trim()))
const origins: Parse<string[]> = value =>
  value.split(',').map(given => {
    const { origin, protocol } = URL.parse(given.trim()) ?? {}
    if (origin === given.trim() && (protocol === 'https:' || protocol === 'http:')) return origin
    throw new Error('origins like https://app.example, with commas between')
  })
const mailbox: Parse<string> = value => {
  if (!isEmail(value)) throw new Error('an e-mail address')
  return value
}
const smsSender: Parse<string> = value => {
  if (!isPhone(value) && !/^MG[0-9a-f]{32}$/.test(value))
    throw new Error('a number like +15005550006 or the id of a messaging service (MG…)')
  return value
}
const smsPrices: Parse<{ currency: string; perSegment: Record<string, number> }> = value => {
  const [currency, ...prices] = value.trim().split(/\s+/)
  const isPrice = (text: string) => /^\+[1-9]\d{0,14}=\d+(\.\d+)?$/.test(text)
  if (!/^[A-Z]{3}$/.test(currency!) || prices.length === 0 || !prices.every(isPrice))
    throw new Error('a currency and prices of a segment by the beginning of numbers, like USD +1=0.01 +49=0.1')
  const perSegment = prices.map(text => text.split('=')).map(([prefix, price]) => [prefix!, Number(price)] as const)
  return { currency: currency!, perSegment: Object.fromEntries(perSegment) }
}
const allowList: Parse<string[]> = value => {
  const patterns = value.split(',').map(pattern => pattern.trim())
  if (!patterns.every(pattern => /^(?=.)[^*]*\*?$/.test(pattern)))
    throw new Error('recipient ids, or beginnings that end in *, with commas between')
  return patterns
}
const hostList: Parse<string[]> = value => {
  const hosts = value.split(',').map(host => host.trim().toLowerCase())
  if (!hosts.every(host => /^(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)+$/.test(host)))
    throw new Error('names of hosts, or *. and the end of their names, with commas between')
  return hosts
}
const webhookKeys: Parse<string[]> = value =>
  value.split(',').map(key => {
    const pem = `-----BEGIN PUBLIC KEY-----\n${key.trim()}\n-----END PUBLIC KEY-----\n`
    try {
      if (createPublicKey(pem).asymmetricKeyDetails?.namedCurve === 'prime256v1') return pem
    } catch {
      // Told below, without the words of the library.
    }
    throw new Error('verification keys as SendGrid shows them, with commas between')
  })
const routesOf =
  (channel: Channel): Parse<Route[]> =>
  value => {
    const routes = value.split(',').map(part => {
      const [, name = '', weight = ''] = /^([a-z0-9_]+):(\d{1,4})$/.exec(part.trim()) ?? []
      return { name, weight: Number(weight) }
    })
    const names = new Set(routes.map(({ name }) => name))
    if (names.size < routes.length || weightOf(routes) === 0 || ![...names].every(name => isRouteOf(channel, name)))
      throw new Error(`accounts and weights like ${exampleRoutes[channel]}, each once, one with a weight`)
    return routes
  }
const exampleRoutes: { readonly [C in Channel]?: string } = {
  sms: 'twilio:90,twilio_b:10',
  email: 'sendgrid:1,sendgrid_b:1',
}
const flag: Parse<boolean> = value => oneOf(['true', 'false'])(value) === 'true'
const postgres = url('postgres', 'postgresql')
const appleId = matching(/^\w{10}$/, '10 letters and digits')

/** Every variable of the project: its name, what it may be, its default, what it means. */
export const variables = {
  databaseUrl: {
    name: 'DATABASE_URL',
    parse: postgres,
    secret: true,
    meaning: 'PostgreSQL ≥ 15, may be a transaction pooler. Unset: the embedded server.',
  },
  databaseDirectUrl: {
    name: 'DATABASE_DIRECT_URL',
    parse: postgres,
    secret: true,
    meaning: 'The same database without a pooler: migrations, LISTEN, queues. Unset: `DATABASE_URL`.',
  },
  redisUrl: {
    name: 'REDIS_URL',
    parse: url('redis', 'rediss'),
    secret: true,
    meaning: 'Redis ≥ 6.2 for the queues and rate limits. Unset: both on PostgreSQL.',
  },
  project: {
    name: 'GOOGLE_CLOUD_PROJECT',
    parse: matching(/^[a-z][a-z0-9:.-]{4,62}[a-z0-9]$/, 'a Google Cloud project id'),
    meaning: 'Project whose Pub/Sub is used. Unset: the local Pub/Sub server.',
  },
  emulator: {
    name: 'PUBSUB_EMULATOR_HOST',
    parse: matching(/^[^\s/:]+:\d{1,5}$/, 'host:port'),
    meaning: 'A local Pub/Sub server that runs already, instead of Google’s.',
  },
  prefix: {
    name: 'CARILLON_PREFIX',
    parse: matching(/^[a-z][a-z0-9-]{2,40}$/, '3 to 41 lower-case letters, digits and -, the first a letter'),
    preset: 'carillon',
    meaning: 'Begins the names of topics, subscriptions and queues: parts installations that share servers.',
  },
  catalogue: {
    name: 'CARILLON_CATALOGUE',
    parse: (value: string) => path.resolve(root, value),
    preset: 'producers/catalogue/catalogue.ts',
    meaning: 'Module that exports the `catalogue`.',
  },
  allow: {
    name: 'CARILLON_ALLOW',
    parse: allowList,
    meaning:
      'Only these people are told: recipient ids, or beginnings that end in `*`, with commas between. For what is not production. Unset: everybody.',
  },
  approvalAbove: {
    name: 'CARILLON_APPROVAL_ABOVE',
    parse: number(0, 999_999_999),
    preset: '10000',
    meaning: 'A quarantined intent for more people than this is released only when a second person approves.',
  },
  groupMin: {
    name: 'CARILLON_ANALYTICS_GROUP_MIN',
    parse: number(1, 999_999_999),
    preset: '5',
    meaning: 'The analytics API tells of no group of fewer notifications (or people, where people are counted).',
  },
  volumeFloor: {
    name: 'CARILLON_VOLUME_FLOOR',
    parse: number(1, 999_999_999),
    preset: String(volumeFloorPreset),
    meaning: 'So many recipients of a type and producer in ten minutes are never held as a blast.',
  },
  dataDir: {
    name: 'CARILLON_DATA_DIR',
    parse: (value: string) => path.resolve(value),
    meaning: 'Folder of the embedded servers. Unset: one for this clone in the user’s data folder.',
  },
  httpHost: { name: 'CARILLON_HTTP_HOST', parse: text, preset: '127.0.0.1', meaning: 'Address to listen on.' },
  httpPort: {
    name: 'CARILLON_HTTP_PORT',
    parse: number(0, 65_535),
    preset: '0',
    meaning: 'Port of the APIs and pages; 0 takes any free one.',
  },
  metricsPort: {
    name: 'CARILLON_METRICS_PORT',
    parse: number(0, 65_535),
    preset: '0',
    meaning: 'Port of /healthz, /readyz and /metrics of each process; 0 takes any free one.',
  },
  publicUrl: {
    name: 'CARILLON_PUBLIC_URL',
    parse: url('https', 'http'),
    meaning:
      'How the world reaches the API: links of mails lead there first, to /c/…, so that we hear of clicks, and mails are unsubscribed from there, at /u/…; Twilio is asked to report to /webhooks/twilio there, and its signatures are checked for that address. Unset: links stay as they are, Twilio is not asked. With `SENDGRID_API_KEY` it must be set.',
  },
  proxies: {
    name: 'CARILLON_PROXIES',
    parse: number(0, 10),
    preset: '0',
    meaning:
      'Proxies of yours in front of the API, one after the other: the address of a client, by which floods are stopped, is read from X-Forwarded-For, so many from its end. 0: it is that of the connection.',
  },
  secret: {
    name: 'CARILLON_SECRET',
    parse: matching(/^.{32,}$/s, 'at least 32 characters'),
    secret: true,
    meaning:
      'Hashes addresses, signs attempt ids and what pushes carry, seals links of mails, also those to unsubscribe; must stay the same for ever. Unset: made once in the data folder.',
  },
  userKeys: {
    name: 'CARILLON_USER_KEYS',
    parse: files,
    meaning:
      'Public keys by which the product’s back end signs the tokens of people: JWKS or PEM files, with commas between. Unset: a key made once in the data folder, for one machine.',
  },
  origins: {
    name: 'CARILLON_ORIGINS',
    parse: origins,
    meaning:
      'Origins of the product’s pages, with commas between: browsers may call the API for people from there. Unset: only from its own.',
  },
  lanes: {
    name: 'CARILLON_LANES',
    parse: someOf(lanes),
    preset: lanes.join(','),
    meaning: 'Lanes that a router or worker process serves.',
  },
  channels: {
    name: 'CARILLON_CHANNELS',
    parse: someOf(channels),
    preset: channels.join(','),
    meaning: 'Channels that a worker process serves.',
  },
  workerConcurrency: {
    name: 'CARILLON_WORKER_CONCURRENCY',
    parse: number(1, 1_000),
    preset: '8',
    meaning: 'Batches that a worker process sends at once, for each lane and channel.',
  },
  logLevel: {
    name: 'CARILLON_LOG_LEVEL',
    parse: oneOf(logLevels),
    preset: 'info',
    meaning: `What goes to stderr: ${logLevels.join(', ')}.`,
  },
  routesSms: {
    name: 'CARILLON_ROUTES_SMS',
    parse: routesOf('sms'),
    meaning:
      'Several accounts for text messages and their weights: `twilio:90,twilio_b:10`. What `twilio_b` has of its own has `_B` behind its name, `TWILIO_FROM_B`; the rest is as for `twilio`. Unset: one.',
  },
  routesEmail: {
    name: 'CARILLON_ROUTES_EMAIL',
    parse: routesOf('email'),
    meaning: 'The same for mails: `sendgrid:50,sendgrid_b:50`, with `SENDGRID_API_KEY_B`.',
  },
  fcmFile: {
    name: 'FCM_SERVICE_ACCOUNT_FILE',
    parse: readable,
    file: true,
    meaning: 'Service account of the Firebase project, JSON. Unset: the simulator.',
  },
  fcmPerMinute: {
    name: 'FCM_MESSAGES_PER_MINUTE',
    parse: number(1, 999_999_999),
    meaning: 'What the Firebase project may send. Unset: 600000, the documented quota; the simulator has none.',
  },
  apnsKeyFile: {
    name: 'APNS_KEY_FILE',
    parse: readable,
    file: true,
    meaning: 'Key for Apple push, .p8. Unset: the simulator.',
  },
  apnsKeyId: { name: 'APNS_KEY_ID', parse: appleId, meaning: 'Id of that key.' },
  apnsTeamId: { name: 'APNS_TEAM_ID', parse: appleId, meaning: 'The team that the key belongs to.' },
  apnsTopic: { name: 'APNS_TOPIC', parse: matching(/^[\w.-]+$/, 'a bundle id'), meaning: 'Bundle id of the app.' },
  apnsProduction: { name: 'APNS_PRODUCTION', parse: flag, preset: 'true', meaning: 'false: Apple’s sandbox.' },
  apnsPerSecond: {
    name: 'APNS_MESSAGES_PER_SECOND',
    parse: number(1, 999_999_999),
    meaning: 'A limit of your own. Unset: none, Apple documents none.',
  },
  webpushPublicKey: {
    name: 'WEB_PUSH_PUBLIC_KEY',
    parse: matching(/^[\w-]{87}$/, '87 characters of base64url'),
    meaning:
      'VAPID public key, the `applicationServerKey` of the web app; `npx web-push generate-vapid-keys` makes a pair. Unset: the simulator.',
  },
  webpushPrivateKey: {
    name: 'WEB_PUSH_PRIVATE_KEY',
    parse: matching(/^[\w-]{43}$/, '43 characters of base64url'),
    secret: true,
    meaning: 'The private key of that pair.',
  },
  webpushSubject: {
    name: 'WEB_PUSH_SUBJECT',
    parse: matching(/^(mailto:|https:\/\/)\S+$/, 'a mailto: or https: URL'),
    meaning: 'Whom a push service may ask about what we send: a `mailto:` or `https:` URL.',
  },
  webpushHosts: {
    name: 'WEB_PUSH_HOSTS',
    parse: hostList,
    preset: 'fcm.googleapis.com,*.push.services.mozilla.com,*.notify.windows.com,web.push.apple.com',
    meaning:
      'Push services that we send to, with commas between. What a browser registers for any other host is not sent.',
  },
  sendgridKey: { name: 'SENDGRID_API_KEY', parse: text, secret: true, meaning: 'Unset: the simulator.' },
  sendgridFrom: { name: 'SENDGRID_FROM', parse: mailbox, meaning: 'Sender of e-mail.' },
  sendgridPerSecond: {
    name: 'SENDGRID_MAILS_PER_SECOND',
    parse: number(1, 999_999_999),
    meaning: 'A limit of your own, or what your plan allows. Unset: none, SendGrid publishes none.',
  },
  twilioSid: {
    name: 'TWILIO_ACCOUNT_SID',
    parse: matching(/^AC[0-9a-f]{32}$/, 'AC and 32 hexadecimal digits'),
    meaning: 'Unset: the simulator.',
  },
  twilioToken: { name: 'TWILIO_AUTH_TOKEN', parse: text, secret: true, meaning: 'Auth token of that account.' },
  sendgridWebhookKey: {
    name: 'SENDGRID_WEBHOOK_KEY',
    parse: webhookKeys,
    meaning:
      'Verification key of SendGrid’s event webhook, which posts to /webhooks/sendgrid; two with a comma while it is changed. Unset: what SendGrid reports is not listened to.',
  },
  twilioNextToken: {
    name: 'TWILIO_AUTH_TOKEN_SECONDARY',
    parse: text,
    secret: true,
    meaning: 'The secondary auth token, while tokens are changed: what Twilio reports is believed by either.',
  },
  twilioFrom: { name: 'TWILIO_FROM', parse: smsSender, meaning: 'Sender of SMS: a number or a messaging service.' },
  twilioSender: {
    name: 'TWILIO_SENDER_KIND',
    parse: oneOf(['long_code', 'short_code', 'other'] as const),
    meaning:
      'What that is: `long_code` takes 1 segment a second, `short_code` 100, `other` (a service of several numbers, a registered campaign, toll-free) what `TWILIO_SEGMENTS_PER_SECOND` says. Unset: `long_code` for a number, else `other`.',
  },
  smsPrices: {
    name: 'CARILLON_SMS_PRICES',
    parse: smsPrices,
    meaning:
      'What a segment costs by the beginning of the number, for `sms_cost_total`: `USD +1=0.01 +49=0.1`. The longest beginning counts. Unset: segments are counted, their cost is not known.',
  },
  twilioPerSecond: {
    name: 'TWILIO_SEGMENTS_PER_SECOND',
    parse: number(1, 999_999_999),
    meaning: 'What your registration allows. Unset: by the kind of sender; `other` and the simulator have no limit.',
  },
} as const satisfies Record<string, Variable<unknown>>

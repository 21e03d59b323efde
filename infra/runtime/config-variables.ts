import path from 'node:path'
import { channels, lanes, transports } from '#contracts/channel.ts'
import { volumeFloorPreset } from '#contracts/quarantine.ts'
import { logLevels } from './log-levels.ts'
import {
  allowList,
  appleId,
  files,
  flag,
  hostList,
  line,
  matching,
  number,
  oneOf,
  origins,
  postgres,
  readable,
  root,
  routesOf,
  sender,
  senders,
  smsPrices,
  smsSender,
  someOf,
  text,
  url,
  webhookKeys,
  type Parse,
} from './config-values.ts'

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
    meaning: 'The analytics API tells of no group of fewer notifications, or people.',
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
    meaning:
      'Folder of the embedded servers. Unset: one for this clone in the user’s data folder, of root in /var/lib/carillon.',
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
      'How the world reaches the API: links of mails lead there first, to /c/…, so that we hear of clicks, mails are unsubscribed from there, at /u/…, and lead to a person’s page there, at /preferences/…; Twilio is asked to report to /webhooks/twilio there, and its signatures are checked for that address and for /webhooks/twilio/inbound. Unset: links stay as they are, Twilio is not asked. With `SENDGRID_API_KEY` it must be set.',
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
    meaning: 'Lanes that a `router` or `worker` process serves; `npm start` and `all` serve every one.',
  },
  channels: {
    name: 'CARILLON_CHANNELS',
    parse: someOf(channels),
    preset: channels.join(','),
    meaning:
      'Channels that a `worker` process serves: what goes by another waits for a worker that does. `npm start` and `all` serve every one; `stop channel email` has none sent.',
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
  transport: {
    name: 'CARILLON_TRANSPORT',
    parse: oneOf(transports),
    preset: 'official',
    meaning:
      'How FCM, SendGrid and Twilio are called: `official`, by their own libraries; `direct`, by requests of our own, which cost less CPU and say the same.',
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
  sendgridFrom: {
    name: 'SENDGRID_FROM',
    parse: sender,
    meaning: 'Sender of e-mail: an address that SendGrid has verified, or `Name <address>`.',
  },
  sendgridPerSecond: {
    name: 'SENDGRID_MAILS_PER_SECOND',
    parse: number(1, 999_999_999),
    meaning: 'A limit of your own, or what your plan allows. Unset: none, SendGrid publishes none.',
  },
  mailReplyTo: {
    name: 'CARILLON_MAIL_REPLY_TO',
    parse: senders,
    meaning:
      'Where answers to mails go, by name: `default=Team <team@example.com>,support=help@example.com`. Templates choose a name; `default` counts where they do not. Unset: to the sender.',
  },
  mailBrand: {
    name: 'CARILLON_MAIL_BRAND',
    parse: line(60),
    meaning: 'Name at the head and foot of mails. Unset: Carillon.',
  },
  mailColour: {
    name: 'CARILLON_MAIL_COLOUR',
    parse: matching(/^#[0-9a-fA-F]{6}$/, 'a colour like #4338ca'),
    meaning: 'Colour of buttons and links in mails. Unset: #4338ca.',
  },
  mailPostal: {
    name: 'CARILLON_MAIL_POSTAL',
    parse: line(200),
    meaning: 'Postal address at the foot of mails, which CAN-SPAM asks for. Unset: none.',
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
  smsHelp: {
    name: 'CARILLON_SMS_HELP',
    parse: line(200),
    meaning:
      'What somebody who texts HELP is answered besides how to end texts: where people find help, `Help: example.com/help or +1 202 555 0100`. Unset: nothing besides.',
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

/**
 * A folder, what it may import, and the vendor packages it may use in the files that match. Nothing else is allowed.
 * An entry of `imports` is a row of this table, or one file of a row where only that one is for others.
 */
export type Layer = {
  folder: string
  imports: readonly string[] | 'everything'
  vendors: Readonly<Record<string, readonly string[]>> | 'everything'
}

const anyFile = ['**']
const stores = { kysely: ['**/*-store.ts'] }
/** The one file of `preferences` that stages may import. */
const preferencesFace = 'preferences/preferences.ts'

/** The allowed imports. Who needs more changes this table, with the reason beside the row. */
export const layers: readonly Layer[] = [
  // The shape of a schema that product teams bring (types only): the catalogue's own words.
  { folder: 'infra/contracts', imports: [], vendors: { '@standard-schema/spec': anyFile } },
  // Code for browsers that pages and components of several stages share.
  { folder: 'infra/browser', imports: ['infra/contracts'], vendors: { 'lit-html': ['icons.ts'] } },
  { folder: 'infra/db', imports: ['infra/contracts'], vendors: { kysely: anyFile } },
  {
    folder: 'infra/runtime',
    imports: ['infra/contracts', 'infra/db'],
    vendors: {
      pg: anyFile,
      kysely: anyFile,
      ioredis: anyFile,
      bullmq: anyFile,
      '@google-cloud/pubsub': anyFile,
      fastify: anyFile,
      pino: anyFile,
      'prom-client': anyFile,
      jose: ['user-tokens.ts'],
    },
  },
  { folder: 'infra/ledger', imports: ['infra/contracts', 'infra/db', 'infra/runtime'], vendors: { kysely: anyFile } },
  // What operators do, each act with its line in the log; the command line and the HTTP API call the same functions.
  { folder: 'infra/operators', imports: ['infra/contracts', 'infra/db', 'infra/runtime', 'infra/ledger'], vendors: {} },
  {
    folder: 'producers/sdk',
    imports: ['infra/contracts'],
    vendors: {
      '@google-cloud/pubsub': ['publisher.ts'],
      'intl-messageformat': ['icu.ts'],
      '@standard-schema/spec': anyFile,
    },
  },
  {
    folder: 'producers/outbox',
    // The SDK's checks and publisher: three ways to state an intent, one meaning.
    imports: ['infra/contracts', 'infra/runtime', 'infra/db', 'producers/sdk'],
    vendors: { kysely: anyFile },
  },
  {
    folder: 'producers/http',
    imports: ['infra/contracts', 'infra/runtime', 'infra/db', 'producers/sdk'],
    vendors: { kysely: anyFile },
  },
  { folder: 'producers/catalogue', imports: ['infra/contracts', 'producers/sdk'], vendors: { zod: anyFile } },
  {
    folder: 'producers/examples',
    imports: ['infra/contracts', 'producers/sdk', 'producers/catalogue'],
    vendors: { zod: anyFile, '@octokit/webhooks-examples': anyFile },
  },
  {
    folder: 'preferences',
    imports: ['infra/contracts', 'infra/browser', 'infra/runtime', 'infra/db'],
    // lit-html: for the page, code for browsers that is served with it.
    vendors: { ...stores, 'libphonenumber-js': ['phone.ts'], 'lit-html': ['page/*.ts'] },
  },
  {
    folder: 'router',
    imports: ['infra/contracts', 'infra/runtime', 'infra/db', 'infra/ledger', preferencesFace],
    vendors: stores,
  },
  {
    folder: 'channels',
    imports: ['infra/contracts', 'infra/browser', 'infra/runtime', 'infra/db', 'infra/ledger', preferencesFace],
    vendors: {
      ...stores,
      'firebase-admin': ['push/fcm*.ts'],
      apn: ['push/apns*.ts'],
      'web-push': ['push/web-push.ts'],
      '@sendgrid/mail': ['email/sendgrid.ts'],
      twilio: ['sms/twilio*.ts'],
      'lit-html': ['in-app/web/**'],
    },
  },
  {
    folder: 'analytics',
    imports: ['infra/contracts', 'infra/runtime', 'infra/db'],
    // COPY, by which the sink stores events, is in no other client.
    vendors: {
      ...stores,
      'pg-copy-streams': ['**/*-store.ts'],
      '@duckdb/node-api': ['export.ts'],
      'lit-html': ['dashboard/*.ts'],
      'd3-scale': ['dashboard/*.ts'],
      'd3-shape': ['dashboard/*.ts'],
    },
  },
  { folder: 'infra/architecture', imports: ['infra/db'], vendors: { 'oxc-parser': anyFile } },
  // Tests that compare the pages with the code, nothing else.
  { folder: 'infra/docs', imports: [], vendors: {} },
  { folder: 'infra/cli', imports: 'everything', vendors: 'everything' },
  { folder: 'infra/local', imports: 'everything', vendors: 'everything' },
  { folder: 'infra/tests', imports: 'everything', vendors: 'everything' },
  { folder: 'infra/deploy', imports: 'everything', vendors: 'everything' },
]

/** What every test may import besides: real servers, connections to them, and any package to look at the world with. */
export const testLayers: readonly string[] = ['infra/local', 'infra/runtime', 'infra/tests']

/** Where the environment may be read: the configuration, and what runs before or beside it. */
export const environmentReaders = ['infra/runtime/config.ts', 'infra/local/**', 'infra/tests/**', 'infra/cli/start.mjs']

/** Where the wall clock may be read by what ships; the SDK, and what browsers run, bring their own. */
export const clockReaders = [
  'infra/runtime/clock.ts',
  'producers/sdk/clock.ts',
  'channels/in-app/web/clock.ts',
  'preferences/page/**',
  'analytics/dashboard/**',
]
/** Not the pipeline: started by hand, on one machine. */
export const clockFree = [
  'infra/architecture/**',
  'infra/cli/**',
  'infra/local/**',
  'infra/tests/**',
  'infra/deploy/**',
]

export const limits = { fileLines: 400, functionLines: 70 }

/** Names that say nothing about what is inside. */
export const emptyWords = /^(utils?|helpers?|common|managers?|handlers?|base|services?|misc)$/
/** Alone they say nothing; as part of a name they may. */
export const emptyNames = /^(data|info|index)$/

/** Everything at the root that is not hidden. */
export const rootEntries = [
  'analytics',
  'channels',
  'infra',
  'preferences',
  'producers',
  'router',
  'node_modules',
  'LICENSE',
  'README.md',
  'package-lock.json',
  'package.json',
  'tsconfig.json',
]

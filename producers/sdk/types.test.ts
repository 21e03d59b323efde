import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'

const root = path.join(import.meta.dirname, '..', '..')
const good = `{ commentId: '1', author: 'ada', title: 't', excerpt: 'e', url: 'https://a.example' }`
const notify = (to: string, data: string, type = 'commentCreated') =>
  `void notifier.notify(${type}, { to: ${to}, data: ${data}, key: 'k' })`

const armed = (deliver: string, title: string, arms = `arms: { name: 'x', split: { a: 50, b: 50 } },`) =>
  `catalogueOf('1', [defineNotification({ type: 'a', category: 'c', lane: 'default', owner: 'o', value: 1, schema: commentCreated.schema, ${arms} deliver: ${deliver}, templates: { en: { push: (${title.includes('arm') ? '{ arm }' : ''}) => ({ title: ${title}, body: '' }) } } })])`

/** One entry of a catalogue, with `more` said of it. */
const entry = (more: string, value = '1') =>
  `void defineNotification({ type: 'a', category: 'c', lane: 'default', owner: 'o', value: ${value}, schema: commentCreated.schema, ${more} templates: { en: {} } })`

/** What must not compile, and the same said rightly. */
const mistakes = [
  { mistake: 'a type by its name', wrong: notify(`['u1']`, good, `'comment.created'`), right: notify(`['u1']`, good) },
  {
    mistake: 'data of another type',
    wrong: notify(`['u1']`, `{ team: 't', by: 'b', url: 'u' }`),
    right: notify(`['u1']`, good),
  },
  {
    mistake: 'a missing field',
    wrong: notify(`['u1']`, good.replace(`author: 'ada', `, '')),
    right: notify(`['u1']`, good),
  },
  {
    mistake: 'a field of the wrong kind',
    wrong: notify(`['u1']`, good.replace(`'ada'`, '7')),
    right: notify(`['u1']`, good),
  },
  {
    mistake: 'a misspelt field',
    wrong: notify(`['u1']`, good.replace('{', `{ autor: 'ada',`)),
    right: notify(`['u1']`, good),
  },
  { mistake: 'a recipient who is a number', wrong: notify(`[7]`, good), right: notify(`['7']`, good) },
  {
    mistake: 'a recipient by another name',
    wrong: notify(`[{ user: 'u1' }]`, good),
    right: notify(`[{ id: 'u1' }]`, good),
  },
  { mistake: 'one recipient, not a list', wrong: notify(`'u1'`, good), right: notify(`['u1']`, good) },
  {
    mistake: 'a recipient that is two things',
    wrong: notify(`[{ id: 'u1', audience: 'a' }]`, good),
    right: notify(`[{ id: 'u1', reason: 'a' }]`, good),
  },
  {
    mistake: 'a contact without an address',
    wrong: notify(`[{ contact: { mail: 'a@b.example' } }]`, good),
    right: notify(`[{ contact: { email: 'a@b.example' }, locale: 'de' }]`, good),
  },
  {
    mistake: 'no key',
    wrong: `void notifier.notify(commentCreated, { to: ['u1'], data: ${good} })`,
    right: notify(`['u1']`, good),
  },
  {
    mistake: 'a time as one says it',
    wrong: `void ask(commentCreated, { to: ['u1'], data: ${good}, key: 'k', expiresIn: '10 minutes' })`,
    right: `void ask(commentCreated, { to: ['u1'], data: ${good}, key: 'k', expiresIn: '10m' })`,
  },
  {
    mistake: 'a spread without its unit',
    wrong: `void ask(commentCreated, { to: ['u1'], data: ${good}, key: 'k', spreadOver: 600 })`,
    right: `void ask(commentCreated, { to: ['u1'], data: ${good}, key: 'k', spreadOver: '10m' })`,
  },
  {
    mistake: 'a dry run that is not said with true or false',
    wrong: `void ask(commentCreated, { to: ['u1'], data: ${good}, key: 'k', dryRun: 'yes' })`,
    right: `void ask(commentCreated, { to: ['u1'], data: ${good}, key: 'k', dryRun: true })`,
  },
  {
    mistake: 'a template that reads what the schema does not have',
    wrong: `void commentCreated.templates.en!.push!({ data: { text: '' }, locale: 'en'})`,
    right: `void commentCreated.templates.en!.push!({ data: ${good}, locale: 'en'})`,
  },
  {
    mistake: 'a step at once that waits for what cannot be yet',
    wrong: `void ({ channel: 'email', unless: 'seen' } satisfies Step)`,
    right: `void ({ channel: 'email', unless: 'seen', after: '10m' } satisfies Step)`,
  },
  {
    mistake: 'a room that is a number',
    wrong: `void ask(commentCreated, { to: ['u1'], data: ${good}, key: 'k', room: 7 })`,
    right: `void ask(commentCreated, { to: ['u1'], data: ${good}, key: 'k', room: 'general' })`,
  },
  {
    mistake: 'a spread as one says it',
    wrong: `void ask(commentCreated, { to: ['u1'], data: ${good}, key: 'k', spreadOver: 'ten minutes' })`,
    right: `void ask(commentCreated, { to: ['u1'], data: ${good}, key: 'k', spreadOver: '10m' })`,
  },
  {
    mistake: 'a step of a type that waits for what cannot be yet',
    wrong: entry(`deliver: [{ channel: 'push', unless: 'seen' }],`),
    right: entry(`deliver: [{ channel: 'push', unless: 'seen', after: '30s' }],`),
  },
  {
    mistake: 'a step that waits without a unit',
    wrong: entry(`deliver: [{ channel: 'push', after: 30 }],`),
    right: entry(`deliver: [{ channel: 'push', after: '30s' }],`),
  },
  {
    mistake: 'a step by a channel that there is not',
    wrong: entry(`deliver: [{ channel: 'fax' }],`),
    right: entry(`deliver: [{ channel: 'sms' }],`),
  },
  { mistake: 'a value that is not 1 to 5', wrong: entry(`deliver: [],`, '6'), right: entry(`deliver: [],`, '5') },
  {
    mistake: 'reads that cancel perhaps',
    wrong: entry(`deliver: [], readCancels: 'no',`),
    right: entry(`deliver: [], readCancels: false,`),
  },
  {
    mistake: 'a digest that has no end',
    wrong: entry(`deliver: [], digest: { by: 'thread' },`),
    right: entry(`deliver: [], digest: { by: 'thread', every: '10m' },`),
  },
  {
    mistake: 'a digest by what the schema does not have',
    wrong: entry(`deliver: [], digest: { by: data => data.team, every: '10m' },`),
    right: entry(`deliver: [], digest: { by: data => data.author, every: '10m', sendFirst: true },`),
  },
  {
    mistake: 'a digest on a day that there is not',
    wrong: entry(`deliver: [], digest: { at: '08:00', on: 'monday' },`),
    right: entry(`deliver: [], digest: { at: '08:00', on: 'mon', into: 'summary' },`),
  },
  {
    mistake: 'a pause as one says it',
    wrong: `void notifier.preferences.set('u1', { paused: '1 hour' })`,
    right: `void notifier.preferences.set('u1', { paused: '1h' })`,
  },
  {
    mistake: 'a level that there is not',
    wrong: `void notifier.preferences.set('u1', { levels: { room: { r1: { level: 'loud' } } } })`,
    right: `void notifier.preferences.set('u1', { levels: { room: { r1: { level: 'mentions', until: new Date() } } } })`,
  },
  {
    mistake: 'a time without its level',
    wrong: `void notifier.preferences.set('u1', { levels: { room: { r1: { everyone: false, until: new Date() } } } })`,
    right: `void notifier.preferences.set('u1', { levels: { room: { r1: { everyone: false, role: null } } } })`,
  },
  {
    mistake: 'quiet hours on a day that there is not',
    wrong: `void notifier.preferences.set('u1', { quiet: { days: ['saturday'], start: '22:00', end: '08:00' } })`,
    right: `void notifier.preferences.set('u1', { quiet: { days: ['sat'], start: '22:00', end: '08:00' } })`,
  },
  {
    mistake: 'a cadence that there is not',
    wrong: `void notifier.preferences.set('u1', { cadence: { social: 'yearly' } })`,
    right: `void notifier.preferences.set('u1', { cadence: { social: 'daily' }, quiet: 'none', zone: null })`,
  },
  {
    mistake: 'a lock that is neither on nor off',
    wrong: `void notifier.tenants.set('acme', { locks: { social: { push: 'off' } } })`,
    right: `void notifier.tenants.set('acme', { locks: { social: { push: false } }, defaults: { '*': { sms: false } } })`,
  },
  {
    mistake: 'a device whose provider is not named',
    wrong: `void notifier.endpoints.put('u1', 'phone', { channel: 'push', address: 'token' })`,
    right: `void notifier.endpoints.put('u1', 'phone', { channel: 'push', provider: 'fcm', address: 'token', app: 'main' })`,
  },
  {
    mistake: 'a device by a provider of texts',
    wrong: `void notifier.endpoints.put('u1', 'phone', { channel: 'push', provider: 'twilio', address: 'token' })`,
    right: `void notifier.endpoints.put('u1', 'phone', { channel: 'sms', provider: 'twilio', address: '+4930123456' })`,
  },
  {
    mistake: 'a device that somebody verified',
    wrong: `void notifier.endpoints.put('u1', 'p', { channel: 'push', provider: 'apns', address: 't', verifiedAt: 1 })`,
    right: `void notifier.endpoints.put('u1', 'm', { channel: 'email', address: 'a@b.test', verifiedAt: new Date() })`,
  },
  {
    mistake: 'an inbox as an endpoint of its own',
    wrong: `void notifier.endpoints.put('u1', 'i', { channel: 'in_app', address: '' })`,
    right: `void notifier.endpoints.remove('u1', 'i')`,
  },
  {
    mistake: 'a sign-out of nothing that is named',
    wrong: `void notifier.endpoints.signOut('u1', { everywhere: false })`,
    right: `void notifier.endpoints.signOut('u1', { everywhere: true }).then(({ signedOut }) => signedOut + 1)`,
  },
  {
    mistake: 'a suppressed device',
    wrong: `void notifier.suppressions.add({ channel: 'push', address: 'token' })`,
    right: `void notifier.suppressions.add({ channel: 'sms', address: '+4930123456', expiresAt: new Date() })`,
  },
  {
    mistake: 'a reason for a suppression that there is not',
    wrong: `void notifier.suppressions.add({ channel: 'email', address: 'a@b.test', reason: 'rude' })`,
    right: `void notifier.suppressions.add({ channel: 'email', address: 'a@b.test', reason: 'complaint' })`,
  },
  {
    mistake: 'a suppression that is lifted by a number',
    wrong: `void notifier.suppressions.lift({ channel: 'email', address: 'a@b.test', why: 3 })`,
    right: `void notifier.suppressions.lift({ channel: 'email', address: 'a@b.test', why: 'mended' })`,
  },
  {
    mistake: 'a fact that no step waits for',
    wrong: `void ({ channel: 'email', unless: 'liked', after: '10m' } satisfies Step)`,
    right: `void ({ channel: 'email', unless: 'acted', after: '10m' } satisfies Step)`,
  },
  {
    mistake: 'a device where something was only seen',
    wrong: `void notifier.seen({ user: 'u1', device: 'phone' })`,
    right: `void notifier.read({ user: 'u1', device: 'phone' })`,
  },
  {
    mistake: 'one intent and a thread at once',
    wrong: `void notifier.read({ user: 'u1', thread: 't1', intent: 'i' })`,
    right: `void notifier.read({ user: 'u1', thread: 't1', upTo: new Date() })`,
  },
  {
    mistake: 'a step for an arm that there is not',
    wrong: armed(`[{ channel: 'push' }, { channel: 'in_app', arm: 'c' }]`, `arm === 'b' ? 'B' : 'A'`),
    right: armed(`[{ channel: 'push' }, { channel: 'in_app', arm: 'b' }]`, `arm === 'b' ? 'B' : 'A'`),
  },
  {
    mistake: 'a template that asks for an arm that there is not',
    wrong: armed(`[{ channel: 'push' }]`, `arm === 'c' ? 'C' : 'A'`),
    right: armed(`[{ channel: 'push' }]`, `{ a: 'A', b: 'B' }[arm]`),
  },
  {
    mistake: 'a template that asks for the arm of a type without arms',
    wrong: armed(`[{ channel: 'push' }]`, `arm === 'b' ? 'B' : 'A'`, ''),
    right: armed(`[{ channel: 'push' }]`, `'A'`, ''),
  },
]

// With the directive over it, a line compiles only if it has an error; so the compiler itself proves both directions.
const program = (lines: readonly string[]) =>
  [
    `import { commentCreated } from '${root}/producers/catalogue/social.ts'`,
    `import { catalogueOf, type Step } from '${root}/infra/contracts/catalogue.ts'`,
    `import { defineNotification } from '${root}/producers/sdk/define-notification.ts'`,
    `import { ask } from '${root}/producers/sdk/ask.ts'`,
    `import type { Notifier } from '${root}/producers/sdk/notifier.ts'`,
    `declare const notifier: Notifier`,
    `void [ask, catalogueOf, commentCreated, defineNotification]`,
    ...lines.flatMap(line => ['// @ts-expect-error', line]),
  ].join('\n')

test('mistakes in a call do not compile, and the same without the mistake does', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'carillon-types-'))
  try {
    await writeFile(path.join(folder, 'wrong.mts'), program(mistakes.map(one => one.wrong)))
    await writeFile(path.join(folder, 'right.mts'), program(mistakes.map(one => one.right)))
    const output = await compile(folder)
    const found = output.match(/^.*error TS\d+/gm) ?? []
    // TS2578: unused '@ts-expect-error' directive.
    const unused = mistakes.map((_, at) => `right.mts(${8 + 2 * at},1): error TS2578`)
    assert.deepEqual(
      found.map(line => path.basename(line.replace(/^.*\//, ''))),
      unused,
      output,
    )
  } finally {
    await rm(folder, { recursive: true })
  }
})

async function compile(folder: string): Promise<string> {
  const config = {
    extends: path.join(root, 'tsconfig.json'),
    compilerOptions: { typeRoots: [path.join(root, 'node_modules/@types')] },
    include: [path.join(folder, '*.mts')],
  }
  await writeFile(path.join(folder, 'tsconfig.json'), JSON.stringify(config))
  const tsc = path.join(root, 'node_modules/typescript/bin/tsc')
  return new Promise(resolve => {
    execFile(
      process.execPath,
      [tsc, '-p', folder, '--pretty', 'false'],
      { timeout: 300_000 },
      (_error, stdout, stderr) => resolve(stdout + stderr),
    )
  })
}

import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { promises as fs } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { temporaryFolder } from '#tests/temporary-folder.ts'
import { type Variable, variables } from './config-variables.ts'
import { ConfigError, describeConfig, type Env, readConfig } from './config.ts'

const problemsOf = (env: Env): readonly string[] => {
  try {
    readConfig(env)
  } catch (error) {
    assert.ok(error instanceof ConfigError)
    return error.problems
  }
  return []
}

test('nothing set is the embedded stack', () => {
  const config = readConfig({})
  assert.equal(config.database.url, undefined)
  assert.equal(config.pubsub, undefined)
  assert.equal(config.apns, undefined)
  assert.equal(config.prefix, 'carillon')
  assert.deepEqual(config.lanes, ['critical', 'default', 'bulk'])
  assert.deepEqual([config.http.host, config.http.port], ['127.0.0.1', 0])
  assert.ok(path.isAbsolute(config.dataDir) && path.isAbsolute(config.catalogue))
})

test('each real service is taken where it is set', () => {
  const config = readConfig({
    DATABASE_URL: 'postgres://me:pw@db/carillon',
    REDIS_URL: 'rediss://cache:6380',
    PUBSUB_EMULATOR_HOST: '127.0.0.1:8085',
    CARILLON_PUBLIC_URL: 'https://bell.example/',
    CARILLON_LANES: 'critical',
    CARILLON_ALLOW: 'ada, tester-*',
    CARILLON_HTTP_PORT: '',
    TWILIO_ACCOUNT_SID: `AC${'0'.repeat(32)}`,
    TWILIO_AUTH_TOKEN: 'token',
    TWILIO_FROM: '+15005550006',
  })
  assert.equal(config.database.directUrl, 'postgres://me:pw@db/carillon')
  assert.equal(config.redisUrl, 'rediss://cache:6380')
  assert.deepEqual(config.pubsub, { projectId: 'carillon', emulator: '127.0.0.1:8085' })
  assert.equal(config.http.publicUrl, 'https://bell.example')
  assert.equal(config.http.port, 0, 'empty is unset')
  assert.deepEqual(config.lanes, ['critical'])
  assert.deepEqual(config.allow, ['ada', 'tester-*'])
  assert.equal(config.twilio?.from, '+15005550006')
})

test('all problems are told at once, secrets in none of them', () => {
  const problems = problemsOf({
    DATABASE_URL: 'mysql://me:canary-password@db',
    CARILLON_SECRET: 'canary-short',
    CARILLON_HTTP_PORT: '70000',
    CARILLON_LOG_LEVEL: 'loud',
    CARILLON_LANES: 'bulk,express',
    CARILLON_HTPP_PORT: '80',
    APNS_KEY_ID: 'ABCDEFGHIJ',
    FCM_SERVICE_ACCOUNT_FILE: '/does/not/exist.json',
  })
  const text = problems.join('\n')
  assert.equal(problems.length, 8, text)
  assert.match(text, /DATABASE_URL must be a URL that begins with postgres:\/\//)
  assert.match(text, /CARILLON_SECRET must be at least 32 characters/)
  assert.match(text, /CARILLON_HTTP_PORT "70000" must be a whole number from 0 to 65535/)
  assert.match(text, /CARILLON_LOG_LEVEL "loud" must be one of debug, info, warn, error/)
  assert.match(text, /CARILLON_LANES "bulk,express" must be one of critical, default, bulk/)
  assert.match(text, /CARILLON_HTPP_PORT is no variable/)
  assert.match(text, /APNS_KEY_FILE and APNS_TEAM_ID and APNS_TOPIC must be set as well as APNS_KEY_ID/)
  assert.match(text, /FCM_SERVICE_ACCOUNT_FILE "\/does\/not\/exist.json" must be a file/)
  assert.doesNotMatch(text, /canary/)
})

test('no mail goes to real mailboxes without a way to unsubscribe', () => {
  const mail = { SENDGRID_API_KEY: 'SG.x', SENDGRID_FROM: 'us@example.com' }
  assert.deepEqual(problemsOf(mail), ['CARILLON_PUBLIC_URL must be set as well as SENDGRID_API_KEY'])
  assert.ok(readConfig({ ...mail, CARILLON_PUBLIC_URL: 'https://bell.example' }).sendgrid)
})

test('another account of a provider has what is set for it, and the rest of the first', async () => {
  await using folder = await temporaryFolder()
  const file = path.join(folder.path, 'token')
  await fs.writeFile(file, 'token b\n')
  const twilio = {
    TWILIO_ACCOUNT_SID: `AC${'0'.repeat(32)}`,
    TWILIO_AUTH_TOKEN: 'token',
    TWILIO_FROM: '+15005550006',
    CARILLON_ROUTES_SMS: 'twilio:90, twilio_b:10,twilio_c:0',
  }
  const config = readConfig({ ...twilio, TWILIO_FROM_B: '+15005550007', TWILIO_AUTH_TOKEN_C_FILE: file })
  assert.deepEqual(config.routes, {
    sms: [
      { name: 'twilio', weight: 90 },
      { name: 'twilio_b', weight: 10 },
      { name: 'twilio_c', weight: 0 },
    ],
  })
  assert.deepEqual(
    config.accounts.map(({ name, twilio: account }) => [name, account?.authToken, account?.from]),
    [
      ['twilio_b', 'token', '+15005550007'],
      ['twilio_c', 'token b', '+15005550006'],
    ],
  )
  assert.deepEqual([...new Set(config.twilioTokens)], ['token', 'token b'], 'reports of each are believed')
  const reached = { CARILLON_PUBLIC_URL: 'https://bell.example' }
  const mails = { SENDGRID_FROM: 'us@mail.example', SENDGRID_API_KEY: 'SG.a', SENDGRID_API_KEY_EU: 'SG.b', ...reached }
  const [eu] = readConfig({ ...mails, CARILLON_ROUTES_EMAIL: 'sendgrid:1,sendgrid_eu:1' }).accounts
  assert.deepEqual(eu!.sendgrid, { apiKey: 'SG.b', from: 'us@mail.example' })
  assert.equal(readConfig(mails).routes, undefined)

  assert.match(problemsOf(twilio).join('\n'), /twilio_b would be the account of twilio again/)
  const { TWILIO_AUTH_TOKEN: _, TWILIO_FROM: __, ...half } = twilio
  assert.equal(problemsOf({ ...half, TWILIO_FROM_B: '+15005550007', TWILIO_FROM_C: 'x' }).length, 3)
  for (const routes of ['twilio', 'twilio:x', 'twilio:0', 'sendgrid:1', 'twilio:1,twilio:2', 'twilio_:1'])
    assert.match(problemsOf({ CARILLON_ROUTES_SMS: routes }).join(), /must be accounts and weights like/, routes)
})

test('senders of mails are addresses, with names that cannot become headers or other addresses', () => {
  const config = readConfig({
    CARILLON_MAIL_REPLY_TO: 'default=us@example.com, support=Acme Hilfe <help@example.com>',
    CARILLON_MAIL_BRAND: 'Acme & Söhne',
  })
  assert.deepEqual(config.mail.replyTo, { default: 'us@example.com', support: 'Acme Hilfe <help@example.com>' })
  for (const bad of [
    'us',
    'A\r\nBcc: x@example.com <us@example.com>',
    'A\u2028 <us@example.com>',
    '"A" <us@example.com>',
    'A <us@example.com',
    'A <us@example.com> x',
    'b@example.com <us@example.com>',
  ]) {
    assert.match(problemsOf({ SENDGRID_FROM: bad }).join(), /SENDGRID_FROM .*must be an e-mail address/s, bad)
    assert.equal(problemsOf({ CARILLON_MAIL_REPLY_TO: `support=${bad}` }).length, 1, bad)
  }
  for (const bad of [
    { CARILLON_MAIL_COLOUR: 'red' },
    { CARILLON_MAIL_POSTAL: 'a\nb' },
    { CARILLON_MAIL_REPLY_TO: 'x' },
  ])
    assert.equal(problemsOf(bad).length, 1)
})

test('a secret may come from a file, but not from two places', async () => {
  await using folder = await temporaryFolder()
  const file = path.join(folder.path, 'secret')
  const secret = 'a secret of more than 32 characters'
  await fs.writeFile(file, `${secret}\n`)
  assert.equal(readConfig({ CARILLON_SECRET_FILE: file }).secret, secret)
  assert.deepEqual(problemsOf({ CARILLON_SECRET_FILE: file, CARILLON_SECRET: secret }), [
    'CARILLON_SECRET and CARILLON_SECRET_FILE are both set: keep one',
  ])
  assert.match(problemsOf({ CARILLON_SECRET_FILE: path.join(folder.path, 'none') }).join(), /CARILLON_SECRET_FILE/)
  assert.match(problemsOf({ CARILLON_PREFIX_FILE: file }).join(), /CARILLON_PREFIX_FILE is no variable/)
})

test('a file of secrets that everybody may read is told of, not what it holds', async () => {
  await using folder = await temporaryFolder()
  const files = ['secret', 'account.json', 'key.p8'].map(name => path.join(folder.path, name)) as [
    string,
    string,
    string,
  ]
  const [secret, account, key] = files
  for (const file of files) await fs.writeFile(file, 'a canary of more than 32 characters', { mode: 0o600 })
  const env = {
    ...{ CARILLON_SECRET_FILE: secret, FCM_SERVICE_ACCOUNT_FILE: account, APNS_KEY_FILE: key, APNS_TOPIC: 'a.b' },
    ...{ APNS_KEY_ID: 'ABCDEFGHIJ', APNS_TEAM_ID: 'ABCDEFGHIJ' },
  }
  assert.deepEqual(readConfig(env).warnings, [])
  for (const file of files) await fs.chmod(file, 0o644)
  const { warnings } = readConfig(env)
  assert.deepEqual(
    warnings.map(warning => warning.split(' ')[0]),
    ['CARILLON_SECRET_FILE', 'FCM_SERVICE_ACCOUNT_FILE', 'APNS_KEY_FILE'],
  )
  assert.doesNotMatch(warnings.join(), /canary/)
})

test('no setting that holds a secret can be had without a file, and none is ever shown', () => {
  const secrets = ['CARILLON_SECRET', 'DATABASE_URL', 'REDIS_URL', 'SENDGRID_API_KEY', 'TWILIO_AUTH_TOKEN']
  for (const name of secrets) assert.match(describeConfig(), new RegExp(`\\| \`${name}\` or \`${name}_FILE\` `))
  for (const { name, secret, file } of Object.values(variables) as Variable<unknown>[])
    if (/SECRET|TOKEN|PASSWORD|API_KEY|_URL$/.test(name) && name !== 'CARILLON_PUBLIC_URL')
      assert.ok(secret ?? file, `${name} may come from a file`)
})

test('SendGrid’s key is changed with both of them', () => {
  const key = () =>
    generateKeyPairSync('ec', { namedCurve: 'P-256' })
      .publicKey.export({ type: 'spki', format: 'der' })
      .toString('base64')
  const both = [key(), key()]
  const { sendgridWebhookKeys } = readConfig({ SENDGRID_WEBHOOK_KEY: both.join(', ') })
  assert.deepEqual(
    sendgridWebhookKeys?.map(pem => pem.split('\n')[1]),
    both,
  )
  assert.throws(() => readConfig({ SENDGRID_WEBHOOK_KEY: `${both[0]},x` }), /SENDGRID_WEBHOOK_KEY/)
})

test('the table names every variable once', () => {
  const names = [...describeConfig().matchAll(/^\| `(\w+)`/gm)].map(match => match[1])
  assert.ok(names.includes('DATABASE_URL') && names.includes('TWILIO_FROM'))
  assert.equal(new Set(names).size, names.length)
})

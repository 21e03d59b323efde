import { createHash } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { providerOfRoute } from '#contracts/routes.ts'
import { type ValueOf, type Variable, variables } from './config-variables.ts'

export type Env = Readonly<Record<string, string | undefined>>
/** The settings of a process. What is undefined is not configured: its embedded part takes its place. */
export type Config = ReturnType<typeof configOf>

/** Every problem of the configuration at once; no value of a secret is in it. */
export class ConfigError extends Error {
  override name = 'ConfigError'
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(`the configuration cannot be used:\n${problems.map(problem => `  ${problem}`).join('\n')}`)
    this.problems = problems
  }
}

/** Reads the environment, the only place that does. Throws a `ConfigError` that lists every problem. */
export function readConfig(env: Env = process.env): Config {
  const problems = unknownNames(env)
  const entries = Object.entries(variables).map(([key, variable]) => [key, read(variable, env, problems)])
  const config = configOf(Object.fromEntries(entries) as Values, env, problems)
  if (problems.length > 0) throw new ConfigError([...new Set(problems)])
  return config
}

/** The table of all variables in Markdown, for documentation. */
export function describeConfig(): string {
  const rows = all.map(({ name, secret, preset, meaning }) => {
    const names = secret ? `\`${name}\` or \`${name}_FILE\`` : `\`${name}\``
    return `| ${names} | ${preset === undefined ? '' : `\`${preset}\``} | ${meaning} |`
  })
  return ['| variable | default | meaning |', '| --- | --- | --- |', ...rows].join('\n')
}

/** False where a person asked for no colours (https://no-color.org). */
export const coloursWanted = (env: Env = process.env): boolean => env.NO_COLOR === undefined

/** Tells Google's client libraries not to look for a metadata server: with the local Pub/Sub server there is none. */
export function avoidMetadataServer(): void {
  process.env.METADATA_SERVER_DETECTION ??= 'none'
}

type Values = { [K in keyof typeof variables]: ValueOf<(typeof variables)[K]> }
const all: readonly Variable<unknown>[] = Object.values(variables)

/** A mistyped name would be a setting that silently has no effect. What tests and embedded servers read is theirs. */
function unknownNames(env: Env): string[] {
  const known = new Set(all.flatMap(({ name, secret }) => (secret ? [name, `${name}_FILE`] : [name])))
  return Object.keys(env)
    .filter(name => name.startsWith('CARILLON_') && !/^CARILLON_(TEST_|LOCAL_|TRACES$)/.test(name) && !known.has(name))
    .map(name => `${name} is no variable of Carillon: is it mistyped?`)
}

function read(variable: Variable<unknown>, env: Env, problems: string[]): unknown {
  const { name, parse, preset, secret } = variable
  const value = textOf(variable, env, problems) ?? preset
  if (value === undefined) return undefined
  try {
    return parse(value)
  } catch (error) {
    problems.push(`${name}${secret ? '' : ` "${value}"`} must be ${(error as Error).message}`)
    return undefined
  }
}

/** The variable's text, or the content of the file it names; empty is unset. */
function textOf({ name, secret }: Variable<unknown>, env: Env, problems: string[]): string | undefined {
  const value = env[name] || undefined
  const file = (secret && env[`${name}_FILE`]) || undefined
  if (file === undefined) return value
  if (value !== undefined) problems.push(`${name} and ${name}_FILE are both set: keep one`)
  try {
    return readFileSync(file, 'utf8').trim() || undefined
  } catch {
    problems.push(`${name}_FILE "${file}" must be a file that this process may read`)
    return undefined
  }
}

function configOf(values: Values, env: Env, problems: string[]) {
  const { project, emulator, apnsProduction } = values
  const whole = wholeOf(values, problems)
  const apns = whole('apnsKeyFile', 'apnsKeyId', 'apnsTeamId', 'apnsTopic')
  const webpush = whole('webpushPublicKey', 'webpushPrivateKey', 'webpushSubject')
  const accounts = accountsOf(values, env, problems)
  const { routesSms: sms, routesEmail: email } = values
  const own = accountIn(values, problems)
  // Without it nobody could unsubscribe from what real mailboxes get.
  if ([own, ...accounts].some(one => one.sendgrid) && values.publicUrl === undefined)
    problems.push('CARILLON_PUBLIC_URL must be set as well as SENDGRID_API_KEY')
  return {
    database: {
      url: values.databaseUrl,
      directUrl: values.databaseDirectUrl ?? values.databaseUrl,
    },
    redisUrl: values.redisUrl,
    pubsub:
      project === undefined && emulator === undefined ? undefined : { projectId: project ?? 'carillon', emulator },
    prefix: values.prefix,
    catalogue: values.catalogue,
    allow: values.allow,
    approvalAbove: values.approvalAbove,
    groupMin: values.groupMin,
    volumeFloor: values.volumeFloor,
    dataDir: values.dataDir ?? dataDirOf(env),
    http: httpOf(values),
    secret: values.secret,
    userKeys: values.userKeys,
    origins: values.origins ?? [],
    lanes: values.lanes,
    channels: values.channels,
    workerConcurrency: values.workerConcurrency,
    logLevel: values.logLevel,
    fcm: values.fcmFile === undefined ? undefined : { serviceAccountFile: values.fcmFile },
    transport: values.transport,
    limits: { fcmPerMinute: values.fcmPerMinute, apnsPerSecond: values.apnsPerSecond },
    apns: apns && {
      keyFile: apns.apnsKeyFile,
      keyId: apns.apnsKeyId,
      teamId: apns.apnsTeamId,
      topic: apns.apnsTopic,
      production: apnsProduction,
    },
    webpush: webpush && {
      publicKey: webpush.webpushPublicKey,
      privateKey: webpush.webpushPrivateKey,
      subject: webpush.webpushSubject,
      hosts: values.webpushHosts,
    },
    ...own,
    mail: mailOf(values),
    /** Of channels that have several accounts, and the others of these by the names of their routes. */
    routes: sms || email ? { ...(sms && { sms }), ...(email && { email }) } : undefined,
    accounts,
    sendgridWebhookKeys: values.sendgridWebhookKey,
    /** What an operator should mend, in sentences. */
    warnings: exposedFiles(env, accounts),
    smsHelp: values.smsHelp,
    smsPrices: values.smsPrices,
    twilioTokens: [values, ...accounts].flatMap(({ twilioToken, twilioNextToken }) =>
      [twilioToken, twilioNextToken].filter(token => token !== undefined),
    ),
  }
}

const httpOf = ({ httpHost: host, httpPort: port, metricsPort, publicUrl, proxies }: Values) => ({
  ...{ host, port, metricsPort, publicUrl, proxies },
})

/** Files of secrets that everybody on the machine may read. Windows has other rights. */
function exposedFiles(env: Env, accounts: readonly { suffix: string }[]): string[] {
  if (process.platform === 'win32') return []
  const suffixes = ['', ...accounts.map(({ suffix }) => suffix)]
  const names = all.flatMap(({ name, secret, file }) =>
    secret ? suffixes.map(suffix => `${name}${suffix}_FILE`) : file ? [name] : [],
  )
  return names
    .filter(name => {
      const found = env[name] ? statSync(env[name], { throwIfNoEntry: false }) : undefined
      return found !== undefined && (found.mode & 0o004) !== 0
    })
    .map(name => `${name} names a file that every user of this machine may read: take that right away (chmod 600)`)
}

/** What all mails look like, and where answers to them go. */
const mailOf = ({ mailReplyTo, mailBrand, mailColour, mailPostal }: Values) => ({
  ...{ replyTo: mailReplyTo, brand: mailBrand, colour: mailColour, postal: mailPostal },
})

/** What an account of a provider is, whole or not at all. */
function accountIn(values: Values, problems: string[]) {
  const whole = wholeOf(values, problems)
  const sendgrid = whole('sendgridKey', 'sendgridFrom')
  const twilio = whole('twilioSid', 'twilioToken', 'twilioFrom')
  return {
    sendgrid: sendgrid && { apiKey: sendgrid.sendgridKey, from: sendgrid.sendgridFrom },
    sendgridPerSecond: values.sendgridPerSecond,
    twilio: twilio && { accountSid: twilio.twilioSid, authToken: twilio.twilioToken, from: twilio.twilioFrom },
    twilioPerSecond: values.twilioPerSecond,
    twilioSender: values.twilioSender,
  }
}

const accountKeys: Readonly<Record<string, readonly (keyof Values)[]>> = {
  sendgrid: ['sendgridKey', 'sendgridFrom', 'sendgridPerSecond'],
  twilio: ['twilioSid', 'twilioToken', 'twilioNextToken', 'twilioFrom', 'twilioSender', 'twilioPerSecond'],
}

/** The accounts that routes name beside the first: `twilio_b` has what is set with `_B` behind its name, else what the first has. */
function accountsOf(values: Values, env: Env, problems: string[]) {
  const named = [...(values.routesSms ?? []), ...(values.routesEmail ?? [])].filter(({ name }) => name.includes('_'))
  return named.map(({ name }) => {
    const provider = providerOfRoute(name)
    const suffix = name.slice(provider.length).toUpperCase()
    const told = problems.length
    const own = accountKeys[provider]!.flatMap(key => {
      const { preset: _, ...variable }: Variable<unknown> = variables[key]
      const value = read({ ...variable, name: variable.name + suffix }, env, problems)
      return value === undefined ? [] : [[key, value] as const]
    })
    const [first] = accountKeys[provider]!
    if (own.length === 0 && told === problems.length && values[first!] !== undefined)
      problems.push(
        `${name} would be the account of ${provider} again: set what it has of its own, with ${suffix} behind the name`,
      )
    const all: Values = { ...values, ...Object.fromEntries(own) }
    const { twilioToken, twilioNextToken } = all
    return { ...{ name, suffix, twilioToken, twilioNextToken }, ...accountIn(all, problems) }
  })
}

/** What only makes sense together: all of it, or undefined when nothing of it is set; anything between is a problem. */
function wholeOf(values: Values, problems: string[]) {
  return <K extends keyof Values>(...keys: K[]): { [P in K]: NonNullable<Values[P]> } | undefined => {
    const nameOf = (key: K) => variables[key].name
    const missing = keys.filter(key => values[key] === undefined)
    if (missing.length === keys.length) return undefined
    if (missing.length > 0) {
      const present = keys.filter(key => values[key] !== undefined)
      problems.push(`${missing.map(nameOf).join(' and ')} must be set as well as ${present.map(nameOf).join(' and ')}`)
    }
    return values as { [P in K]: NonNullable<Values[P]> }
  }
}

/** Servers that root starts run as somebody else, who cannot enter root's home. */
function dataDirOf(env: Env): string {
  const clone = path.resolve(import.meta.dirname, '..', '..')
  const own = `${path.basename(clone)}-${createHash('sha256').update(clone).digest('hex').slice(0, 8)}`
  return path.join(userDataFolder(env), 'carillon', own)
}

function userDataFolder(env: Env): string {
  if (process.getuid?.() === 0) return '/var/lib'
  if (env.XDG_DATA_HOME) return env.XDG_DATA_HOME
  if (process.platform === 'win32') return env.LOCALAPPDATA ?? path.join(os.homedir(), 'AppData', 'Local')
  if (process.platform === 'darwin') return path.join(os.homedir(), 'Library', 'Application Support')
  return path.join(os.homedir(), '.local', 'share')
}

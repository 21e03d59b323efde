import {
  type Channel,
  channels,
  isProvider,
  isVersion,
  type Platform,
  platforms,
  type Provider,
  providers,
} from '#contracts/channel.ts'
import { type EpochMs, isName } from '#contracts/ids.ts'
import type { QuietHours } from '#contracts/quiet-hours.ts'
import { isZone } from '#contracts/zone.ts'
import { providerOf, readAddress, serving } from './address.ts'
import { checkQuiet, noQuiet } from './quiet-windows.ts'

/** What a product says of a person. A field that is not given stays as it is; `endpoints` are all of them. */
export type Profile = {
  id: string
  tenant?: string
  /** BCP 47 language tag. */
  locale?: string
  /** IANA time zone. */
  zone?: string
  /** Null: nothing is said of them, and those of the tenant count. */
  quiet?: QuietHours | null
  endpoints?: readonly GivenEndpoint[]
}
export type GivenEndpoint = {
  /** The product's own name for the device or mailbox. Without it the id follows from the address. */
  id?: string
  channel: Channel
  provider: Provider
  address: string
  app?: string
  platform?: Platform
  version?: string
  /** When the product found out that the mailbox or number is the person's, and who says so: the producer. */
  verifiedAt?: EpochMs
  verifiedBy?: string
}

export type Problem = { pointer: string; detail: string }
export type Parsed<T> = { ok: true; value: T } | { ok: false; problems: Problem[] }

/** Ids of inline contacts begin so. */
export const contactPrefix = 'contact:'

const ofContacts = `ids that begin with ${contactPrefix} are made for inline contacts`

/** So many of a channel, and so many in a request: a person's row is read for every notification, so it is kept small. */
export const endpointsMax = 50

/** Reads what a product says of a person, all problems at once. No problem repeats an address. */
export function parseProfile(id: string, body: unknown): Parsed<Profile> {
  const problems: Problem[] = []
  const no: Refuse = (pointer, detail) => {
    problems.push({ pointer, detail })
    return undefined
  }
  if (!isName(id)) no('#', notAName)
  else if (id.startsWith(contactPrefix)) no('#', ofContacts)
  if (!isObject(body)) no('#', 'the body must be an object')
  if (problems.length > 0 || !isObject(body)) return { ok: false, problems }
  for (const field of Object.keys(body))
    if (field !== 'quiet' && !Object.hasOwn(fieldRules, field)) no(pointerTo(field), 'is not a field of a recipient')
  for (const [field, { holds, detail }] of Object.entries(fieldRules))
    if (body[field] !== undefined && !holds(body[field])) no(pointerTo(field), detail)
  if (body.quiet !== undefined && body.quiet !== null && body.quiet !== 'none')
    checkQuiet(body.quiet, (pointer, detail) => no(`#/quiet${pointer}`, detail))
  const endpoints = Array.isArray(body.endpoints) ? parseEndpoints(body.endpoints, no) : undefined
  if (problems.length > 0) return { ok: false, problems }
  const quiet = body.quiet === 'none' && { quiet: noQuiet }
  return { ok: true, value: { ...body, id, ...quiet, ...(endpoints && { endpoints }) } }
}

export const notAName = 'a name has 1 to 200 characters, none of them a quote, a backslash or a control character'

/** Notes a problem; gives nothing, in place of what was refused. */
type Refuse = (pointer: string, detail: string) => undefined

type FieldRule = { holds: (value: unknown) => boolean; detail: string }
/** What the fields of a person hold; a tenant's that have the same names hold the same. */
export const fieldRules = {
  tenant: { holds: isName, detail: 'tenant must be a name' },
  locale: { holds: isLocale, detail: 'locale must be a BCP 47 language tag, like de-AT' },
  zone: { holds: isZone, detail: 'zone must be an IANA time zone, like Europe/Berlin' },
  endpoints: {
    holds: value => Array.isArray(value) && value.length <= endpointsMax,
    detail: `endpoints must be a list of at most ${endpointsMax}`,
  },
} satisfies Record<string, FieldRule>

function parseEndpoints(list: readonly unknown[], no: Refuse): GivenEndpoint[] {
  const ids = new Set<string>()
  const addresses = new Set<string>()
  return list.slice(0, endpointsMax).flatMap((one, at) => {
    const pointer = `#/endpoints/${at}`
    const endpoint = parseEndpoint(one, (field, detail) => no(`${pointer}${field}`, detail))
    if (!endpoint) return []
    const { id, channel, address } = endpoint
    if (id !== undefined && !isFirst(ids, id)) no(`${pointer}/id`, 'id is given twice')
    if (!isFirst(addresses, `${channel} ${address.toLowerCase()}`)) no(`${pointer}/address`, 'is given twice')
    return [endpoint]
  })
}

const isFirst = (seen: Set<string>, key: string): boolean => seen.size < seen.add(key).size

/** Reads one endpoint that a product registers under a name of its own, all problems at once. */
export function parseNamedEndpoint(
  recipient: string,
  { named: id, body }: { named: string; body: unknown },
): Parsed<GivenEndpoint & { id: string }> {
  const problems: Problem[] = []
  const no: Refuse = (pointer, detail) => {
    problems.push({ pointer: `#${pointer}`, detail })
    return undefined
  }
  if (recipient.startsWith(contactPrefix)) no('', ofContacts)
  if (isObject(body) && body.id !== undefined && body.id !== id) no('/id', 'is another one than that in the path')
  const endpoint = parseEndpoint(isObject(body) ? { ...body, id } : body, no)
  return problems.length > 0 || !endpoint ? { ok: false, problems } : { ok: true, value: { ...endpoint, id } }
}

const endpointFields = ['id', 'channel', 'provider', 'address', 'app', 'platform', 'version', 'verifiedAt']

function parseEndpoint(value: unknown, no: Refuse): GivenEndpoint | undefined {
  if (!isObject(value)) return no('', 'an endpoint must be an object')
  const { id, channel, app } = value
  for (const field of Object.keys(value))
    if (!endpointFields.includes(field)) no(pointerTo(field).slice(1), 'is not a field of an endpoint')
  if (id !== undefined && (!isName(id) || id === 'inbox')) no('/id', 'must be a name other than inbox')
  if (app !== undefined && !isName(app)) no('/app', 'must be a name')
  if (!isChannel(channel) || channel === 'in_app')
    return no('/channel', 'must be push, sms or email (an inbox needs no endpoint)')
  const verified = verifiedIn(value, no)
  const runs = deviceIn(value, no)
  const provider = value.provider ?? providerOf(channel)
  if (typeof provider !== 'string' || !isProvider(provider) || providers[provider] !== channel)
    return no('/provider', `must be one that serves ${channel}: ${serving(channel).join(', ')}`)
  const { address, detail } = readAddress(provider, value.address)
  if (address === undefined) return no('/address', detail)
  const known = { ...(id !== undefined && { id: id as string }), ...(app !== undefined && { app: app as string }) }
  return { ...known, ...runs, channel, provider, address, ...verified }
}

/** What a device runs. */
function deviceIn({ channel, platform, version }: Record<string, unknown>, no: Refuse): Partial<GivenEndpoint> {
  if ((platform ?? version) !== undefined && channel !== 'push') no('/platform', 'and a version are of devices')
  if (platform !== undefined && !platforms.includes(platform as Platform))
    no('/platform', `must be one of ${platforms.join(', ')}`)
  if (version !== undefined && !isVersion(version)) no('/version', 'must be like 8.1.0, of at most 32 characters')
  return {
    ...(platform !== undefined && { platform: platform as Platform }),
    ...(version !== undefined && { version: version as string }),
  }
}

function verifiedIn({ channel, verifiedAt: said }: Record<string, unknown>, no: Refuse): { verifiedAt?: EpochMs } {
  if (said === undefined) return {}
  if (channel === 'push') no('/verifiedAt', 'is of numbers and mailboxes: a token is given by the app itself')
  const at = typeof said === 'string' && /^\d{4}-\d\d-\d\dT.*(Z|[+-]\d\d:\d\d)$/.test(said) ? Date.parse(said) : NaN
  if (Number.isNaN(at)) no('/verifiedAt', 'must be a time with its offset, like 2026-11-21T12:00:00Z')
  return { verifiedAt: at }
}

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
export const isChannel = (value: unknown): value is Channel => channels.includes(value as Channel)
/** The fragment that points to a member (RFC 6901). */
export const pointerTo = (...path: string[]): string =>
  path.reduce((pointer, name) => `${pointer}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`, '#')

function isLocale(value: unknown): boolean {
  try {
    return typeof value === 'string' && value.length <= 35 && Intl.getCanonicalLocales(value).length === 1
  } catch {
    return false
  }
}

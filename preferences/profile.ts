import { type Channel, channels, isProvider, type Provider, providers } from '#contracts/channel.ts'
import { isEmail, isPhone } from '#contracts/intent.ts'
import { isName } from '#contracts/ids.ts'
import type { Endpoint, QuietHours } from './preferences.ts'

/** What a product says of a person. A field that is not given stays as it is; `endpoints` replaces all of them. */
export type Profile = {
  tenant?: string
  locale?: string
  zone?: string
  quiet?: QuietHours | null
  endpoints?: Omit<Endpoint, 'state' | 'since'>[]
}

export type Parsed<T> = { ok: true; value: T } | { ok: false; problems: { pointer: string; detail: string }[] }

const endpointsMax = 50

/** Reads a profile from a request's body, all problems at once. No problem repeats an address. */
export function parseProfile(body: unknown): Parsed<Profile> {
  const problems: { pointer: string; detail: string }[] = []
  const no = (pointer: string, detail: string) => void problems.push({ pointer, detail })
  if (!isObject(body)) return { ok: false, problems: [{ pointer: '#', detail: 'the body must be an object' }] }
  for (const key of Object.keys(body)) if (!fields.includes(key)) no(`#/${key}`, `${key} is not a field of a recipient`)
  if (body.tenant !== undefined && !isName(body.tenant)) no('#/tenant', 'tenant must be a name')
  if (body.locale !== undefined && !isLocale(body.locale))
    no('#/locale', 'locale must be a BCP 47 language tag, like de-AT')
  if (body.zone !== undefined && !isZone(body.zone)) no('#/zone', 'zone must be an IANA time zone, like Europe/Berlin')
  if (body.quiet !== undefined && body.quiet !== null && !isQuiet(body.quiet))
    no('#/quiet', 'quiet must be null or {"start": "22:00", "end": "08:00"} with two different times')
  if (body.endpoints !== undefined) {
    if (!Array.isArray(body.endpoints) || body.endpoints.length > endpointsMax)
      no('#/endpoints', `endpoints must be a list of at most ${endpointsMax}`)
    else body.endpoints.forEach((endpoint, at) => checkEndpoint(endpoint, `#/endpoints/${at}`, no))
  }
  return problems.length > 0 ? { ok: false, problems } : { ok: true, value: body as Profile }
}

const fields = ['tenant', 'locale', 'zone', 'quiet', 'endpoints']

function checkEndpoint(value: unknown, at: string, no: (pointer: string, detail: string) => void): void {
  if (!isObject(value)) return no(at, 'an endpoint must be an object')
  const { id, channel, provider, address, app } = value
  if (!isName(id) || id === 'inbox') no(`${at}/id`, 'id must be a name other than inbox')
  if (!channels.includes(channel as Channel) || channel === 'in_app')
    return no(`${at}/channel`, 'channel must be push, sms or email')
  if (typeof provider !== 'string' || !isProvider(provider) || providers[provider] !== channel)
    return no(`${at}/provider`, `provider must be one that serves ${String(channel)}`)
  if (!addressRules[provider](address)) no(`${at}/address`, `address is not one that ${provider} takes`)
  if (app !== undefined && !isName(app)) no(`${at}/app`, 'app must be a name')
}

/** node-apn would silently drop what is no hex digit, so a token is checked here (Apple: device tokens vary in length). */
const addressRules: Record<Provider, (address: unknown) => boolean> = {
  fcm: address => typeof address === 'string' && /^[\w:.-]{1,4096}$/.test(address),
  apns: address => typeof address === 'string' && /^[0-9a-f]{64,200}$/.test(address),
  sendgrid: isEmail,
  twilio: isPhone,
  inbox: () => false,
}

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function isLocale(value: unknown): boolean {
  try {
    return typeof value === 'string' && value.length <= 35 && Intl.getCanonicalLocales(value).length === 1
  } catch {
    return false
  }
}

export function isZone(value: unknown): boolean {
  // A bare offset is no zone: it knows no summer time.
  if (typeof value !== 'string' || /^[+-]/.test(value)) return false
  try {
    Temporal.Instant.fromEpochMilliseconds(0).toZonedDateTimeISO(value)
    return true
  } catch {
    return false
  }
}

const isTime = (value: unknown): boolean => typeof value === 'string' && /^([01]\d|2[0-3]):[0-5]\d$/.test(value)
const isQuiet = (value: unknown): boolean =>
  isObject(value) &&
  isTime(value.start) &&
  isTime(value.end) &&
  value.start !== value.end &&
  Object.keys(value).length === 2

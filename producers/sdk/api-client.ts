import type { Channel, Platform, Provider } from '#contracts/channel.ts'
import type { When } from './ask.ts'
import type { QuietHours } from '#contracts/quiet-hours.ts'
import type { Retracted } from '#contracts/retraction.ts'
import { type EndpointsApi, endpointsClient } from './endpoints-client.ts'
import { NotStoredError, RefusedError, UnknownError } from './errors.ts'
import { type PreferencesApi, preferencesClient } from './preferences-client.ts'

/** What a product says of a person. Fields that are not given stay as they are. */
export type RecipientProfile = {
  tenant?: string
  /** BCP 47 language tag. */
  locale?: string
  /** IANA time zone. */
  zone?: string
  /** `none`: not even the tenant's. Null: nothing is said of them, and those of the tenant count. */
  quiet?: QuietHours | 'none' | null
  endpoints?: readonly {
    id: string
    channel: Channel
    provider: Provider
    address: string
    app?: string
    platform?: Platform
    version?: string
  }[]
}

export type Member = string | { id: string; reason?: string }
/** A team's own list of members: pages in order of id (by UTF-8 bytes), from behind `after` on; an empty page ends it. */
export type MembershipSource = (after: string | undefined) => Promise<readonly Member[]>

/**
 * Where an intent is. `unknown`: no router has seen it yet, or it was never stored. `retracted`, `superseded`: what was not
 * sent of it by then never will be, and none of it is on its way any more.
 */
export type IntentStatus = {
  intentId: string
  state: 'unknown' | 'parked' | 'refused' | 'accepted' | 'settled' | 'expired' | 'retracted' | 'superseded'
  /** Why it was refused or is parked. */
  reason?: string
  /** Deliveries and refusals by outcome. */
  outcomes: Record<string, number>
  /** Decisions that wait: scheduled, quiet hours. */
  held: number
  /** Deliveries under way. */
  open: number
  /** An audience is still being read. */
  expanding: boolean
}

/** What a person looked at: one intent, or all that occurred until then (default: now), of a thread or of all threads. */
export type Looked = { user: string } & (
  | { thread?: string; upTo?: When; intent?: never }
  | { intent: string; thread?: never; upTo?: never }
)

export type Api = PreferencesApi &
  EndpointsApi & {
    status(key: string): Promise<IntentStatus>
    /**
     * Takes an intent of this producer back, also before it has come: what was not sent yet will not be, and it leaves every
     * inbox. Says what was found; safe to repeat. A key that is not known yet stays retracted for 35 days.
     */
    retract(key: string): Promise<Retracted>
    recipients: { upsert(id: string, profile: RecipientProfile): Promise<void>; delete(id: string): Promise<void> }
    audiences: {
      add(audience: string, members: readonly Member[]): Promise<void>
      remove(audience: string, ids: readonly string[]): Promise<void>
      /** Afterwards the audience is exactly these. Safe to repeat; until it is done it is part old and part new. */
      replace(audience: string, members: readonly Member[] | MembershipSource): Promise<void>
    }
    /**
     * A person has read something, on whatever surface: it is not told any more, later steps that wait for it stop, and devices
     * that show it are told to take it off. `device`: the endpoint where it was read, which need not be told.
     */
    read(looked: Looked & { device?: string }): Promise<void>
    /** It stood on a screen: later steps that wait for it stop. */
    seen(looked: Looked): Promise<void>
    /** A person is active until an instant at most 24 hours ahead (null: no more). The last word counts. */
    presence(active: { user: string; activeUntil: When | null }): Promise<void>
    /**
     * A person did what types name as their success (`acted`): no later step follows. With a `key` it is the success of that
     * intent of this producer alone, else of everything that occurred before. Safe to repeat.
     */
    track(done: { user: string; event: string; key?: string }): Promise<void>
  }

/** `url`: where the API is served, with the path in front of `/v1` if there is one. */
export type ApiOptions = { url: string; token: string }

const deadlineMs = 10_000
/** Members in one request. */
const membersMax = 1000

/** Client of Carillon's HTTP API. Without `options` every call is refused with the reason. */
export function apiClient(options: ApiOptions | undefined): Api {
  const call = (method: string, path: string, body?: unknown): Promise<unknown> =>
    callApi(options, { method, path, body })
  return {
    ...preferencesClient(call, segment),
    ...endpointsClient(call, segment),
    status: async key => (await call('GET', `/v1/intents/${segment(key)}/status`)) as IntentStatus,
    retract: async key => (await call('POST', '/v1/intents/retract', { key })) as Retracted,
    recipients: {
      upsert: async (id, profile) => void (await call('PUT', `/v1/recipients/${segment(id)}`, profile)),
      delete: async id => void (await call('DELETE', `/v1/recipients/${segment(id)}`)),
    },
    audiences: {
      async add(audience, members) {
        for (const page of pagesOf(members.map(memberOf))) await call('POST', membersOf(audience), { members: page })
      },
      async remove(audience, ids) {
        for (const page of pagesOf(ids)) await call('POST', `${membersOf(audience)}/remove`, { ids: page })
      },
      async replace(audience, members) {
        const source = typeof members === 'function' ? members : sourceOf(members)
        // Each request replaces the members in the half-open range (after, until]: the last one has no end.
        for (let after: string | undefined; ;) {
          const page = (await source(after)).map(memberOf)
          const until = page.at(-1)?.id
          await call('PUT', membersOf(audience), { after: after ?? null, until: until ?? null, members: page })
          if (until === undefined) return
          after = until
        }
      },
    },
    read: async said => {
      const { device } = said
      await call('POST', `/v1/recipients/${segment(said.user)}/read`, { ...lookedAt(said), device })
    },
    seen: async said => void (await call('POST', `/v1/recipients/${segment(said.user)}/seen`, lookedAt(said))),
    presence: async ({ user, activeUntil }) => {
      const body = { activeUntil: activeUntil === null ? null : textOf(activeUntil) }
      await call('PUT', `/v1/recipients/${segment(user)}/presence`, body)
    },
    track: async done => void (await call('POST', '/v1/events', done)),
  }
}

const lookedAt = ({ intent, thread, upTo }: Looked) => ({
  ...{ intent, thread },
  ...(upTo !== undefined && { upTo: textOf(upTo) }),
})

/** RFC 3339 text. Rejects what is no instant. */
function textOf(when: When): string {
  if (typeof when === 'string') return when
  const date = new Date(when)
  if (Number.isNaN(date.getTime())) throw new RefusedError(['a time must be a Date, milliseconds, or RFC 3339 text'])
  return date.toISOString()
}

const membersOf = (audience: string) => `/v1/audiences/${segment(audience)}/members`

/** A name in a path. `.` and `..` lead elsewhere there, quoted or not (https://url.spec.whatwg.org/#double-dot-path-segment). */
function segment(name: string): string {
  if (name === '.' || name === '..') throw new RefusedError([`"${name}" cannot be named in the path of a request`])
  return encodeURIComponent(name)
}

type Call = { method: string; path: string; body: unknown }

async function callApi(options: ApiOptions | undefined, { method, path, body }: Call): Promise<unknown> {
  if (!options) throw new RefusedError([`${method} ${path} needs the HTTP API: give createNotifier api: {url, token}`])
  const request: RequestInit = {
    method,
    signal: AbortSignal.timeout(deadlineMs),
    redirect: 'error',
    headers: {
      authorization: `Bearer ${options.token}`,
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  }
  let response: Response
  let text: string
  try {
    response = await fetch(options.url.replace(/\/+$/, '') + path, request)
    text = await response.text()
  } catch (error) {
    throw new UnknownError(`${method} ${path} had no answer within ${deadlineMs} ms: repeat it`, { cause: error })
  }
  if (response.ok) return text === '' ? undefined : JSON.parse(text)
  if (response.status === 429 || response.status === 503)
    throw new NotStoredError(`${method} ${path} was not done (HTTP ${response.status}): try again later`)
  if (response.status >= 500) throw new UnknownError(`${method} ${path} failed with HTTP ${response.status}: repeat it`)
  throw new RefusedError(problemsOf(text, `${method} ${path} was refused with HTTP ${response.status}`))
}

/** The problems of an RFC 9457 answer. */
function problemsOf(text: string, otherwise: string): string[] {
  try {
    const { detail, errors } = JSON.parse(text) as { detail?: string; errors?: Problem[] }
    return errors && errors.length > 0 ? errors.map(said) : [detail ?? otherwise]
  } catch {
    return [otherwise]
  }
}

type Problem = { pointer?: string; detail: string }

/** A detail does not say where it is wrong; the pointer does. */
const said = ({ pointer = '#', detail }: Problem): string =>
  pointer === '#' ? detail : `${pointer.slice(2)}: ${detail}`

const memberOf = (member: Member): { id: string; reason?: string } =>
  typeof member === 'string' ? { id: member } : member

function* pagesOf<T>(items: readonly T[]): Iterable<T[]> {
  for (let at = 0; at < items.length; at += membersMax) yield items.slice(at, at + membersMax)
}

function sourceOf(members: readonly Member[]): MembershipSource {
  const sorted = members.map(memberOf).sort((a, b) => Buffer.compare(Buffer.from(a.id), Buffer.from(b.id)))
  // A request with the same member twice is refused; they stand side by side now, the one that was named first in front.
  const once = sorted.filter(({ id }, at) => id !== sorted[at - 1]?.id)
  let at = 0
  return () => Promise.resolve(once.slice(at, (at += membersMax)))
}

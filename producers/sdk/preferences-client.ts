import type { EpochMs } from '#contracts/ids.ts'
import type {
  HearingPatch,
  Preferences,
  PreferencesPatch,
  PreferencesQuery,
  TenantSettings,
} from '#contracts/preferences.ts'
import { RefusedError } from './errors.ts'

/** Milliseconds since 1970, or a Date: text is a length of time here, `1h`. */
type Instant = EpochMs | Date

export type PreferencesApi = {
  preferences: {
    /** What a person has said, what follows from it for each category and channel (or those that are asked for), and why. */
    get(user: string, asked?: PreferencesQuery): Promise<Preferences>
    /**
     * Changes what is given, takes back what is null, and leaves the rest; answers as `get` does. Counts from the next
     * decision on, and for what waits from its claim on. Rejects with every problem at once, and changes nothing then.
     */
    set(user: string, patch: PreferencesPatch<Instant>): Promise<Preferences>
  }
  tenants: {
    /** What a tenant has set; nothing for one that is not known. */
    get(tenant: string): Promise<TenantSettings>
    /** All that it sets from now on: what is not given is not set. */
    set(tenant: string, settings: TenantSettings): Promise<void>
  }
}

/** How a request is made: method, path below the API's, body. */
export type Call = (method: string, path: string, body?: unknown) => Promise<unknown>

/** The calls about preferences; `segment` quotes a name in a path. */
export function preferencesClient(call: Call, segment: (name: string) => string): PreferencesApi {
  const pathOf = (user: string) => `/v1/recipients/${segment(user)}/preferences`
  return {
    preferences: {
      get: async (user, asked = {}) => (await call('GET', `${pathOf(user)}${queryOf(asked)}`)) as Preferences,
      set: async (user, patch) => (await call('PATCH', pathOf(user), wireOf(patch))) as Preferences,
    },
    tenants: {
      get: async tenant => (await call('GET', `/v1/tenants/${segment(tenant)}`)) as TenantSettings,
      set: async (tenant, settings) => void (await call('PUT', `/v1/tenants/${segment(tenant)}`, settings)),
    },
  }
}

function queryOf(asked: PreferencesQuery): string {
  const given = Object.entries(asked).filter(([, value]) => value !== undefined)
  return given.length === 0 ? '' : `?${new URLSearchParams(given).toString()}`
}

/** Times as text, wherever a patch has one. */
function wireOf(patch: PreferencesPatch<Instant>): unknown {
  const { threads, paused, levels } = patch
  return {
    ...patch,
    ...(threads && { threads: mapped(threads, textOf) }),
    ...(paused !== undefined && { paused: textOf(paused) }),
    ...(levels && { levels: mapped(levels, names => names && mapped(names, hearingOf)) }),
  }
}

const mapped = <T>(record: Record<string, T>, change: (value: T) => unknown) =>
  Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(value)]))

const hearingOf = (said: HearingPatch<Instant> | null): unknown =>
  said?.until === undefined ? said : { ...said, until: textOf(said.until) }

/** RFC 3339 text of an instant; what is none stays. An invalid Date would become null, which takes back. */
function textOf(value: unknown): unknown {
  if (typeof value !== 'number' && !(value instanceof Date)) return value
  const date = new Date(value)
  if (Number.isNaN(date.getTime())) throw new RefusedError(['a time must be a Date or milliseconds since 1970'])
  return date.toISOString()
}

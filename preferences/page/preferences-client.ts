import type { Change, OwnPreferences, PreferencesPatch } from '#contracts/preferences.ts'

/** Where the API is, and who asks: a token of the person, or how to get a new one when the last has expired. */
export type Access = { api: string; token: string | (() => string | Promise<string>) }
export type Patch = PreferencesPatch<string>
/** What there is, and the tag by which a change says what it was made from. */
export type Loaded = { preferences: OwnPreferences; tag: string }
/** What went wrong: `changed`: something was changed meanwhile. `signedOut`: the token is not good (any more). */
export type Failure = { kind: 'changed' | 'signedOut' | 'gone' | 'busy' | 'refused' | 'offline'; detail?: string }
export type Answer<T> = { ok: true; value: T } | { ok: false; failure: Failure }

/** A person's preferences over the network. Nothing throws: what goes wrong is an answer. */
export function preferencesClient({ api, token }: Access) {
  let current: string | undefined
  const root = api.replace(/\/+$/, '')
  const ask = async <T>({ path, init = {}, read }: Asked<T>): Promise<Answer<T>> => {
    for (let tries = 0; ; tries++)
      try {
        current ??= typeof token === 'string' ? token : await token()
        const headers = { ...init.headers, authorization: `Bearer ${current}` }
        const response = await fetch(`${root}${path}`, { ...init, headers, signal: AbortSignal.timeout(limitMs) })
        // An answer that breaks off is none.
        if (response.ok) return { ok: true, value: await read(response) }
        if (response.status === 401 && typeof token !== 'string' && tries === 0) current = undefined
        else return { ok: false, failure: await failureOf(response) }
      } catch {
        return { ok: false, failure: { kind: 'offline' } }
      }
  }
  const loaded = (path: string, init?: Sent): Promise<Answer<Loaded>> => ask({ path, init, read: loadedFrom })
  return {
    load: () => loaded('/v1/me/preferences'),
    save: (patch: Patch, tag: string) =>
      loaded('/v1/me/preferences', {
        method: 'PATCH',
        headers: { 'content-type': 'application/merge-patch+json', 'if-match': tag },
        body: JSON.stringify(patch),
        keepalive: true,
      }),
    signOut: (device: string) =>
      loaded(`/v1/me/devices/${encodeURIComponent(device)}`, { method: 'DELETE', keepalive: true }),
    older: (before: string) =>
      ask({
        path: `/v1/me/history?before=${before}`,
        read: async response => (await response.json()) as OlderChanges,
      }),
  }
}

const loadedFrom = async (response: Response): Promise<Loaded> => ({
  preferences: (await response.json()) as OwnPreferences,
  tag: response.headers.get('etag') ?? '*',
})

export type OlderChanges = { changes: Change[]; more: boolean }
export type PreferencesClient = ReturnType<typeof preferencesClient>

type Asked<T> = { path: string; init?: Sent | undefined; read: (response: Response) => Promise<T> }
/** `keepalive`: it goes out even if the page is left meanwhile. */
type Sent = { method?: string; headers?: Record<string, string>; body?: string; keepalive?: true }

const limitMs = 15_000

async function failureOf(response: Response): Promise<Failure> {
  const problem = (await response.json().catch(() => ({}))) as { detail?: string; errors?: { detail: string }[] }
  const detail = problem.errors?.[0]?.detail ?? problem.detail
  const kinds: Record<number, Failure['kind']> = {
    401: 'signedOut',
    403: 'signedOut',
    410: 'gone',
    412: 'changed',
    429: 'busy',
  }
  const kind = kinds[response.status] ?? (response.status >= 500 ? 'offline' : 'refused')
  return { kind, ...(detail !== undefined && { detail }) }
}

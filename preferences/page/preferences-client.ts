import { type Access, callerOf, CarillonError, json } from '#browser/access.ts'
import type { Change, OwnPreferences, PreferencesPatch } from '#contracts/preferences.ts'

export type Patch = PreferencesPatch<string>
/** What there is, and the tag by which a change says what it was made from. */
export type Loaded = { preferences: OwnPreferences; tag: string }
/**
 * What went wrong: `changed`: something was changed meanwhile. `signedOut`: the token is not good (any more). `unsure`: to a
 * change no answer came, so it may be made or not.
 */
export type Failure = {
  kind: 'changed' | 'signedOut' | 'gone' | 'busy' | 'refused' | 'offline' | 'unsure'
  detail?: string
}
export type Answer<T> = { ok: true; value: T } | { ok: false; failure: Failure }

/** A person's preferences over the network. Nothing throws: what goes wrong is an answer. */
export function preferencesClient(access: Access) {
  const { call } = callerOf(access)
  const ask = async <T>({ path, init, read }: Asked<T>): Promise<Answer<T>> => {
    try {
      // An answer that breaks off is none.
      return { ok: true, value: await read(await call(path, { ...init, signal: AbortSignal.timeout(limitMs) })) }
    } catch (error) {
      const failure = failureOf(error)
      return { ok: false, failure: failure.kind === 'offline' && init?.method ? { kind: 'unsure' } : failure }
    }
  }
  const loaded = (path: string, init?: RequestInit): Promise<Answer<Loaded>> => ask({ path, init, read: loadedFrom })
  return {
    load: () => loaded('/v1/me/preferences'),
    save: (patch: Patch, tag: string) => loaded('/v1/me/preferences', json('PATCH', patch, { 'if-match': tag })),
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

type Asked<T> = { path: string; init?: RequestInit | undefined; read: (response: Response) => Promise<T> }

const limitMs = 15_000

/** Whatever threw besides was no answer either: a token that could not be fetched, time that was up. */
function failureOf(error: unknown): Failure {
  if (!(error instanceof CarillonError)) return { kind: 'offline' }
  const { kind, status = 0, problems } = error
  // Where it stands in the body tells a person nothing.
  const detail = problems[0]?.replace(/^#\S* /, '')
  return { kind: kinds[status] ?? (status >= 500 ? 'offline' : kind), ...(detail !== undefined && { detail }) }
}

const kinds: Readonly<Record<number, Failure['kind']>> = { 410: 'gone', 412: 'changed' }

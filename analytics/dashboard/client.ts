/** An answer of the API, or what went wrong, in words for the person in front of the page. */
export type Answer<T> = { ok: true; value: T } | { ok: false; signedOut: boolean; why: string }

const kept = 'carillon token'
const limitMs = 30_000

/** Takes the token that the fragment of the address gives and takes it off the address; whether there was one. */
export function takeToken(): boolean {
  const [, given] = /^#token=(.*)$/.exec(location.hash) ?? []
  if (given === undefined) return false
  history.replaceState(null, '', location.pathname + location.search)
  if (/^[\w.~-]+$/.test(given)) keepToken(given)
  else forgetToken()
  return true
}

/** Whether this window was given a token, now or before. */
export const hasToken = (): boolean => sessionStorage.getItem(kept) !== null
export const keepToken = (token: string): void => sessionStorage.setItem(kept, token)
export const forgetToken = (): void => sessionStorage.removeItem(kept)

/** Asks the API that served the page. Nothing throws. */
export async function ask<T>(path: string, signal?: AbortSignal): Promise<Answer<T>> {
  try {
    const response = await fetch(path, {
      headers: { authorization: `Bearer ${sessionStorage.getItem(kept) ?? ''}` },
      signal: AbortSignal.any([AbortSignal.timeout(limitMs), ...(signal ? [signal] : [])]),
    })
    if (response.ok) return { ok: true, value: (await response.json()) as T }
    const { status } = response
    const { detail = '', errors = [] } = (await response.json().catch(() => ({}))) as Problem
    const why = errors.length > 0 ? errors.map(error => error.detail).join('; ') : detail
    if (status === 401) return { ok: false, signedOut: true, why: 'This token is not good here.' }
    // Without a challenge the token is good, and was asked for too much.
    if (status === 403 && response.headers.has('www-authenticate'))
      return { ok: false, signedOut: true, why: why || 'This token may not look here.' }
    return { ok: false, signedOut: false, why: why || `The server answered ${status}.` }
  } catch {
    return { ok: false, signedOut: false, why: 'No answer from the server.' }
  }
}

type Problem = { detail?: string; errors?: { detail: string }[] }

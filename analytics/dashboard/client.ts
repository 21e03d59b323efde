import { labels } from './controls.ts'

/**
 * An answer of the API, or what went wrong, in words for the person in front of the page. `signedOut`: the token is not good (any more).
 * `never`: it makes no sense to ask that again. `later`: it may.
 */
export type Answer<T> = { ok: true; value: T } | ({ ok: false } & Wrong)
export type Wrong = { kind: 'signedOut' | 'never' | 'later'; why: string }

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
    return { ok: false, ...wrongOf(response, (await response.json().catch(() => ({}))) as Problem) }
  } catch (error) {
    const late = error instanceof DOMException && error.name === 'TimeoutError'
    const why = late ? `No answer in ${limitMs / 1_000} s.` : 'The server cannot be reached.'
    return { ok: false, kind: 'later', why: navigator.onLine ? why : 'This device is offline.' }
  }
}

type Problem = { detail?: string; errors?: { detail: string }[] }

function wrongOf({ status, headers }: Response, { detail = '', errors = [] }: Problem): Wrong {
  const why = sentenceOf(errors.length > 0 ? errors.map(error => error.detail).join('; ') : detail)
  if (status === 401) return { kind: 'signedOut', why: 'This token is not good here, or no longer.' }
  // Without a challenge the token is good, and was asked for too much.
  if (status === 403 && headers.has('www-authenticate'))
    return { kind: 'signedOut', why: why || 'This token may not look here.' }
  const kind = status === 429 || status >= 500 ? 'later' : 'never'
  return { kind, why: why || `The server answered ${status}.` }
}

/** What the API says of its fields, of those that people see on the page. */
function sentenceOf(detail: string): string {
  const text = detail.replaceAll(/querystring (\w+)/g, (_, word: string) => labels[word] ?? word)
  return text === '' ? '' : `${text[0]!.toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`
}

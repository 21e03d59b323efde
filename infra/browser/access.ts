/**
 * Where the API is (default: where this code comes from), and who asks: a token of the person that the product's back end
 * signed, or how to get one. It is asked again when the last has expired. `tenant`: the inbox of that one alone, where the
 * token is of none.
 */
export type Access = { api?: string; token: string | (() => string | Promise<string>); tenant?: string }

/**
 * What went wrong. `signedOut`: there is no token, or it is not good (any more). `refused`: the call makes no sense, `problems`
 * say why. `busy`: too much at once, or the server is in trouble. `offline`: nobody answers.
 */
export class CarillonError extends Error {
  override name = 'CarillonError'
  readonly kind: 'signedOut' | 'refused' | 'busy' | 'offline'
  readonly problems: readonly string[]
  /** Of the answer, if there was one. */
  readonly status: number | undefined

  constructor(
    kind: CarillonError['kind'],
    { problems = [], status }: Partial<Pick<CarillonError, 'problems' | 'status'>> = {},
  ) {
    super([kind, ...problems].join(': '))
    this.kind = kind
    this.problems = problems
    this.status = status
  }
}

export type Call = (path: string, init?: RequestInit) => Promise<Response>

/** Calls the API as the person. Gives answers that are good, throws a `CarillonError` for all others. */
export function callerOf({ api, token }: Access): { call: Call; renew: () => void } {
  let current: string | undefined
  const call: Call = async (path, init = {}) => {
    for (let again = false; ; again = true) {
      current ??= typeof token === 'function' ? await token() : token
      if (!current) throw new CarillonError('signedOut')
      const headers = new Headers(init.headers)
      headers.set('authorization', `Bearer ${current}`)
      const response = await answerOf(`${rootOf(api)}${path}`, { ...init, headers })
      if (response.ok) return response
      const error = await errorOf(response)
      // The last one expired: a new one is good.
      if (error.kind === 'signedOut') current = undefined
      if (error.kind !== 'signedOut' || again || typeof token !== 'function') throw error
    }
  }
  return { call, renew: () => void (current = undefined) }
}

/** The API's URL without a slash at its end: this code is served two folders below it. */
export const rootOf = (api?: string): string => (api ?? new URL('../..', import.meta.url).href).replace(/\/+$/, '')

/** An answer of whatever kind. */
async function answerOf(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, { ...init, credentials: 'omit', cache: 'no-store' })
  } catch (error) {
    if (init.signal?.aborted) throw error
    throw new CarillonError('offline')
  }
}

async function errorOf(response: Response): Promise<CarillonError> {
  const { status } = response
  const { detail, errors } = (await response.json().catch(() => ({}))) as {
    detail?: string
    errors?: { detail: string; pointer?: string }[]
  }
  const problems = errors?.map(one => `${one.pointer ?? ''} ${one.detail}`.trim()) ?? (detail ? [detail] : [])
  const said = { problems, status }
  if (status === 401 || status === 403) return new CarillonError('signedOut', said)
  return new CarillonError(status === 429 || status >= 500 ? 'busy' : 'refused', said)
}

/** A body of JSON. A change goes out even if the page is left meanwhile. */
export const json = (method: string, body: unknown, headers: Record<string, string> = {}): RequestInit => ({
  ...{ method, body: JSON.stringify(body), keepalive: true },
  headers: { ...headers, 'content-type': 'application/json' },
})

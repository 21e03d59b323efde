import type { EpochMs } from '#contracts/ids.ts'
import { bearerOf, insufficientScope, invalidToken } from './bearer.ts'
import type { FastifyInstance, FastifyRequest, onRequestAsyncHookHandler } from './http.ts'
import { createRequestLimit } from './request-limit.ts'
import { TokenError, type TokenRules, type User, type UserScope, userScopes, verifyUserToken } from './user-tokens.ts'

/** For people, not for attackers. */
const userRate = { perSecond: 2, burst: 60 }

/** Where everything lies that a person may do by a token of theirs; no path names a person. */
const userPath = '/v1/me'

/** How routes for people know who asks. */
export type Users = {
  /** Lets a request through whose token opens `scope`, or throws 401, 403 or 429. Before the body is read. */
  authorize(scope: UserScope): onRequestAsyncHookHandler
  /** Who asks, in a route that is authorized, and by what. */
  of(request: FastifyRequest): User & { through: 'person' | 'link' }
  /** When the token of such a request expires: what goes on for longer ends then. */
  until(request: FastifyRequest): EpochMs
}

export type UsersOptions = TokenRules & {
  /** Pages of these origins may call from a browser (`https://app.example`). */
  origins: readonly string[]
  /** Whom a link to a page speaks for, if it is one; it opens `preferences` alone. */
  linkUser?: (link: string, now: number) => User | undefined
}

/**
 * Serves people: routes under `/v1/me` that ask `authorize` first. A person has 60 requests at once and 2 a second in each
 * process (429 with Retry-After). Browsers may call from pages of the listed origins (https://fetch.spec.whatwg.org/#cors).
 */
export function serveUsers(app: FastifyInstance, options: UsersOptions): Users {
  allowOrigins(app, options.origins)
  const known = new WeakMap<FastifyRequest, Believed>()
  const believed = (request: FastifyRequest): Believed => {
    const found = known.get(request)
    if (!found) throw new Error('the route does not authorize its requests')
    return found
  }
  const limit = createRequestLimit(userRate, options.clock)
  return {
    authorize: scope => async request => {
      const found = await userOf(request, { options, scope })
      limit.take(found.user.recipient)
      known.set(request, found)
    },
    of: request => believed(request).user,
    until: request => believed(request).expiresAt,
  }
}

type Believed = { user: ReturnType<Users['of']>; expiresAt: EpochMs }
/** For so long a request by a link may go on. */
const linkTrustMs = 15 * 60_000

async function userOf(
  request: FastifyRequest,
  { options, scope }: { options: UsersOptions; scope: UserScope },
): Promise<Believed> {
  const token = bearerOf(request.headers.authorization, 'person')
  const now = options.clock.now()
  const linked = scope === 'preferences' ? options.linkUser?.(token, now) : undefined
  if (linked) return { user: { ...linked, through: 'link' }, expiresAt: now + linkTrustMs }
  const { scopes, user, expiresAt } = await verifyUserToken(token, options).catch((error: unknown) => {
    throw error instanceof TokenError ? invalidToken(error.message) : error
  })
  if (scopes.includes(scope)) return { user: { ...user, through: 'person' }, expiresAt }
  throw insufficientScope(scope, `the token lacks the scope ${scope} (there are ${userScopes.join(', ')})`)
}

const allowed = {
  'access-control-allow-methods': 'GET, POST, PUT, PATCH, DELETE',
  'access-control-allow-headers': 'authorization, content-type, if-match, last-event-id',
  'access-control-max-age': '600',
}

/** Credentials are tokens, not cookies, so only reading what is answered has to be allowed. */
function allowOrigins(app: FastifyInstance, origins: readonly string[]): void {
  app.addHook('onRequest', async (request, reply) => {
    const { origin } = request.headers
    if (!request.url.startsWith(`${userPath}/`)) return
    reply.header('vary', 'origin')
    if (origin !== undefined && origins.includes(origin))
      reply.headers({
        'access-control-allow-origin': origin,
        'access-control-expose-headers': 'etag, retry-after',
      })
  })
  app.options(`${userPath}/*`, async (request, reply) => {
    const { origin } = request.headers
    if (origin !== undefined && origins.includes(origin)) reply.headers(allowed)
    return reply.code(204).send()
  })
}

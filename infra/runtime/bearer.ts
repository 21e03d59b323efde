import { problem, type ProblemError } from './http-problem.ts'

/** The token of an Authorization header (RFC 6750, section 2.1). Throws the 401 of a request without; `whose`: a token of whom it lacks. */
export function bearerOf(authorization: string | undefined, whose: 'producer' | 'person'): string {
  const token = /^Bearer +(.+)$/i.exec(authorization ?? '')?.[1]
  if (token !== undefined) return token
  // Of who sent none nothing is said but what is wanted (section 3.1).
  throw unauthorized(`send the ${whose}’s token: Authorization: Bearer …`, '')
}

/** The 401 of a token that is not believed; `why` tells it to who sent it, without a word of the token. */
export const invalidToken = (why: string): ProblemError => unauthorized(why, ', error="invalid_token"')

/** The 403 of a token that is good, but not for this. */
export const insufficientScope = (scope: string, why: string): ProblemError =>
  problem(403, { detail: why, headers: challenge(`, error="insufficient_scope", scope="${scope}"`) })

const unauthorized = (detail: string, error: string) => problem(401, { detail, headers: challenge(error) })
const challenge = (error: string) => ({ 'www-authenticate': `Bearer realm="carillon"${error}` })

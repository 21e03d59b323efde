import { createPublicKey, type KeyObject } from 'node:crypto'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { errors, importJWK, jwtVerify, SignJWT } from 'jose'
import { type EpochMs, isName } from '#contracts/ids.ts'
import type { Clock } from './clock.ts'

/**
 * What a person's token opens. `inbox`: look at the own inbox and mark its items. `preferences`: see and change what one
 * prefers.
 */
export const userScopes = ['inbox', 'preferences'] as const
export type UserScope = (typeof userScopes)[number]

/** Whom a token speaks for. `tenant`: where the person is looking from; absent, the person's own counts. */
export type User = { recipient: string; tenant?: string }
/** A public key of the product's back end, P-256, and the name by which tokens call it (`kid`). */
export type UserKey = { kid: string; key: KeyObject }

/** No token lives longer. */
const userTokenLifeS = 15 * 60
/** How far the clocks of a product's back end may be from ours. */
const skewS = 30

/** Why a token is not believed, to be told to who sent it: no word of the token is in it. */
export class TokenError extends Error {
  override name = 'TokenError'
}

export type TokenRules = { keys: readonly UserKey[]; audience: string; clock: Clock }

/**
 * The person of a token, what it opens and until when. It is a JWT, signed by ES256 with a key that its `kid` names, with `aud`, `sub`
 * (the recipient id), `iat`, `exp` (at most 15 minutes later), `scope` (words with spaces between), and perhaps `tenant` and
 * `nbf` (RFC 7519). Throws a `TokenError` for every other.
 */
export async function verifyUserToken(
  token: string,
  rules: TokenRules,
): Promise<{ user: User; scopes: UserScope[]; expiresAt: EpochMs }> {
  const { keys, audience, clock } = rules
  const now = clock.now()
  const keyOf = ({ kid }: { kid?: string | undefined }) => {
    const found = keys.find(one => one.kid === kid)
    if (!found) throw new TokenError('the token is not signed by a key that is known here')
    return found.key
  }
  const { payload } = await jwtVerify(token, keyOf, {
    algorithms: ['ES256'],
    audience,
    currentDate: new Date(now),
    clockTolerance: skewS,
    requiredClaims: ['sub', 'iat', 'exp', 'scope'],
  }).catch((error: unknown) => {
    throw error instanceof TokenError ? error : new TokenError(reasonOf(error))
  })
  const { sub, iat, exp, scope, tenant } = payload
  if (exp! - iat! > userTokenLifeS || iat! > now / 1_000 + skewS)
    throw new TokenError(`the token must be valid for at most ${userTokenLifeS / 60} minutes from when it was issued`)
  if (!isName(sub) || (tenant !== undefined && !isName(tenant)) || typeof scope !== 'string')
    throw new TokenError('sub and tenant must be names, and scope a text')
  const scopes = userScopes.filter(one => scope.split(' ').includes(one))
  const user = { recipient: sub, ...(tenant !== undefined && { tenant }) }
  return { user, scopes, expiresAt: exp! * 1_000 }
}

function reasonOf(error: unknown): string {
  if (error instanceof errors.JWTExpired) return 'the token has expired'
  if (error instanceof errors.JWTClaimValidationFailed)
    return `the token’s ${error.claim} is missing or not as it must be`
  return 'the token is not one that is signed by ES256 with a key that is known here'
}

/** Makes a token, as a product's back end does: for tests, and for who tries Carillon on one machine. */
export function mintUserToken(
  { recipient, tenant }: User,
  to: { key: KeyObject; kid: string; audience: string; scopes: readonly UserScope[]; now: number; lifeS?: number },
): Promise<string> {
  const issued = Math.floor(to.now / 1_000)
  return new SignJWT({ scope: to.scopes.join(' '), ...(tenant !== undefined && { tenant }) })
    .setProtectedHeader({ alg: 'ES256', kid: to.kid })
    .setSubject(recipient)
    .setAudience(to.audience)
    .setIssuedAt(issued)
    .setExpirationTime(issued + (to.lifeS ?? userTokenLifeS))
    .sign(to.key)
}

/**
 * Public keys from files: a JWKS (RFC 7517), each key with its `kid`, or a PEM, whose key is called as its file without the
 * ending. Throws an error that names the file.
 */
export async function readUserKeys(files: readonly string[]): Promise<UserKey[]> {
  const keys = (await Promise.all(files.map(readKeys))).flat()
  const double = keys.find(({ kid }, at) => keys.findIndex(one => one.kid === kid) !== at)
  if (double) throw new Error(`two keys are called "${double.kid}"`)
  return keys
}

async function readKeys(file: string): Promise<UserKey[]> {
  const text = readFileSync(file, 'utf8')
  const found = text.trimStart().startsWith('{') ? await keysOfSet(text) : keyOfPem(text, path.parse(file).name)
  if (!found || found.length === 0)
    throw new Error(`${file} must hold public keys for ES256 (P-256): a JWKS whose keys have a kid, or one PEM`)
  return found
}

async function keysOfSet(text: string): Promise<UserKey[] | undefined> {
  try {
    const { keys } = JSON.parse(text) as { keys: { kid?: string; kty?: string; crv?: string; d?: string }[] }
    if (!keys.every(({ kid, kty, crv, d }) => kid && kty === 'EC' && crv === 'P-256' && d === undefined))
      return undefined
    for (const key of keys) await importJWK(key, 'ES256')
    return keys.map(key => ({ kid: key.kid!, key: createPublicKey({ key, format: 'jwk' }) }))
  } catch {
    return undefined
  }
}

function keyOfPem(text: string, kid: string): UserKey[] | undefined {
  // Of a private key Node would make the public one; but it has no business here.
  if (text.includes('PRIVATE KEY')) return undefined
  try {
    const key = createPublicKey(text)
    return key.asymmetricKeyDetails?.namedCurve === 'prime256v1' ? [{ kid, key }] : undefined
  } catch {
    return undefined
  }
}

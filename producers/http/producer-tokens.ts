import { createHash, randomBytes } from 'node:crypto'
import { isName } from '#contracts/ids.ts'
import { bearerOf, insufficientScope, invalidToken } from '#runtime/bearer.ts'
import type { Database } from '#runtime/postgres.ts'

/**
 * What a token opens. `intents`: state intents, and ask what became of the producer's own. `people`: read and change
 * everybody's recipients, preferences and audiences. `analytics`: funnels and what goes with them, of every producer. `trace`: what
 * happened to single people, each look under the name of the token's owner. `observe`: look at what operators have stopped and did. `operate`: act as an operator, under the name of the token's owner. `approve`: be
 * the second person where one is needed.
 */
export const scopes = ['intents', 'people', 'analytics', 'trace', 'observe', 'operate', 'approve'] as const
export type Scope = (typeof scopes)[number]

/** What a token of a tenant may open: there its answers are of that tenant alone. Everything else is of all. */
export const tenantScopes: readonly Scope[] = ['analytics', 'trace']

/** Who a token stands for, which types it may say, and of which tenant alone it is told. */
export type Producer = { producer: string; types: readonly string[]; tenant?: string | undefined }

/** Narrower than a name on the wire: it is written in paths (`trace PRODUCER/KEY`) and on command lines. */
const isProducer = (text: string): boolean => /^[A-Za-z0-9][\w.-]{0,199}$/.test(text)

/**
 * Why there can be no such token, in words: the producer or the tenant is not a name, or it opens nothing, may say no type, or is of a
 * tenant and opens what is of all. Undefined: there can. Pure.
 */
export function tokenProblem(token: Producer & { scopes: readonly Scope[] }): string | undefined {
  const { producer, types, scopes, tenant } = token
  if (!isProducer(producer))
    return 'a producer is named with 1 to 200 letters, digits and . _ -, the first a letter or digit'
  if (scopes.length === 0) return 'a token needs at least one scope'
  if (scopes.includes('intents') && types.length === 0) return 'a token needs at least one type that it may say'
  if (tenant === undefined) return undefined
  if (!isName(tenant)) return 'a tenant is a name of 1 to 200 characters'
  if (scopes.every(scope => tenantScopes.includes(scope))) return undefined
  return `a token of a tenant opens ${tenantScopes.join(' and ')} alone`
}

/**
 * Makes a token for a producer, with the scope `intents` unless told otherwise; only its hash is kept, so this is the one
 * time that it can be read. Throws where `tokenProblem` has one.
 */
export async function createProducerToken(
  db: Database,
  { producer, types, scopes = ['intents'], tenant }: Producer & { scopes?: readonly Scope[] },
): Promise<string> {
  const wrong = tokenProblem({ producer, types, scopes, tenant })
  if (wrong !== undefined) throw new Error(wrong)
  const token = `carillon_${randomBytes(32).toString('base64url')}`
  await db.kysely
    .insertInto('producer_tokens')
    .values({ token_hash: hashOf(token), producer, types: [...types], scopes: [...scopes], tenant: tenant ?? null })
    .execute()
  return token
}

/** From now on no token speaks for this producer. */
export async function revokeProducerTokens(db: Database, producer: string): Promise<void> {
  await db.kysely.deleteFrom('producer_tokens').where('producer', '=', producer).execute()
}

/**
 * The producer of an Authorization header. Throws the 401 of a missing token or of one that is not known, or the 403 where the
 * token lacks the scope (RFC 6750, section 3.1).
 */
export async function producerOf(
  db: Database,
  { authorization }: { authorization?: string | undefined },
  scope: Scope,
): Promise<Producer> {
  const token = bearerOf(authorization, 'producer')
  const found = await db.kysely
    .selectFrom('producer_tokens')
    .select(['producer', 'types', 'scopes', 'tenant'])
    .where('token_hash', '=', hashOf(token))
    .executeTakeFirst()
  if (!found)
    throw invalidToken('the token is not known here: it is mistyped, was revoked, or is of another installation')
  const { producer, types, scopes, tenant } = found
  if (!scopes.includes(scope))
    throw insufficientScope(scope, `the token of ${producer} lacks the scope ${scope}; it has ${scopes.join(', ')}`)
  return { producer, types, ...(tenant !== null && { tenant }) }
}

const hashOf = (token: string): string => createHash('sha256').update(token).digest('hex')

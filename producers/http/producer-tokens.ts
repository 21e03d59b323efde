import { createHash, randomBytes } from 'node:crypto'
import { isName } from '#contracts/ids.ts'
import { problem } from '#runtime/http.ts'
import type { Database } from '#runtime/postgres.ts'

/** Who a token stands for, and which types it may say. */
export type Producer = { producer: string; types: readonly string[] }

/**
 * Makes a token for a producer; only its hash is kept, so this is the one time that it can be read. Throws when the
 * producer is not a name or no type is allowed.
 */
export async function createProducerToken(db: Database, { producer, types }: Producer): Promise<string> {
  if (!isName(producer)) throw new Error('a producer is a name of 1 to 200 characters')
  if (types.length === 0) throw new Error('a token needs at least one type that it may say')
  const token = `carillon_${randomBytes(32).toString('base64url')}`
  await db.kysely
    .insertInto('producer_tokens')
    .values({ token_hash: hashOf(token), producer, types: [...types] })
    .execute()
  return token
}

/** From now on no token speaks for this producer. */
export async function revokeProducerTokens(db: Database, producer: string): Promise<void> {
  await db.kysely.deleteFrom('producer_tokens').where('producer', '=', producer).execute()
}

/** The producer of an Authorization header. Throws the 401 to answer: a missing token and a wrong one look the same. */
export async function producerOf(db: Database, authorization: string | undefined): Promise<Producer> {
  const token = /^Bearer +([\w.~+/-]+=*)$/i.exec(authorization ?? '')?.[1]
  const found =
    token &&
    (await db.kysely
      .selectFrom('producer_tokens')
      .select(['producer', 'types'])
      .where('token_hash', '=', hashOf(token))
      .executeTakeFirst())
  if (!found)
    throw problem(401, {
      detail: 'send the producer’s token: Authorization: Bearer …',
      headers: { 'www-authenticate': 'Bearer realm="carillon"' },
    })
  return found
}

const hashOf = (token: string): string => createHash('sha256').update(token).digest('hex')

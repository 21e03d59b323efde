import { createHmac, createPublicKey, randomBytes, verify } from 'node:crypto'
import type { LocalCredentials } from '#local/credentials.ts'
import type { Reply } from './exchange.ts'

const tokenUrl = 'https://oauth2.googleapis.com/token'
const jwtBearer = 'urn:ietf:params:oauth:grant-type:jwt-bearer'
const tokenSeconds = 3599
const clockSkewSeconds = 60
const messagingScopes = [
  'https://www.googleapis.com/auth/firebase.messaging',
  'https://www.googleapis.com/auth/cloud-platform',
]

/**
 * Google's token endpoint for service accounts (RFC 7523): a JWT signed by the account's key buys an access token for an
 * hour. Access tokens carry their end and a MAC over it, so they outlive a restart of the simulators, as Google's do.
 */
export function createTokens(account: LocalCredentials['fcm']) {
  const key = createPublicKey(account.publicKey)
  const macKey = account.publicKey
  const known = new Map<string, number>()

  const mac = (text: string) => createHmac('sha256', macKey).update(text).digest('base64url')

  return {
    /** Answers the form that a client posts. */
    issue(form: string): { answer: string; reply: Reply } {
      const fields = new URLSearchParams(form)
      const fault =
        fields.get('grant_type') === jwtBearer
          ? assertionFault({ assertion: fields.get('assertion') ?? '', key, issuer: account.clientEmail })
          : 'unsupported grant type'
      if (fault !== undefined)
        return { answer: 'invalidGrant', reply: json(400, { error: 'invalid_grant', error_description: fault }) }
      const text = `${nowSeconds() + tokenSeconds}.${randomBytes(9).toString('base64url')}`
      const access_token = `ya29.${text}.${mac(text)}`
      return { answer: 'accept', reply: json(200, { access_token, expires_in: tokenSeconds, token_type: 'Bearer' }) }
    },

    /** Whether an Authorization header carries a token of ours that has not ended. */
    allow(authorization: string | undefined): boolean {
      const token = authorization?.startsWith('Bearer ya29.') ? authorization.slice('Bearer ya29.'.length) : undefined
      if (token === undefined) return false
      const ends = known.get(token)
      if (ends !== undefined) return ends > nowSeconds()
      const cut = token.lastIndexOf('.')
      const text = token.slice(0, cut)
      if (mac(text) !== token.slice(cut + 1)) return false
      known.set(token, Number.parseInt(text, 10))
      return Number.parseInt(text, 10) > nowSeconds()
    },
  }
}

const nowSeconds = () => Math.floor(Date.now() / 1000)

type Assertion = { assertion: string; key: ReturnType<typeof createPublicKey>; issuer: string }

function assertionFault({ assertion, key, issuer }: Assertion): string | undefined {
  const [header = '', payload = '', signature = ''] = assertion.split('.')
  if (!verify('RSA-SHA256', Buffer.from(`${header}.${payload}`), key, Buffer.from(signature, 'base64url')))
    return 'Invalid JWT Signature.'
  const { alg } = decode(header)
  const { iss, aud, exp, iat, scope } = decode(payload)
  if (alg !== 'RS256') return 'Invalid JWT: alg must be RS256.'
  if (iss !== issuer) return 'Invalid grant: account not found'
  if (aud !== tokenUrl) return 'Invalid JWT: wrong audience.'
  const now = nowSeconds()
  if (
    typeof exp !== 'number' ||
    typeof iat !== 'number' ||
    exp < now ||
    iat > now + clockSkewSeconds ||
    exp > iat + 3600
  )
    return 'Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe.'
  const scopes = typeof scope === 'string' ? scope.split(' ') : []
  if (!messagingScopes.some(needed => scopes.includes(needed))) return 'Invalid OAuth scope.'
  return undefined
}

const decode = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString()) as Record<string, unknown>

const json = (status: number, body: object): Reply => ({
  status,
  headers: { 'content-type': 'application/json; charset=utf-8' },
  body: JSON.stringify(body),
})

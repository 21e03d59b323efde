import { createHmac, timingSafeEqual } from 'node:crypto'

/**
 * The query of a callback's address: `a` the attempt, `d` the delivery, `s` their signature, so that nobody can tell us
 * of an attempt that was not ours.
 */
export function signedAttempt({ attempt, delivery, secret }: SignedAttempt & { secret: string }): string {
  return new URLSearchParams({ a: attempt, d: delivery, s: signature({ attempt, delivery }, secret) }).toString()
}

export type SignedAttempt = { attempt: string; delivery: string }

/** What a callback's query names, or undefined when it is not one that was signed with `secret`. */
export function verifiedAttempt(query: URLSearchParams, secret: string): SignedAttempt | undefined {
  const named = { attempt: query.get('a') ?? '', delivery: query.get('d') ?? '' }
  const given = Buffer.from(query.get('s') ?? '')
  const wanted = Buffer.from(signature(named, secret))
  return given.length === wanted.length && timingSafeEqual(given, wanted) ? named : undefined
}

const signature = ({ attempt, delivery }: SignedAttempt, secret: string): string =>
  createHmac('sha256', secret).update(`attempt\0${attempt}\0${delivery}`).digest('base64url')

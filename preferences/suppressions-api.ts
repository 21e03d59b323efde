import { channels } from '#contracts/channel.ts'
import type { EpochMs } from '#contracts/ids.ts'
import type { FastifyInstance } from '#runtime/http.ts'
import { problem } from '#runtime/http-problem.ts'
import { providerOf, readAddress } from './address.ts'
import type { PreferencesApiOptions } from './api.ts'
import { fieldsOf, invalid } from './api-requests.ts'
import { isObject, type Parsed, type Problem } from './profile.ts'
import {
  addSuppressions,
  type GivenSuppression,
  liftSuppression,
  listSuppressions,
  suppressionReasons,
} from './suppression-acts.ts'

/**
 * `GET`, `PUT` and `DELETE /v1/suppressions`: addresses that must not be used. An address is said in the body alone, and none
 * is shown: the list has hashes, and the masked form of those that somebody has now.
 */
export function suppressionRoutes(app: FastifyInstance, { db, clock, addressKey }: PreferencesApiOptions): void {
  app.get('/v1/suppressions', async request => {
    const problems: Problem[] = []
    const { after, limit = '100' } = fieldsOf(request.query, ['after', 'limit'], problems)
    if (after !== undefined && typeof after !== 'string') problems.push({ pointer: '#/after', detail: 'is said twice' })
    if (typeof limit !== 'string' || !/^\d{1,4}$/.test(limit) || Number(limit) < 1 || Number(limit) > 1000)
      problems.push({ pointer: '#/limit', detail: 'must be a number from 1 to 1000' })
    if (problems.length > 0) throw invalid(problems)
    return listSuppressions({ db, addressKey }, { after: (after as string | undefined) ?? '', limit: Number(limit) })
  })
  app.put('/v1/suppressions', async (request, reply) => {
    const now = clock.now()
    const given = parseSuppression(request.body, now)
    if (!given.ok) throw invalid(given.problems)
    await addSuppressions({ db, addressKey }, [given.value], { now, source: 'api' })
    return reply.code(204).send()
  })
  app.delete('/v1/suppressions', async (request, reply) => {
    const given = parseLift(request.body)
    if (!given.ok) throw invalid(given.problems)
    const done = await liftSuppression({ db, addressKey }, given.value, { now: clock.now(), source: 'api' })
    if (done === 'not suppressed') throw problem(404, { detail: 'this address is not suppressed' })
    if (done === 'needs why') throw invalid([{ pointer: '#/why', detail: needsWhy }])
    return reply.code(204).send()
  })
}

export const needsWhy = 'say why: it was suppressed by what its owner or the provider said'

/** Reads an address that is to be suppressed, all problems at once. */
export function parseSuppression(body: unknown, now: EpochMs): Parsed<GivenSuppression> {
  const problems: Problem[] = []
  const address = parseAddress(body, ['reason', 'expiresAt'], problems)
  const { reason = 'manual', expiresAt } = isObject(body) ? body : {}
  if (!suppressionReasons.some(one => one === reason))
    problems.push({ pointer: '#/reason', detail: `must be one of ${suppressionReasons.join(', ')}` })
  const until = typeof expiresAt === 'string' && expiresAt.includes('T') ? Date.parse(expiresAt) : NaN
  if (expiresAt !== undefined && !(until > now))
    problems.push({ pointer: '#/expiresAt', detail: 'must be a time ahead, like 2026-12-24T00:00:00Z' })
  if (problems.length > 0 || !address) return { ok: false, problems }
  const kind = { reason: reason as GivenSuppression['reason'] }
  return { ok: true, value: { ...address, ...kind, ...(expiresAt !== undefined && { until }) } }
}

const whyMax = 500

/** Reads an address that may be used again, and why. */
export function parseLift(body: unknown): Parsed<Lift> {
  const problems: Problem[] = []
  const address = parseAddress(body, ['why'], problems)
  const { why } = isObject(body) ? body : {}
  const isWhy = typeof why === 'string' && why.trim() !== '' && why.length <= whyMax && !why.includes('\0')
  if (why !== undefined && !isWhy) problems.push({ pointer: '#/why', detail: `must be 1 to ${whyMax} characters` })
  if (problems.length > 0 || !address) return { ok: false, problems }
  return { ok: true, value: { ...address, ...(isWhy && { why }) } }
}
export type Lift = Pick<GivenSuppression, 'channel' | 'address'> & { why?: string }

function parseAddress(body: unknown, others: readonly string[], problems: Problem[]) {
  const { channel, address } = fieldsOf(body, ['channel', 'address', ...others], problems)
  const known = channels.find(one => one === channel)
  const provider = known === 'sms' || known === 'email' ? providerOf(known) : undefined
  if (known === undefined || provider === undefined) {
    problems.push({ pointer: '#/channel', detail: 'must be sms or email' })
    return undefined
  }
  const read = readAddress(provider, address)
  if (read.address !== undefined) return { channel: known, address: read.address }
  problems.push({ pointer: '#/address', detail: read.detail })
  return undefined
}

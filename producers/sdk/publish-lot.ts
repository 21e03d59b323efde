import { setTimeout as sleep } from 'node:timers/promises'
import { publishRefusals } from '#contracts/publish-refusals.ts'
import { NotStoredError, UnknownError } from './errors.ts'

/** One publish request. All its messages have one ordering key, as the API demands, or none. */
export type Request = {
  topic: string
  messages: { data: Buffer; attributes: Record<string, string>; orderingKey: string }[]
}
export type Connection = { publish(request: Request, timeoutMs: number): Promise<void>; close(): Promise<void> }

/** No request was made, because there was no connection to make it on. */
export class NoConnection extends Error {}

const backoffMinMs = 50
const backoffMaxMs = 1000

/**
 * Publishes until stored, refused, or out of time (`until`, of the monotonic clock). Gives nothing when all are stored, else
 * why they are not, worst case assumed.
 */
export async function publishLot(
  connection: Connection,
  { until, ...request }: Request & { until: number },
): Promise<NotStoredError | UnknownError | undefined> {
  let maybeStored = false
  let cause: unknown
  for (let backoffMs = backoffMinMs; ; backoffMs = Math.min(backoffMs * 2, backoffMaxMs)) {
    const leftMs = until - performance.now()
    if (leftMs <= 0) break
    try {
      await connection.publish(request, leftMs)
      return undefined
    } catch (error) {
      cause = error
      const failure = failureOf(error)
      maybeStored ||= failure === 'maybe stored'
      if (failure === 'refused') break
      await sleep(Math.min(backoffMs, Math.max(0, until - performance.now())))
    }
  }
  const { topic } = request
  const why = cause instanceof Error ? cause.message : 'no request could be made in time'
  return maybeStored
    ? new UnknownError(`publishing to ${topic} may have stored it or not: ${why}. Repeat it with the same key.`, {
        cause,
      })
    : new NotStoredError(`publishing to ${topic} did not store it: ${why}`, { cause })
}

const invalidArgument = 3

/**
 * True when Pub/Sub refused the message for what it is, too large for instance: it refuses the same again for ever. Other
 * refusals are about the topic or us.
 */
export const isMessageRefused = (error: unknown): boolean =>
  error instanceof NotStoredError && codeOf(error.cause) === invalidArgument

const deadlineExceeded = 4
const resourceExhausted = 8
const unavailable = 14
// How grpc-js says that a call ended before it was given to a connection; its codes alone do not tell.
const neverSent = /No connection established|Name resolution failed|ECONNREFUSED/
const waitedOnly = /waiting for (LB pick|name resolution|metadata filters)/i
const sentBefore = /previous attempts/

function failureOf(error: unknown): 'refused' | 'not stored' | 'maybe stored' {
  const code = codeOf(error)
  if (code !== undefined && publishRefusals.has(code)) return 'refused'
  if (error instanceof NoConnection || code === resourceExhausted) return 'not stored'
  const text = error instanceof Error ? error.message : String(error)
  if (sentBefore.test(text)) return 'maybe stored'
  if (code === unavailable && neverSent.test(text)) return 'not stored'
  if (code === deadlineExceeded && waitedOnly.test(text)) return 'not stored'
  return 'maybe stored'
}

const codeOf = (error: unknown): number | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'number' ? error.code : undefined

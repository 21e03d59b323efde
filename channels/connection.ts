import type { Answer } from '#contracts/outcome.ts'
import { notBegun } from './answer-table.ts'

/** Nothing was written, for want of a connection, or the server says that it has not looked at it. */
const unreached = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'REFUSED_STREAM',
  'ERR_HTTP2_INVALID_SESSION',
  'ERR_HTTP2_GOAWAY_SESSION',
])
const untrusted = /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ERR_TLS/

/**
 * What a failed call without a response means. What had no turn on a connection was not begun, and where none was made nothing was
 * sent; in every other case (reset, timeout, a response that cannot be read) nobody knows.
 */
export function connectionAnswer(error: unknown): Answer {
  const codes = codesOf(error)
  if (codes[0] === 'NOT_SENT') return notBegun
  if (codes.includes('deadline')) return { kind: 'doubt', reason: 'deadline' }
  const code = codes.find(code => unreached.has(code) || untrusted.test(code))
  if (code === undefined) return { kind: 'doubt', reason: 'no answer' }
  return unreached.has(code) ? { kind: 'retry', afterMs: 0, reason: code } : { kind: 'config', reason: code }
}

const depthMax = 5

/** Error codes of an error and its causes (`jse_cause`: those of VError). */
export function codesOf(error: unknown, depth = 0): string[] {
  if (typeof error !== 'object' || error === null || depth > depthMax) return []
  const { code, cause, jse_cause } = error as { code?: unknown; cause?: unknown; jse_cause?: unknown }
  return [...(typeof code === 'string' ? [code] : []), ...codesOf(jse_cause ?? cause, depth + 1)]
}

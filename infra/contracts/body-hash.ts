import { createHash } from 'node:crypto'
import type { Intent } from './intent.ts'

/**
 * Hash of what an intent says: type, recipients, data, options; never its time, ids or trace context.
 * A key that comes back with the same hash is a repeat, with another one a conflict. 63 bits, order of fields ignored.
 */
export function bodyHash(intent: Intent): bigint {
  const { type, to, data, lane, tenant, thread, actor, expiresAt, sendAt } = intent
  // Times that the producer derived from `occurredAt` move with every repeat: only their distance is what was said.
  const expiresIn = expiresAt === undefined ? undefined : expiresAt - intent.occurredAt
  const text = canonical({ type, to, data, lane, tenant, thread, actor, expiresIn, sendAt })
  return createHash('sha256').update(text).digest().readBigUInt64BE() >> 1n
}

/** JSON with sorted keys (RFC 8785 order for our values), without undefined members. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(item => canonical(item)).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  const object = value as Record<string, unknown>
  const members = Object.keys(object)
    .filter(key => object[key] !== undefined)
    .sort()
  return `{${members.map(key => `${JSON.stringify(key)}:${canonical(object[key])}`).join(',')}}`
}

import { hash } from 'node:crypto'
import type { Intent } from './intent.ts'

/**
 * Hash of what an intent says: type, recipients, data, options; never its time, ids or trace context.
 * A key that comes back with the same hash is a repeat, with another one a conflict. 63 bits, order of fields ignored.
 */
export function bodyHash(intent: Intent): bigint {
  const { type, to, data, lane, tenant, room, thread, actor, expiresAt, sendAt, spreadOverMs, supersedes, dryRun } =
    intent
  // Times that the producer derived from `occurredAt` move with every repeat: only their distance is what was said.
  const expiresIn = expiresAt === undefined ? undefined : expiresAt - intent.occurredAt
  const text = canonical({
    actor,
    data,
    dryRun: dryRun || undefined,
    expiresIn,
    lane,
    room,
    sendAt,
    spreadOverMs,
    supersedes,
    tenant,
    thread,
    to,
    type,
  })
  return BigInt(`0x${hash('sha256', text).slice(0, 16)}`) >> 1n
}

/** JSON with sorted keys (RFC 8785 order for our values), without undefined members. */
export function canonical(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  // Loops, not chains: every recipient of every intent comes through here.
  if (Array.isArray(value)) {
    let items = ''
    for (const item of value) items += `${items === '' ? '' : ','}${canonical(item)}`
    return `[${items}]`
  }
  const object = value as Record<string, unknown>
  let members = ''
  for (const key of sorted(Object.keys(object)))
    if (object[key] !== undefined)
      members += `${members === '' ? '' : ','}${JSON.stringify(key)}:${canonical(object[key])}`
  return `{${members}}`
}

/** Most objects are in order already, and looking is cheaper than sorting. */
function sorted(keys: string[]): string[] {
  for (let at = 1; at < keys.length; at++) if (keys[at - 1]! > keys[at]!) return keys.sort()
  return keys
}

import { createHmac } from 'node:crypto'
import type { AnyNotificationType, Catalogue } from './catalogue.ts'

/**
 * The catalogue of an installation that remembers the dedupe keys of sensitive types by hashes made with its secret: a key
 * may be short, like an address, and who reads the windows without the secret cannot find it by trying.
 */
export const withKeyedDedupe = (catalogue: Catalogue, secret: string): Catalogue => ({
  ...catalogue,
  types: new Map([...catalogue.types].map(([type, entry]) => [type, keyed(entry, secret)])),
})

/** The same for one entry. */
export function keyed<Entry extends AnyNotificationType>(entry: Entry, secret: string): Entry {
  const { dedupe } = entry
  if (!entry.sensitive || !dedupe) return entry
  const key: typeof dedupe.key = (data, intent) =>
    createHmac('sha256', secret)
      .update(`dedupe ${dedupe.key(data, intent)}`)
      .digest('base64url')
  return { ...entry, dedupe: { ...dedupe, key } }
}

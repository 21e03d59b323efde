const messageMax = 500
export const hidden = '[redacted]'

/**
 * Text without what looks like an address or a secret: mailboxes, numbers of seven and more digits, user parts and
 * queries of URLs, long tokens, quoted values (quoted identifiers stay, as in `relation "batches"`). UUIDs stay. A second line of defence:
 * what must not be told is not to be written in the first place.
 */
export function redacted(text: string): string {
  if (isHarmless(text)) return text
  return text
    .slice(0, messageMax)
    .replaceAll(/([a-z][a-z0-9+.-]*:\/\/)[^\s/@]*@/gi, '$1')
    .replaceAll(/([a-z][a-z0-9+.-]*:\/\/[^\s?#"')]*)[?#][^\s"')]*/gi, '$1')
    .replaceAll(/[^\s@<>"'(),:;]+@[^\s@<>"'(),:;]+/g, hidden)
    .replaceAll(/\+\d[\d ().-]{6,}\d/g, hidden)
    .replaceAll(/\b(bearer|basic|authorization:?)\s+\S+/gi, `$1 ${hidden}`)
    .replaceAll(/"(?![a-z_][a-z0-9_.-]*")[^"]*"/g, `"${hidden}"`)
    .replaceAll(/[\w.~:+/=%-]{7,}/g, word => (isUuidLike(word) || !isSecret(word) ? word : hidden))
}

const isHarmless = (text: string): boolean => text.length <= 6 || /^[a-z][a-z_ .-]{0,79}$/.test(text) || uuid.test(text)

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
/** A uuid, with the number of a slot or a job behind it or the word of a transition. */
const isUuidLike = (word: string): boolean => uuid.test(word.slice(0, 36)) && word.length <= 50

/** Long and mixed like a token, or a telephone number. */
function isSecret(word: string): boolean {
  if (/^\+?[\d ().-]{7,}$/.test(word) && word.replaceAll(/\D/g, '').length >= 7) return !/^\d{4}-\d\d-\d\d/.test(word)
  return word.length >= 20 && /\d/.test(word) && /[a-z]/i.test(word) && !word.includes('://') && !/^[./]/.test(word)
}

/**
 * True for what is no id, whatever the field is called: a mailbox, a number with its country code, a device token, prose.
 * Ids of any product pass, long numbers included.
 */
export const looksPrivate = (id: string): boolean =>
  id.length > 100 || id.includes('@') || /^\+\d{7,}/.test(id) || /[0-9a-f]{64}/i.test(id)

export type ErrorFields = {
  name: string
  code?: string | number
  message: string
  at?: string
  cause?: ErrorFields
}

/** What may be told of an error: name, code, redacted message, the first line of its stack, and the same of its cause. */
export function errorFields(error: unknown, depth = 0): ErrorFields {
  if (!(error instanceof Error))
    return { name: typeof error, message: typeof error === 'string' ? redacted(error) : '' }
  const code =
    'code' in error && (typeof error.code === 'string' || typeof error.code === 'number') ? error.code : undefined
  const at = /^\s+at (.+)$/m.exec(error.stack ?? '')?.[1]
  const cause = error.cause ?? (error instanceof AggregateError ? error.errors[0] : undefined)
  return {
    name: error.name,
    ...(code !== undefined && { code }),
    message: redacted(error.message),
    ...(at !== undefined && { at: at.replace(/file:\/\/\S*?\/(?=[^/]+\/[^/]+\/[^/]+$)/, '') }),
    ...(cause !== undefined && depth < 3 && { cause: errorFields(cause, depth + 1) }),
  }
}

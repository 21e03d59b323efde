/*
 * What operators may say in a body or a path, as JSON Schema. No text column holds U+0000.
 */

/** Why they act: some words. */
export const why = { type: 'string', minLength: 1, maxLength: 500, pattern: '^(?=[^]*\\S)[^\\u0000]*$' } as const

/** Of a type, a producer, or a message. */
export const name = { type: 'string', minLength: 1, maxLength: 200, pattern: '^[^\\u0000-\\u001f]*$' } as const

/** An id in whatever case; ours are in lower case. `version`: that of RFC 9562 alone. */
export const uuidOf = (version = '[0-9a-fA-F]') =>
  ({
    type: 'string',
    pattern: `^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-${version}[0-9a-fA-F]{3}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$`,
  }) as const

/*
 * What operators may say in a body or a path, as JSON Schema. No text column holds U+0000.
 */

/** Why they act: some words. */
export const why = { type: 'string', minLength: 1, maxLength: 500, pattern: '^(?=[^]*\\S)[^\\u0000]*$' } as const

/** Of a type, a producer, or a message. */
export const name = { type: 'string', minLength: 1, maxLength: 200, pattern: '^[^\\u0000-\\u001f]*$' } as const

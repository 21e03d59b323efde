/** Lines of each kind in a trace; who wants more asks for a recipient, or a shorter time. */
export const linesMax = 1_000

export type Listed<T> = { lines: T[]; more: boolean }

/** Of rows that were asked for up to one more than the limit those up to it, and whether there are more. Pure. */
export const listed = <T>(rows: readonly T[]): Listed<T> => ({
  lines: rows.slice(0, linesMax),
  more: rows.length > linesMax,
})
export const hasMore = (lists: readonly { more: boolean }[]): boolean => lists.some(({ more }) => more)

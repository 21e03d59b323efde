type Timed = { at: string | number }

/** What happened, with what was taken off screens for it: each removal comes after what had happened by then. */
export const withRemovals = <L extends Timed, R extends Timed>(trace: {
  lines: readonly L[]
  removals: readonly R[]
}): (L | R)[] =>
  trace.removals.reduce<(L | R)[]>(
    (all, removal) => all.toSpliced(all.findLastIndex(({ at }) => at <= removal.at) + 1, 0, removal),
    [...trace.lines],
  )

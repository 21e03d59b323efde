/** The place of the period between ascending edges that a time is in; -1 before them all. */
export function periodOf(edges: readonly number[], at: number): number {
  let [low, high] = [0, edges.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (edges[middle]! <= at) low = middle + 1
    else high = middle
  }
  return low - 1
}

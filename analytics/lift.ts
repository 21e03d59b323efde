/** Of so many people so many did it. */
export type Share = { people: number; converted: number }
/** A share, a difference of shares: with the interval that holds the truth 95 times of 100. */
export type Interval = { low: number; high: number }

/** The normal quantile of 95 %. */
const z = 1.959963984540054

/**
 * The score interval of a share (Wilson, JASA 22, 1927), which holds its 95 % in small groups and near 0 and 1, where the usual one does
 * not. Of nobody nothing is known: 0 to 1. Pure.
 */
export function wilson({ people: n, converted }: Share): Interval {
  if (n === 0) return { low: 0, high: 1 }
  const p = converted / n
  const middle = p + z ** 2 / (2 * n)
  const reach = z * Math.sqrt((p * (1 - p)) / n + z ** 2 / (4 * n ** 2))
  const below = 1 + z ** 2 / n
  return { low: Math.max(0, (middle - reach) / below), high: Math.min(1, (middle + reach) / below) }
}

/**
 * How much greater one share is than another, with the hybrid score interval (Newcombe, Statistics in Medicine 17, 1998, method 10):
 * made of the two Wilson intervals, so it is good wherever they are. `relative`: the difference as a part of the other; absent
 * where that is 0. Pure.
 */
export function difference(one: Share, other: Share): { difference: number; interval: Interval; relative?: number } {
  const [p1, p2] = [shareOf(one), shareOf(other)]
  const [w1, w2] = [wilson(one), wilson(other)]
  const interval = {
    low: p1 - p2 - Math.hypot(p1 - w1.low, w2.high - p2),
    high: p1 - p2 + Math.hypot(w1.high - p1, p2 - w2.low),
  }
  return { difference: p1 - p2, interval, ...(p2 > 0 && { relative: (p1 - p2) / p2 }) }
}

export const shareOf = ({ people, converted }: Share): number => (people === 0 ? 0 : converted / people)

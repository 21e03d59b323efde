/** Pseudo-random choices that come out the same for the same seed. */
export type Chances = {
  /** 0 ≤ x < 1. */
  next(): number
  happens(probability: number): boolean
  pick<T>(items: readonly T[]): T
  /** `n` different items, or all of them, in no order. */
  some<T>(items: readonly T[], n: number): T[]
}

/** mulberry32: 32 bits of state, good enough for made-up people (https://github.com/cprosche/mulberry32). */
export function chancesOf(seed: number | string): Chances {
  let state = typeof seed === 'number' ? seed : hash(seed)
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const pick = <T>(items: readonly T[]): T => {
    if (items.length === 0) throw new RangeError('there is nothing to pick from')
    return items[Math.floor(next() * items.length)]!
  }
  return {
    next,
    happens: probability => next() < probability,
    pick,
    some(items, n) {
      const left = [...items]
      const taken = []
      while (taken.length < n && left.length > 0) taken.push(...left.splice(Math.floor(next() * left.length), 1))
      return taken
    },
  }
}

/** FNV-1a, 32 bits (RFC 9923). */
function hash(text: string): number {
  let value = 0x811c9dc5
  for (let at = 0; at < text.length; at++) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193)
  return value
}

/** A first-in first-out queue; taking from it costs the same however long it is. */
export type Fifo<T> = { entries: (T | undefined)[]; head: number }

const compactFrom = 1_024

export function createFifo<T>(): Fifo<T> {
  return { entries: [], head: 0 }
}

export function shift<T>(fifo: Fifo<T>): T | undefined {
  if (fifo.head === fifo.entries.length) return undefined
  const entry = fifo.entries[fifo.head]
  fifo.entries[fifo.head] = undefined
  fifo.head += 1
  if (fifo.head === fifo.entries.length) {
    fifo.entries.length = 0
    fifo.head = 0
  } else if (fifo.head >= compactFrom && fifo.head * 2 > fifo.entries.length) {
    fifo.entries = fifo.entries.slice(fifo.head)
    fifo.head = 0
  }
  return entry
}

/**
 * What tells notifications apart: an intent (16 bytes) and a hash of its person (8), where they begin, and of which kind all
 * their events are. */
export type NotificationKey = { intent: number; person: number; kind: number }

export type Numbered = {
  /** From 0 on, in the order in which they come first. */
  numberOf(bytes: Buffer, key: NotificationKey): number
}

const keyWords = 7
const sizeFirst = 1 << 10
const slotsEach = 2

/** Numbers notifications. In arrays: a map of texts would take several times the time and memory. */
export function openNumbered(): Numbered {
  let keys = new Uint32Array(sizeFirst * keyWords)
  // One more than the number of a notification, from where the hash says on; 0 is empty.
  let slots = new Int32Array(sizeFirst * slotsEach)
  let size = 0
  /** Where the key at a place stands among the slots, or is to stand. */
  const slotOf = (at: number): number => {
    const mask = slots.length - 1
    // An intent and a hash are random already.
    let slot = (keys[at]! ^ Math.imul(keys[at + 4]!, 0x9e3779b1) ^ keys[at + 6]!) & mask
    while (slots[slot] !== 0 && !isSame((slots[slot]! - 1) * keyWords, at)) slot = (slot + 1) & mask
    return slot
  }
  const isSame = (one: number, other: number): boolean => {
    for (let word = 0; word < keyWords; word++) if (keys[one + word] !== keys[other + word]) return false
    return true
  }
  const grow = () => {
    const smaller = keys
    keys = new Uint32Array(smaller.length * 2)
    keys.set(smaller)
    slots = new Int32Array(slots.length * 2)
    for (let n = 0; n < size; n++) slots[slotOf(n * keyWords)] = n + 1
  }
  return {
    numberOf(bytes, { intent, person, kind }) {
      // Written where it stands if it is new.
      const at = size * keyWords
      for (let word = 0; word < 4; word++) keys[at + word] = bytes.readUInt32LE(intent + 4 * word)
      keys[at + 4] = bytes.readUInt32BE(person)
      keys[at + 5] = bytes.readUInt32BE(person + 4)
      keys[at + 6] = kind
      const slot = slotOf(at)
      if (slots[slot] !== 0) return slots[slot]! - 1
      slots[slot] = ++size
      if (size * keyWords === keys.length) grow()
      return size - 1
    },
  }
}

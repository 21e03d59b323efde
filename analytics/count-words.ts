/** There are fewer outcomes and rules; what is counted alike is told by a number that holds two of them. */
export const wordsMax = 1 << 10
/** Of what accepts: providers with platforms and versions. */
export const deliveriesMax = 1 << 22
/** Of arms and locales, and of the pairs of people. */
export const namesMax = 1 << 21
/** Words by number, so that counting compares and stores numbers. */
export type Words = { placeOf: (word: string) => number; at: (place: number) => string }

/** Throws when there are more words than may be: the numbers of several are put into one. */
export function dictionary(most: number): Words {
  const places = new Map<string, number>()
  const words: string[] = []
  return {
    placeOf(word) {
      const known = places.get(word)
      if (known !== undefined) return known
      if (words.length === most - 1) throw new Error(`there are more than ${most} different names to count by`)
      places.set(word, words.push(word) - 1)
      return words.length - 1
    },
    at: place => words[place]!,
  }
}

/** What one counting tells apart: outcomes and rules; what accepted; arms and locales. */
export type Dictionaries = { words: Words; deliveries: Words; names: Words }

export const dictionaries = (): Dictionaries => ({
  words: dictionary(wordsMax),
  deliveries: dictionary(deliveriesMax),
  names: dictionary(namesMax),
})

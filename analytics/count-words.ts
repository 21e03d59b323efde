/** There are fewer outcomes and rules; what is counted alike is told by a number that holds two of them. */
export const wordsMax = 1 << 10
/** Words by number, so that counting compares and stores numbers. */
export type Words = { placeOf: (word: string) => number; at: (place: number) => string }

export function dictionary(): Words {
  const places = new Map<string, number>()
  const words: string[] = []
  return {
    placeOf(word) {
      const known = places.get(word)
      if (known !== undefined) return known
      if (words.length === wordsMax - 1) throw new Error(`there are more than ${wordsMax} outcomes and rules`)
      places.set(word, words.push(word) - 1)
      return words.length - 1
    },
    at: place => words[place]!,
  }
}

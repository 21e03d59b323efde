import type { Prepared } from './count-prepared.ts'

/** Groups by number: those of a period and the facts of a notification. */
export type Groups = {
  /** Of each of the facts of a fold: its group in a period. */
  placesOf: (of: Prepared, period: number) => Int32Array
  at: (place: number) => readonly (string | null)[]
}

/** `withPeriod`: the first value of each group is then its period. */
export function openGroups({ withPeriod }: { withPeriod: boolean }): Groups {
  const places = new Map<string, number>()
  const groups: (string | null)[][] = []
  const placeOf = (values: (string | null)[]) => {
    const key = JSON.stringify(values)
    const place = places.get(key) ?? groups.push(values) - 1
    places.set(key, place)
    return place
  }
  return {
    placesOf: ({ groups: ofFacts }, period) =>
      Int32Array.from(ofFacts, values => placeOf([...(withPeriod ? [String(period)] : []), ...values])),
    at: place => groups[place]!,
  }
}

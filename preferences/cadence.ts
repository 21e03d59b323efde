import type { Person } from './preferences.ts'

/** How often a person wants to be told of a category: each by itself, or together. */
export const cadences = ['instant', 'hourly', 'daily', 'weekly'] as const
export type Cadence = (typeof cadences)[number]

/** How often the person wants to be told of a category; undefined: they said nothing, and the type decides. Pure. */
export const cadenceOf = ({ choices: { cadence } }: Person, category: string): Cadence | undefined =>
  cadence && Object.hasOwn(cadence, category) ? cadence[category] : undefined

export const isCadence = (value: unknown): value is Cadence => cadences.includes(value as Cadence)

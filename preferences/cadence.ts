import { type Cadence, cadences } from '#contracts/preferences.ts'
import type { Person } from './preferences.ts'

/** How often the person wants to be told of a category; undefined: they said nothing, and the type decides. Pure. */
export const cadenceOf = ({ choices: { cadence } }: Person, category: string): Cadence | undefined =>
  cadence && Object.hasOwn(cadence, category) ? cadence[category] : undefined

export const isCadence = (value: unknown): value is Cadence => cadences.includes(value as Cadence)

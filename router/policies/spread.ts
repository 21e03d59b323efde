import { draw } from '#contracts/arms.ts'
import type { EpochMs } from '#contracts/ids.ts'

/** From when on, and over how long, the people of an intent are told one after the other. */
export type Spread = { from: EpochMs; overMs: number }

/** What waits is kept in a row for each wave of a page of people: there are few, and none is too near the next. */
const wavesMax = 100
const waveMinMs = 15_000

/** When it is a person's turn: in one of at most 100 waves of equal length, always at the same place. Pure. */
export function turnOf({ from, overMs }: Spread, recipient: string): EpochMs {
  const waveMs = Math.max(waveMinMs, Math.ceil(overMs / wavesMax))
  const waves = Math.ceil(overMs / waveMs)
  return from + Math.floor(draw('spread', recipient) * waves) * waveMs
}

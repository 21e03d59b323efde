import type { AnyNotificationType } from '#contracts/catalogue.ts'
import { recipientsMaxPreset } from '#contracts/quarantine.ts'
import type { EpochMs } from '#contracts/ids.ts'

/** Recipients of one type and producer, as far as they are known. */
export type Volume = {
  /** Stated in the ten minutes that run, and in those before. */
  current: number
  before: number
  /** The 99th percentile of the ten minutes of the last 14 days in which anybody was told. 0: nobody was. */
  usual: number
  /** An operator lets everything pass until then. */
  passUntil?: EpochMs
}

/** More than so many times what is usual is a blast. */
const usualTimes = 10

/**
 * How many recipients may be told in ten minutes: what is unheard of, but never less than `floor` or one whole intent.
 * While nothing is known of what is usual, `floor` counts as usual.
 */
export const volumeLimit = (
  { usual }: Pick<Volume, 'usual'>,
  { entry, floor }: { entry: Pick<AnyNotificationType, 'maxRecipients'>; floor: number },
): number => Math.max(floor, entry.maxRecipients ?? recipientsMaxPreset, (usual || floor) * usualTimes)

/**
 * Whether `n` more recipients are too many, or those before were: what follows a blast waits with it, until a whole ten
 * minutes have stayed within the limit. Pure.
 */
export function isBlast(volume: Volume, { n, limit, at }: { n: number; limit: number; at: EpochMs }): boolean {
  if (volume.passUntil !== undefined && at < volume.passUntil) return false
  return volume.current + n > limit || volume.before > limit
}

import type { EpochMs } from '#contracts/ids.ts'

export const buckets = ['hour', 'day'] as const
export type Bucket = (typeof buckets)[number]

/** What a chart can show and a person can read. */
const periodsMax = 750

/**
 * The instants that cut a time into hours or into the days of a zone, from the one that `since` is in to the one that holds the
 * end: a day of a zone may have 23 or 25 hours, and an hour may begin at the half. Throws a sentence when there are too many.
 */
export function edgesOf({ since, until, bucket, zone }: Period): EpochMs[] {
  let at = startOf(Temporal.Instant.fromEpochMilliseconds(since).toZonedDateTimeISO(zone), bucket)
  const edges = [at.epochMilliseconds]
  while (at.epochMilliseconds < until) {
    // Added to the instant where hours are meant, to the calendar where days are.
    at = bucket === 'hour' ? at.add({ hours: 1 }) : at.add({ days: 1 }).startOfDay()
    edges.push(at.epochMilliseconds)
    if (edges.length > periodsMax + 1)
      throw new Error(`there are more than ${periodsMax} periods: ask for a shorter time, or by the day`)
  }
  return edges.length > 1 ? edges : [...edges, until + 1]
}

type Period = { since: EpochMs; until: EpochMs; bucket: Bucket; zone: string }

const startOf = (at: Temporal.ZonedDateTime, bucket: Bucket): Temporal.ZonedDateTime =>
  bucket === 'day' ? at.startOfDay() : at.round({ smallestUnit: 'hour', roundingMode: 'floor' })

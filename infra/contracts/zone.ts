/** Whether it is the name of a time zone in the tz database, like Europe/Berlin. */
export function isZone(value: unknown): boolean {
  // Of a time with an offset or a zone, or of a bare offset, Temporal takes a zone too; but it is not the name of one.
  if (typeof value !== 'string' || !/^[A-Za-z][\w+/-]*$/.test(value)) return false
  try {
    const { timeZoneId } = Temporal.Instant.fromEpochMilliseconds(0).toZonedDateTimeISO(value)
    return timeZoneId.toLowerCase() === value.toLowerCase()
  } catch {
    return false
  }
}

export const weekdays = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const
export type Weekday = (typeof weekdays)[number]

/**
 * Times on the person's wall, `22:00`. It begins on each of `days` (default: every day) and belongs to the day of its
 * start: an end that is not after the start is the next day's. `24:00` is the end of a day.
 */
export type QuietWindow = { days?: readonly Weekday[]; start: string; end: string }
/** When a person does not want to be disturbed: one window, or several, which may touch and overlap. No window: never. */
export type QuietHours = QuietWindow | { windows: readonly QuietWindow[] }

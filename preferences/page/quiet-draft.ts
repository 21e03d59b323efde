import type { QuietHours, QuietWindow, Weekday } from '#contracts/quiet-hours.ts'

/** Hours as they are being edited; what is wrong with one of them keeps all from being saved. */
export type QuietDraft = { days: Weekday[]; start: string; end: string }[]

export const week: readonly Weekday[] = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']
export const night = { days: [...week], start: '22:00', end: '08:00' }

/** What a person has set, to be edited. Pure. */
export function draftOf(quiet: QuietHours | 'none' | undefined): QuietDraft {
  if (quiet === undefined || quiet === 'none') return []
  return windowsOf(quiet).map(({ days = week, start, end }) => ({ days: [...days], start, end }))
}

export type Wrong = 'same' | 'noDay'
export function wrongIn({ days, start, end }: QuietDraft[number]): Wrong | undefined {
  if (days.length === 0) return 'noDay'
  return start === end || start === '' || end === '' ? 'same' : undefined
}

/** A draft as it is said to the API. Pure. */
export const windowsIn = (draft: QuietDraft): QuietHours => ({
  windows: draft.map(({ days, start, end }): QuietWindow => ({
    ...{ start, end },
    ...(days.length < week.length && { days: week.filter(day => days.includes(day)) }),
  })),
})

const windowsOf = (quiet: QuietHours): readonly QuietWindow[] => ('windows' in quiet ? quiet.windows : [quiet])

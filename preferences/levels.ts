import type { EpochMs } from '#contracts/ids.ts'
import { type Level, type Place, type Scope, scopes, type Switch, switches } from '#contracts/preferences.ts'

/**
 * What a person has said of one server, room or thread. A level that ends by itself (`until`) keeps in `after` the one
 * that counts for good. False switches mentions of everyone, or of a role, off.
 */
export type Hearing = { level?: Level; until?: EpochMs; after?: Level } & { [S in Switch]?: boolean }
export type Levels = { [S in Scope]?: Record<string, Hearing> }

/** What was said, and of what: `room general`. `until`: what was said then ends by itself. */
export type Found<T> = { said: T; where: string; until?: EpochMs }

/** The level that counts in a place: of the nearest scope that has one. Pure. */
export const levelIn = (said: Levels, place: Place, at: EpochMs): Found<Level> | undefined =>
  nearest(said, place, hearing => {
    const level = levelAt(hearing, at)
    if (level === undefined) return undefined
    return { said: level, ...(isPassing(hearing, at) && { until: hearing.until }) }
  })

/** Whether mentions of everyone or of a role count in a place: what the nearest scope says that has a word. Pure. */
export const switchIn = (said: Levels, place: Place, reason: Switch): Found<boolean> | undefined =>
  nearest(said, place, hearing => {
    const counts = hearing[reason]
    return counts === undefined ? undefined : { said: counts }
  })

export const isSwitch = (reason: string | undefined): reason is Switch => switches.includes(reason as Switch)

/** What `mentions` lets pass: what is addressed to the person alone, and what calls everyone or a role. */
export const isMention = (reason: string | undefined): boolean =>
  reason === 'mention' || reason === 'dm' || isSwitch(reason)

export const levelAt = (hearing: Hearing, at: EpochMs): Level | undefined =>
  hearing.until === undefined || isPassing(hearing, at) ? hearing.level : hearing.after

/** What was said ends by itself, later. */
const isPassing = ({ until }: Hearing, at: EpochMs): boolean => until !== undefined && at < until

type Word<T> = Omit<Found<T>, 'where'>

function nearest<T>(
  said: Levels,
  place: Place,
  wordOf: (hearing: Hearing) => Word<T> | undefined,
): Found<T> | undefined {
  for (const scope of scopes) {
    const name = place[scope]
    const known = said[scope]
    // A room may be named like a method that every object has.
    if (name === undefined || !known || !Object.hasOwn(known, name)) continue
    const word = wordOf(known[name]!)
    if (word) return { ...word, where: `${scope} ${name}` }
  }
  return undefined
}

import { type EpochMs, isName } from '#contracts/ids.ts'
import {
  type HearingPatch,
  type Level,
  levels,
  type PreferencesPatch,
  type Scope,
  scopes,
  switches,
} from '#contracts/preferences.ts'
import type { ConsentLine } from './consent-log.ts'
import type { Hearing, Levels } from './levels.ts'
import { instantOf, membersOf, type No } from './merge-patch.ts'
import { isObject } from './profile.ts'

type LevelsPatch = NonNullable<PreferencesPatch<EpochMs>['levels']>

/** A person's row is read for every notification, so it is kept small. */
const namesMax = 500

/** Reads the part of a merge patch that is about levels; notes every problem. */
export function parseLevels(value: unknown, no: No): LevelsPatch | null | undefined {
  if (value === undefined || value === null) return value
  const patch: LevelsPatch = {}
  for (const [scope, names] of membersOf(value, ['levels'], no)) {
    if (!isScope(scope)) no(['levels', scope], `is none of ${scopes.join(', ')}`)
    else if (names === null) patch[scope] = null
    else {
      const given = membersOf(names, ['levels', scope], no)
      patch[scope] = Object.fromEntries(given.map(([name, said]) => [name, parseHearing([scope, name], said, no)]))
    }
  }
  return patch
}

const isScope = (text: string): text is Scope => scopes.includes(text as Scope)

function parseHearing([scope, name]: [Scope, string], said: unknown, no: No): HearingPatch<EpochMs> | null {
  const wrong = (field: string, detail: string) => no(['levels', scope, name, ...(field ? [field] : [])], detail)
  if (!isName(name)) wrong('', 'must be a name')
  if (said === null) return null
  if (!isObject(said)) {
    wrong('', 'must be an object or null')
    return null
  }
  for (const field of Object.keys(said))
    if (!['level', 'until', ...switches].includes(field)) wrong(field, 'is none of level, until, everyone, role')
  const { level, until } = said
  if (level !== undefined && level !== null && !levels.includes(level as Level))
    wrong('level', `must be one of ${levels.join(', ')}, or null`)
  const end = typeof until === 'string' ? instantOf(until) : undefined
  if (until !== undefined && end === undefined) wrong('until', 'must be a time like 2026-11-21T08:00:00Z')
  else if (until !== undefined && typeof level !== 'string') wrong('until', 'goes with a level')
  for (const field of switches)
    if (said[field] !== undefined && said[field] !== null && typeof said[field] !== 'boolean')
      wrong(field, 'must be true, false or null')
  const { until: _, ...rest } = said
  return { ...rest, ...(end !== undefined && { until: end }) } as HearingPatch<EpochMs>
}

/** The levels after a patch, and a line for everything that changed by it. What is over goes without one. Pure. */
export function patchedLevels(
  before: Levels,
  patch: LevelsPatch | null | undefined,
  now: EpochMs,
): { levels: Levels; lines: LevelLine[]; full: Scope[] } {
  const after: Levels = {}
  const lines: LevelLine[] = []
  const full: Scope[] = []
  for (const scope of scopes) {
    const old = new Map(Object.entries(before[scope] ?? {}).map(([name, hearing]) => [name, current(hearing, now)]))
    const changes = patch === null ? null : patch?.[scope]
    const names = new Map(changes === null ? [] : old)
    for (const [name, change] of Object.entries(changes ?? {}))
      names.set(name, change === null ? {} : patchedHearing(old.get(name) ?? {}, change))
    for (const name of new Set([...old.keys(), ...names.keys()]))
      lines.push(...linesOf({ [scope]: name }, old.get(name) ?? {}, names.get(name) ?? {}))
    const kept = [...names].filter(([, hearing]) => Object.keys(hearing).length > 0)
    if (kept.length > namesMax) full.push(scope)
    if (kept.length > 0) after[scope] = Object.fromEntries(kept)
  }
  return { levels: after, lines, full }
}

type LevelLine = Omit<ConsentLine, 'recipient' | 'source'>

/** Without a level that is over. */
function current(hearing: Hearing, now: EpochMs): Hearing {
  const { level: _, until, after, ...rest } = hearing
  if (until === undefined || now < until) return hearing
  return { ...rest, ...(after && { level: after }) }
}

function patchedHearing(before: Hearing, patch: HearingPatch<EpochMs>): Hearing {
  const { level, until, after, ...rest } = before
  const said: Hearing = { ...rest }
  const lasting = until === undefined ? level : after
  if (patch.level === undefined) Object.assign(said, { ...(level && { level, until, after }) })
  else if (patch.level !== null && patch.until === undefined) said.level = patch.level
  else if (patch.level !== null) Object.assign(said, { level: patch.level, until: patch.until, after: lasting })
  for (const field of switches) if (patch[field] === null) delete said[field]
  for (const field of switches) if (typeof patch[field] === 'boolean') said[field] = patch[field]
  return Object.fromEntries(Object.entries(said).filter(([, value]) => value !== undefined))
}

function* linesOf(place: { [S in Scope]?: string }, before: Hearing, after: Hearing): Iterable<LevelLine> {
  if (before.level !== after.level || before.until !== after.until)
    yield {
      ...{ kind: 'level', ...place, wish: after.level === undefined ? null : after.level === 'all' },
      ...(after.level && { said: after.level }),
      ...(after.until !== undefined && { until: after.until }),
    }
  for (const said of switches)
    if (before[said] !== after[said]) yield { kind: 'mention', ...place, said, wish: after[said] ?? null }
}

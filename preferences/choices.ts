import { durationMs, isDuration } from '#contracts/catalogue.ts'
import { channels } from '#contracts/channel.ts'
import { type EpochMs, isName } from '#contracts/ids.ts'
import { cadences, type Pause, type PreferencesPatch, type Wishes } from '#contracts/preferences.ts'
import { isCadence } from './cadence.ts'
import type { ConsentLine, ConsentSource } from './consent-log.ts'
import { parseLevels, patchedLevels } from './level-choices.ts'
import { instantOf, membersOf, type No, patchedMap } from './merge-patch.ts'
import type { Choices } from './preferences.ts'
import { fieldRules, isChannel, isObject, type Parsed, pointerTo, type Problem } from './profile.ts'
import { checkQuiet } from './quiet-windows.ts'

/** A change of what a person prefers, its times as instants. */
export type ChoicesPatch = PreferencesPatch<EpochMs>

/** A person's row is read for every notification, so it is kept small. */
const threadsMax = 500
const choicesBytesMax = 64 * 1024

const fields = ['categories', 'threads', 'paused', 'levels', 'cadence', 'quiet', 'zone', 'locale']

/** Reads a merge patch from a request's body, all problems at once. A thread is muted for good (true) or until a time. */
export function parseChoicesPatch(body: unknown, categories: readonly string[]): Parsed<ChoicesPatch> {
  const problems: Problem[] = []
  const no: No = (path, detail) => void problems.push({ pointer: pointerTo(...path), detail })
  if (!isObject(body)) return { ok: false, problems: [{ pointer: '#', detail: 'the body must be an object' }] }
  for (const field of Object.keys(body)) if (!fields.includes(field)) no([field], `is none of ${fields.join(', ')}`)
  checkWishes(body.categories, { field: 'categories', categories, no })
  const threads: [string, EpochMs | true | null][] = []
  for (const [thread, value] of membersOf(body.threads, ['threads'], no)) {
    const until = typeof value === 'string' ? instantOf(value) : value
    if (!isName(thread) || !(until === null || until === true || typeof until === 'number'))
      no(['threads', thread], 'must be a name with true, a time like 2026-11-21T08:00:00Z, or null')
    else threads.push([thread, until])
  }
  const paused = body.paused === undefined || body.paused === null ? body.paused : pauseOf(body.paused)
  if (body.paused !== undefined && paused === undefined)
    no(['paused'], 'must be true, a time like 2026-11-21T08:00:00Z, a duration like 1h, tomorrow, or null')
  const levels = parseLevels(body.levels, no)
  for (const [category, cadence] of membersOf(body.cadence, ['cadence'], no))
    if (!categories.includes(category) || !(cadence === null || isCadence(cadence)))
      no(['cadence', category], `must be one of ${categories.join(', ')} with one of ${cadences.join(', ')}, or null`)
  for (const field of ['zone', 'locale'] as const)
    if (body[field] !== undefined && body[field] !== null && !fieldRules[field].holds(body[field]))
      no([field], fieldRules[field].detail)
  if (body.quiet !== undefined && body.quiet !== null && body.quiet !== 'none')
    checkQuiet(body.quiet, (pointer, detail) => void problems.push({ pointer: `#/quiet${pointer}`, detail }))
  if (problems.length > 0) return { ok: false, problems }
  const given = isObject(body.threads) && { threads: Object.fromEntries(threads) }
  return {
    ok: true,
    value: {
      ...(body as ChoicesPatch),
      ...given,
      ...(paused !== undefined && { paused }),
      ...(levels !== undefined && { levels }),
    },
  }
}

/** Notes what is wrong with wishes by category (or `*`) and channel; null takes back. */
export function checkWishes(
  value: unknown,
  { field, categories, no }: { field: string; categories: readonly string[]; no: No },
): void {
  for (const [category, wishes] of membersOf(value, [field], no)) {
    if (wishes === null) continue
    if (category !== '*' && !categories.includes(category))
      no([field, category], `is not a category; there are ${categories.join(', ')}, and * for all`)
    else if (!isObject(wishes)) no([field, category], 'must be an object or null')
    else
      for (const [channel, wish] of Object.entries(wishes))
        if (!isChannel(channel) || (wish !== null && typeof wish !== 'boolean'))
          no([field, category, channel], `must be one of ${channels.join(', ')} with true, false or null`)
  }
}

function pauseOf(value: unknown): Pause<EpochMs> | undefined {
  if (value === true || value === 'tomorrow') return value
  if (typeof value !== 'string') return undefined
  return isDuration(value) ? value : instantOf(value)
}

/** The choices after a patch, and a line for everything that changed by it. Mutes that are over go without one. Pure. */
export function patched(
  before: Choices,
  patch: ChoicesPatch,
  { recipient, now, zone = 'UTC', source = 'api' }: PatchedBy,
): Parsed<{ choices: Choices; lines: ConsentLine[] }> {
  const categories = patchedCategories(before.categories, patch.categories)
  const beforeThreads = new Map(Object.entries(before.threads ?? {}).filter(([, until]) => isOpen(until, now)))
  const threads = patchedMap(beforeThreads, patch.threads)
  if (threads.size > threadsMax)
    return { ok: false, problems: [{ pointer: '#/threads', detail: `more than ${threadsMax} threads are muted` }] }
  const pausedBefore = before.paused !== undefined && isOpen(before.paused, now) ? before.paused : undefined
  const paused = patch.paused === undefined ? pausedBefore : pausedUntil(patch.paused, { now, zone })
  const cadence = patchedMap(new Map(Object.entries(before.cadence ?? {})), patch.cadence)
  const { levels, lines: levelLines, full } = patchedLevels(before.levels ?? {}, patch.levels, now)
  if (full.length > 0) return { ok: false, problems: full.map(tooMany) }
  const lines = [
    ...choiceLines(new Map(Object.entries(before.categories ?? {})), categories),
    ...muteLines(beforeThreads, threads),
    ...(paused === pausedBefore ? [] : [{ kind: 'pause' as const, ...wishUntil(paused) }]),
    ...levelLines,
  ].map((line): ConsentLine => ({ ...line, recipient, source }))
  const choices: Choices = {
    ...(categories.size > 0 && { categories: Object.fromEntries(categories) }),
    ...(threads.size > 0 && { threads: Object.fromEntries(threads) }),
    ...(paused !== undefined && { paused }),
    ...(Object.keys(levels).length > 0 && { levels }),
    ...(cadence.size > 0 && { cadence: Object.fromEntries(cadence) }),
  }
  if (bytesOf(choices) > choicesBytesMax && bytesOf(choices) > bytesOf(before))
    return {
      ok: false,
      problems: [{ pointer: '#', detail: `makes all choices more than ${choicesBytesMax / 1024} KiB` }],
    }
  return { ok: true, value: { choices, lines } }
}

type PatchedBy = { recipient: string; now: EpochMs; zone?: string | undefined; source?: ConsentSource }

const tooMany = (scope: string): Problem => ({ pointer: pointerTo('levels', scope), detail: 'names too many' })

const bytesOf = (choices: Choices): number => Buffer.byteLength(JSON.stringify(choices))

/** In the morning, not at midnight, whoever pauses until tomorrow wants to hear again. */
const morning = '08:00'

function pausedUntil(
  pause: Pause<EpochMs> | null,
  { now, zone }: { now: EpochMs; zone: string },
): EpochMs | true | undefined {
  if (pause === null) return undefined
  if (pause === true || typeof pause === 'number') return pause
  if (pause !== 'tomorrow') return now + durationMs(pause)
  const today = Temporal.Instant.fromEpochMilliseconds(now).toZonedDateTimeISO(zone).toPlainDate()
  return today.add({ days: 1 }).toZonedDateTime({ timeZone: zone, plainTime: morning }).epochMilliseconds
}

const isOpen = (until: EpochMs | true, now: EpochMs): boolean => until === true || until > now

/** Wishes by category after a patch; what says nothing is not kept. */
export function patchedCategories(
  before: Choices['categories'],
  patch: ChoicesPatch['categories'],
): Map<string, Wishes> {
  if (patch === null) return new Map()
  const after = new Map(Object.entries(before ?? {}))
  for (const [category, wishes] of Object.entries(patch ?? {})) {
    const merged = wishes && patchedMap(new Map(Object.entries(after.get(category) ?? {})), wishes)
    if (merged && merged.size > 0) after.set(category, Object.fromEntries(merged))
    else after.delete(category)
  }
  return after
}

type Line = Omit<ConsentLine, 'recipient' | 'source'>

function* choiceLines(before: ReadonlyMap<string, Wishes>, after: ReadonlyMap<string, Wishes>): Iterable<Line> {
  for (const category of new Set([...before.keys(), ...after.keys()]))
    for (const channel of channels) {
      const wish = after.get(category)?.[channel]
      if (wish !== before.get(category)?.[channel]) yield { kind: 'choice', category, channel, wish: wish ?? null }
    }
}

function* muteLines(
  before: ReadonlyMap<string, EpochMs | true>,
  after: ReadonlyMap<string, EpochMs | true>,
): Iterable<Line> {
  for (const thread of new Set([...before.keys(), ...after.keys()])) {
    const until = after.get(thread)
    if (until === before.get(thread)) continue
    yield { kind: 'mute', thread, ...wishUntil(until) }
  }
}

const wishUntil = (until: EpochMs | true | undefined) => ({
  wish: until === undefined,
  ...(typeof until === 'number' && { until }),
})

import { channels } from '#contracts/channel.ts'
import { sentence } from '#contracts/decision.ts'
import type { EpochMs } from '#contracts/ids.ts'
import { type Hearing, levelAt, type Levels } from './levels.ts'
import { mayWe } from './may-we.ts'
import type { Person } from './preferences.ts'
import { whereTo } from './where-to.ts'

/**
 * What a person has chosen and, for each category and channel, what follows from it and by which rule. Mandatory types
 * are told whatever `on` says. Pure.
 */
export function effectiveOf(person: Person, { categories, at }: { categories: readonly string[]; at: EpochMs }) {
  const threads = Object.entries(person.choices.threads ?? {}).filter(([, until]) => until === true || until > at)
  const { paused } = person.choices
  return {
    ...(paused !== undefined && (paused === true || paused > at) && { paused: instantOrTrue(paused) }),
    categories: person.choices.categories ?? {},
    threads: Object.fromEntries(threads.map(([thread, until]) => [thread, instantOrTrue(until)])),
    levels: shownLevels(person.choices.levels ?? {}, at),
    effective: categories.map(category => ({
      category,
      channels: channels.map(channel => effectOf(person, { category, channel, mandatory: false, at, place: {} })),
    })),
  }
}

const instantOrTrue = (until: EpochMs | true) => (until === true ? true : new Date(until).toISOString())

const shownLevels = (levels: Levels, at: EpochMs) =>
  Object.fromEntries(
    Object.entries(levels).map(([scope, names]) => [
      scope,
      Object.fromEntries(Object.entries(names).map(([name, hearing]) => [name, shownHearing(hearing, at)])),
    ]),
  )

function shownHearing(hearing: Hearing, at: EpochMs) {
  const { level: _, until, after, ...rest } = hearing
  const level = levelAt(hearing, at)
  const open = until !== undefined && at < until
  return {
    ...(level && { level }),
    ...(open && { until: new Date(until).toISOString(), ...(after && { after }) }),
    ...rest,
  }
}

function effectOf(person: Person, ask: Parameters<typeof mayWe>[1]) {
  const may = mayWe(person, ask)
  const where = whereTo(person, ask.channel)
  const why = may.allowed ? (where.why ?? may.why) : may.why
  return {
    channel: ask.channel,
    on: may.allowed,
    reachable: where.endpoints.length > 0,
    rule: why.rule,
    sentence: sentence(why),
  }
}

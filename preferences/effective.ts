import { type Channel, channels } from '#contracts/channel.ts'
import { sentence } from '#contracts/decision.ts'
import type { EpochMs } from '#contracts/ids.ts'
import { type Hearing, levelAt, type Levels, type Place } from './levels.ts'
import { mayWe } from './may-we.ts'
import { cadenceOf, type Person } from './preferences.ts'
import { inTenant } from './tenants.ts'
import { whereTo } from './where-to.ts'

/** What is asked: for which categories and channels (default: all), where something would happen, why the person is told. */
export type Effective = {
  categories: readonly string[]
  channels?: readonly Channel[]
  at: EpochMs
  place?: Place
  reason?: string
}

/**
 * What a person has chosen and, for each category and channel, what follows from it and by which rule, in the tenant of
 * the place, else their own. Mandatory types are told whatever `on` says. Pure.
 */
export function effectiveOf(known: Person, asked: Effective) {
  const { categories, at, place = {}, reason } = asked
  const person = inTenant(known, place.tenant)
  const threads = Object.entries(person.choices.threads ?? {}).filter(([, until]) => until === true || until > at)
  const { paused } = person.choices
  return {
    ...(paused !== undefined && (paused === true || paused > at) && { paused: instantOrTrue(paused) }),
    categories: person.choices.categories ?? {},
    threads: Object.fromEntries(threads.map(([thread, until]) => [thread, instantOrTrue(until)])),
    levels: shownLevels(person.choices.levels ?? {}, at),
    effective: categories.map(category => ({
      category,
      cadence: cadenceOf(person, category),
      channels: (asked.channels ?? channels).map(channel =>
        effectOf(person, { category, channel, mandatory: false, at, place, reason }),
      ),
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

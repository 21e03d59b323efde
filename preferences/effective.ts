import { type Channel, channels } from '#contracts/channel.ts'
import { sentence } from '#contracts/decision.ts'
import type { EpochMs } from '#contracts/ids.ts'
import type { Place, Preferences, QuietRule } from '#contracts/preferences.ts'
import { type Hearing, levelAt, type Levels } from './levels.ts'
import { mayWe } from './may-we.ts'
import { cadenceOf, type Person } from './preferences.ts'
import { quietUntil, windowsOf } from './quiet-hours.ts'
import { shownQuiet } from './quiet-windows.ts'
import { inTenant, quietIn } from './tenants.ts'
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
 * What a person has said and, for each category and channel and for quiet hours, what follows from it and by which rule, in
 * the tenant of the place, else their own. Mandatory types are told whatever `on` says. Pure.
 */
export function effectiveOf(known: Person, asked: Effective): Preferences {
  const { categories, at, place = {}, reason } = asked
  const person = inTenant(known, place.tenant)
  return {
    ...chosen(known, at),
    effective: categories.map(category => ({
      category,
      cadence: cadenceOf(person, category),
      channels: (asked.channels ?? channels).map(channel =>
        effectOf(person, { category, channel, mandatory: false, at, place, reason }),
      ),
    })),
    quietHours: quietHoursOf(known, { person, at }),
  }
}

export function chosen({ choices, quiet, zone, locale }: Person, at: EpochMs) {
  const threads = Object.entries(choices.threads ?? {}).filter(([, until]) => until === true || until > at)
  const { paused } = choices
  return {
    ...((paused === true || (paused !== undefined && paused > at)) && { paused: instantOrTrue(paused) }),
    categories: choices.categories ?? {},
    threads: Object.fromEntries(threads.map(([thread, until]) => [thread, instantOrTrue(until)])),
    levels: shownLevels(choices.levels ?? {}, at),
    cadence: choices.cadence ?? {},
    ...(quiet && { quiet: shownQuiet(quiet) }),
    ...(zone !== undefined && { zone }),
    ...(locale !== undefined && { locale }),
  }
}

const isoOf = (at: EpochMs): string => new Date(at).toISOString()
const instantOrTrue = (until: EpochMs | true): string | true => (until === true ? true : isoOf(until))

const shownLevels = (levels: Levels, at: EpochMs): Preferences['levels'] =>
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
    ...(open && { until: isoOf(until), ...(after && { after }) }),
    ...rest,
  }
}

function effectOf(person: Person, ask: Parameters<typeof mayWe>[1]) {
  const may = mayWe(person, ask)
  const where = whereTo(person, ask.channel, ask.at)
  const why = may.allowed ? (where.why ?? may.why) : may.why
  return {
    channel: ask.channel,
    on: may.allowed,
    reachable: where.endpoints.length > 0,
    rule: why.rule,
    sentence: sentence(why),
  }
}

export function quietHoursOf(
  known: Person,
  { person, at }: { person: Person; at: EpochMs },
): Preferences['quietHours'] {
  const { quiet, rule } = quietIn(known, person.within)
  const { zone = 'UTC' } = person
  const until = quiet && quietUntil({ quiet, zone, at })
  return {
    ...{ windows: quiet ? [...windowsOf(quiet)] : [], zone, rule, sentence: quietSentences[rule] },
    ...(until !== undefined && { until: isoOf(until) }),
  }
}

const quietSentences: Record<QuietRule, string> = {
  own: 'As the person set them.',
  tenant_locked: 'As the tenant set them for everybody; what the person set counts beside them.',
  tenant_default: 'As the tenant set them: the person said nothing.',
  default: 'None: nobody said anything.',
}

import { channels } from '#contracts/channel.ts'
import { sentence } from '#contracts/decision.ts'
import type { EpochMs } from '#contracts/ids.ts'
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
    effective: categories.map(category => ({
      category,
      channels: channels.map(channel => effectOf(person, { category, channel, mandatory: false, at })),
    })),
  }
}

const instantOrTrue = (until: EpochMs | true) => (until === true ? true : new Date(until).toISOString())

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

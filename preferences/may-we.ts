import type { Channel } from '#contracts/channel.ts'
import type { Why } from '#contracts/decision.ts'
import type { EpochMs } from '#contracts/ids.ts'
import type { Place } from '#contracts/preferences.ts'
import { isMention, isSwitch, levelIn, switchIn } from './levels.ts'
import type { Person } from './preferences.ts'
import { wishIn } from './tenants.ts'

/** What somebody wants to tell a person: on which channel, about what, and when. */
export type Ask = {
  category: string
  channel: Channel
  /** Where it happened; an intent will do. */
  place: Place
  /** Why the person is a recipient. */
  reason?: string | undefined
  /** The type must be told: wishes do not apply. */
  mandatory: boolean
  /** The decision's instant; mutes, pauses and levels may end. */
  at: EpochMs
}
export type May = { allowed: boolean; why: Why; outcome?: 'suppressed_preference' | 'suppressed_mute' }

/** May we? The first rule that has a word decides; where none has, the answer is yes. Pure. */
export function mayWe(person: Person, ask: Ask): May {
  for (const rule of rules) {
    const verdict = rule(person, ask)
    if (verdict) return verdict
  }
  return byDefault
}

const byDefault: May = { allowed: true, why: { rule: 'default' } }

/** The precedence, as `README.md` beside this file explains it. */
const rules: readonly ((person: Person, ask: Ask) => May | undefined)[] = [
  erased,
  mandatory,
  lockedOff,
  paused,
  mutedThread,
  mentionOff,
  level,
  lockedOn,
  wishForCategory,
  wishForEverything,
  tenantDefault,
]

function erased(person: Person): May | undefined {
  return person.erased ? { allowed: false, why: { rule: 'erased' }, outcome: 'suppressed_preference' } : undefined
}

function mandatory(_person: Person, ask: Ask): May | undefined {
  return ask.mandatory ? { allowed: true, why: { rule: 'mandatory' } } : undefined
}

function lockedOff(person: Person, ask: Ask): May | undefined {
  return tenantLock(person, ask, false)
}

/** No opt-out of the category counts; a pause, a mute or a level does: they say when and of what, not whether. */
function lockedOn(person: Person, ask: Ask): May | undefined {
  return tenantLock(person, ask, true)
}

function tenantLock({ within }: Person, { category, channel }: Ask, on: boolean): May | undefined {
  const lock = within && wishIn(within.locks, category, channel)
  return lock?.on === on ? byTenant('tenant_locked', lock) : undefined
}

function tenantDefault({ within }: Person, { category, channel }: Ask): May | undefined {
  const found = within && wishIn(within.defaults, category, channel)
  return found && byTenant('tenant_default', found)
}

function byTenant(rule: 'tenant_locked' | 'tenant_default', { on, what }: { on: boolean; what: string }): May {
  const why = { rule, value: `${on ? 'on' : 'off'} for ${what}` }
  return on ? { allowed: true, why } : { allowed: false, why, outcome: 'suppressed_preference' }
}

/** The inbox interrupts nobody, and is what a person comes back to. */
function paused({ choices: { paused } }: Person, { channel, at }: Ask): May | undefined {
  if (paused === undefined || channel === 'in_app' || (paused !== true && paused <= at)) return undefined
  const value = paused === true ? 'further notice' : new Date(paused).toISOString()
  return { allowed: false, why: { rule: 'paused', value }, outcome: 'suppressed_preference' }
}

function mutedThread({ choices: { threads } }: Person, { place: { thread }, at }: Ask): May | undefined {
  if (!threads || thread === undefined || !Object.hasOwn(threads, thread)) return undefined
  const until = threads[thread]!
  if (until !== true && until <= at) return undefined
  return {
    allowed: false,
    why: { rule: 'muted_thread', value: `${thread}${untilOf(until)}` },
    outcome: 'suppressed_mute',
  }
}

const untilOf = (until: EpochMs | true | undefined): string =>
  until === undefined || until === true ? '' : ` until ${new Date(until).toISOString()}`

function mentionOff({ choices: { levels } }: Person, { place, reason }: Ask): May | undefined {
  if (!levels || !isSwitch(reason)) return undefined
  const found = switchIn(levels, place, reason)
  if (found?.said !== false) return undefined
  return {
    allowed: false,
    why: { rule: 'mention_off', value: `${reason} in ${found.where}` },
    outcome: 'suppressed_mute',
  }
}

function level({ choices: { levels } }: Person, { place, reason, at }: Ask): May | undefined {
  const found = levels && levelIn(levels, place, at)
  if (!found || found.said === 'all' || (found.said === 'mentions' && isMention(reason))) return undefined
  return {
    allowed: false,
    why: { rule: 'level', value: `${found.said} in ${found.where}${untilOf(found.until)}` },
    outcome: 'suppressed_mute',
  }
}

function wishForCategory(person: Person, { category, channel }: Ask): May | undefined {
  return wished(wishOf(person, category, channel), category, channel)
}

function wishForEverything(person: Person, { channel }: Ask): May | undefined {
  return wished(wishOf(person, '*', channel), 'everything', channel)
}

function wishOf({ choices: { categories } }: Person, category: string, channel: Channel): boolean | undefined {
  // A category may be named like a method that every object has.
  return categories && Object.hasOwn(categories, category) ? categories[category]![channel] : undefined
}

function wished(wish: boolean | undefined, what: string, channel: Channel): May | undefined {
  if (wish === undefined) return undefined
  const value = `${what} by ${channel}`
  if (wish) return { allowed: true, why: { rule: 'opted_in', value } }
  return { allowed: false, why: { rule: 'opted_out', value }, outcome: 'suppressed_preference' }
}

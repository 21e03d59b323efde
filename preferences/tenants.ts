import type { Channel } from '#contracts/channel.ts'
import type { QuietRule, TenantSettings } from '#contracts/preferences.ts'
import type { QuietHours } from '#contracts/quiet-hours.ts'
import type { Person } from './preferences.ts'
import { windowsOf } from './quiet-hours.ts'

/**
 * The person in a tenant: that of the intent, else their own. What they have not set is as the tenant set it, and its
 * defaults and locks are asked by `mayWe`; zone and locale that it has not set either are those of their own tenant.
 * Where nothing is known of the tenants, the person as they are. Pure.
 */
export function inTenant(person: Person, tenant = person.tenant): Person {
  const within = settingsOf(person, tenant)
  const home = settingsOf(person, person.tenant)
  if (!within && !home) return person
  const { zone = within?.zone ?? home?.zone, locale = within?.locale ?? home?.locale } = person
  const { quiet } = quietIn(person, within)
  return { ...person, zone, locale, quiet, within }
}

const settingsOf = ({ tenants }: Person, tenant: string | undefined): TenantSettings | undefined =>
  tenant === undefined ? undefined : tenants?.get(tenant)

/** The quiet hours that count in a tenant: the nearest; but those that it has locked count for all, beside their own. Pure. */
export function quietIn(
  { quiet: own }: Pick<Person, 'quiet'>,
  within: TenantSettings | undefined,
): { quiet: QuietHours | undefined; rule: QuietRule } {
  const shared = within?.quiet
  if (shared && within.quietLocked) return { quiet: own ? both(shared, own) : shared, rule: 'tenant_locked' }
  if (own) return { quiet: own, rule: 'own' }
  return { quiet: shared, rule: shared ? 'tenant_default' : 'default' }
}

const both = (...all: readonly QuietHours[]): QuietHours => ({ windows: all.flatMap(windowsOf) })

/** What is said of a category on a channel, else of all of them. */
export function wishIn(wishes: TenantSettings['locks'], category: string, channel: Channel): Found | undefined {
  if (!wishes) return undefined
  for (const name of [category, '*']) {
    // A category may be named like a method that every object has.
    const on = Object.hasOwn(wishes, name) ? wishes[name]![channel] : undefined
    if (on !== undefined) return { on, what: `${name === '*' ? 'everything' : name} by ${channel}` }
  }
  return undefined
}
type Found = { on: boolean; what: string }

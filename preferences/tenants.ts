import type { Channel } from '#contracts/channel.ts'
import type { QuietHours } from '#contracts/quiet-hours.ts'
import type { Person, Wishes } from './preferences.ts'

/**
 * What a tenant sets for its people. `defaults` count where a person said nothing, by category (or `*`, for all) and
 * channel; what `locks` say a person cannot switch. Zone, locale and quiet hours are those of people who have none.
 */
export type Tenant = {
  defaults?: Record<string, Wishes>
  locks?: Record<string, Wishes>
  zone?: string
  locale?: string
  quiet?: QuietHours
}
/** Tenants by id, as they were read with people. */
export type Tenants = ReadonlyMap<string, Tenant>

/**
 * The person in a tenant: that of the intent, else their own. What they have not set is as the tenant set it, and its
 * defaults and locks are asked by `mayWe`. Where nothing is known of the tenant, the person as they are. Pure.
 */
export function inTenant(person: Person, tenant = person.tenant): Person {
  const within = tenant === undefined ? undefined : person.tenants?.get(tenant)
  if (!within) return person
  const { zone = within.zone, locale = within.locale, quiet = within.quiet } = person
  return { ...person, zone, locale, quiet, within }
}

/** What is said of a category on a channel, else of all of them. */
export function wishIn(wishes: Tenant['locks'], category: string, channel: Channel): Found | undefined {
  if (!wishes) return undefined
  for (const name of [category, '*']) {
    // A category may be named like a method that every object has.
    const on = Object.hasOwn(wishes, name) ? wishes[name]![channel] : undefined
    if (on !== undefined) return { on, what: `${name === '*' ? 'everything' : name} by ${channel}` }
  }
  return undefined
}
type Found = { on: boolean; what: string }

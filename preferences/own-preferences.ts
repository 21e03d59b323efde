import { sentence } from '#contracts/decision.ts'
import type { EpochMs } from '#contracts/ids.ts'
import type { Cell, Change, Device, Offer, OwnPreferences } from '#contracts/preferences.ts'
import { masked } from './address.ts'
import { chosen, quietHoursOf } from './effective.ts'
import { stateAt } from './endpoint-state.ts'
import { mayWe } from './may-we.ts'
import type { Endpoint, Person } from './preferences.ts'
import { inTenant } from './tenants.ts'
import { whereTo } from './where-to.ts'

/**
 * All that a person's page shows, in a tenant or else their own: what they said, where each switch stands and what follows,
 * their devices, their latest changes. Pure.
 */
export function ownPreferences(
  known: Person,
  asked: { offers: readonly Offer[]; tenant?: string | undefined; at: EpochMs; history: readonly Change[] },
): OwnPreferences {
  const { offers, tenant = known.tenant, at, history } = asked
  const person = inTenant(known, tenant)
  return {
    ...chosen(known, at),
    quietHours: quietHoursOf(known, { person, at }),
    grid: offers.map(({ category, channels }) => ({
      category,
      cells: channels.map(offer => cellOf(person, { ...offer, category, at })),
    })),
    devices: known.endpoints.filter(({ channel }) => channel !== 'in_app').map(one => deviceOf(one, at)),
    history: [...history],
    tenantQuiet: person.within?.quiet !== undefined,
    ...(tenant !== undefined && { tenant }),
  }
}

type Asked = Offer['channels'][number] & { category: string; at: EpochMs }

function cellOf(person: Person, { channel, mandatory, category, at }: Asked): Cell {
  const ask = { channel, mandatory, category, at, place: {} }
  const now = mayWe(person, ask)
  // Where the switch stands: without what lies over it for a while.
  const { paused: _, ...choices } = person.choices
  const stands = mayWe({ ...person, choices }, ask)
  const { why } = now.allowed === stands.allowed ? stands : now
  return {
    ...{ channel, wanted: stands.allowed, on: now.allowed, rule: why.rule, sentence: sentence(why) },
    locked: stands.why.rule === 'mandatory' || stands.why.rule === 'tenant_locked',
    reachable: whereTo(person, channel, at).endpoints.length > 0,
  }
}

function deviceOf(endpoint: Endpoint, at: EpochMs): Device {
  const { id, channel, provider, app, address, since } = endpoint
  return {
    ...{ id, channel, provider, state: stateAt(endpoint, at), address: masked({ channel, address }) },
    ...(app !== undefined && { app }),
    ...(since !== 0 && { since: new Date(since).toISOString() }),
  }
}

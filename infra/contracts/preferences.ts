import type { Duration } from './catalogue.ts'
import type { Channel } from './channel.ts'
import type { QuietHours, QuietWindow } from './quiet-hours.ts'

/** How much a person wants to hear: everything, what is addressed to them, nothing. */
export const levels = ['all', 'mentions', 'none'] as const
export type Level = (typeof levels)[number]

/** Where a level counts, the nearest first. A `tenant` is a chat's server, a `room` one of its channels. */
export const scopes = ['thread', 'room', 'tenant'] as const
export type Scope = (typeof scopes)[number]
/** Where something happened. */
export type Place = { [S in Scope]?: string }

/** Reasons that a person can switch off apart. */
export const switches = ['everyone', 'role'] as const
export type Switch = (typeof switches)[number]

/** How often a person wants to be told of a category: each by itself, or together. */
export const cadences = ['instant', 'hourly', 'daily', 'weekly'] as const
export type Cadence = (typeof cadences)[number]

/** By channel: false is off, what is absent says nothing. */
export type Wishes = { [C in Channel]?: boolean }

/** For good, until a time, for a time, or until eight in the morning of the person's next day. */
export type Pause<Time> = true | Time | Duration | 'tomorrow'

/** A change of what was said of one tenant, room or thread; null takes back. A level is for good, or until a time. */
export type HearingPatch<Time> = ({ level: Level; until?: Time } | { level?: null; until?: never }) & {
  [S in Switch]?: boolean | null
}

/**
 * A change of what a person prefers, as a merge patch (RFC 7396): what is not given stays, null takes it back, and what is
 * said more generally, or by the tenant, counts again.
 */
export type PreferencesPatch<Time> = {
  /** Category (or `*`, for all) by channel. */
  categories?: Record<string, { [C in Channel]?: boolean | null } | null> | null
  /** Muted for good, or until a time. */
  threads?: Record<string, true | Time | null> | null
  paused?: Pause<Time> | null
  levels?: { [S in Scope]?: Record<string, HearingPatch<Time> | null> | null } | null
  cadence?: Record<string, Cadence | null> | null
  /** Windows of their own, or `none`: not even those of the tenant, unless it has locked them. */
  quiet?: QuietHours | 'none' | null
  /** IANA time zone. */
  zone?: string | null
  /** BCP 47 language tag. */
  locale?: string | null
}

/**
 * What a tenant sets for its people. `defaults` count where a person said nothing, by category (or `*`, for all) and
 * channel; what `locks` say a person cannot switch. Zone, locale and quiet hours are those of people who have none;
 * `quietLocked`: its quiet hours count for everybody, and those of a person beside them.
 */
export type TenantSettings = {
  defaults?: Record<string, Wishes>
  locks?: Record<string, Wishes>
  zone?: string
  locale?: string
  quiet?: QuietHours
  quietLocked?: boolean
}

/** Whose quiet hours count: the person's own, the tenant's, or nobody's. */
export const quietRules = ['own', 'tenant_locked', 'tenant_default', 'default'] as const
export type QuietRule = (typeof quietRules)[number]

/** Of whom and what is asked; what is absent is asked of all, or is not known. */
export type PreferencesQuery = { category?: string; channel?: Channel; reason?: string } & Place

/** What a person has said, and what follows from it. Times are RFC 3339 text. */
export type Preferences = {
  paused?: true | string
  categories: Record<string, Wishes>
  threads: Record<string, true | string>
  levels: {
    [S in Scope]?: Record<string, { level?: Level; until?: string; after?: Level } & { [S in Switch]?: boolean }>
  }
  cadence: Record<string, Cadence>
  quiet?: QuietHours | 'none'
  zone?: string
  locale?: string
  /** By category and channel, with the rule that decided. What is mandatory is told whatever `on` says. */
  effective: {
    category: string
    cadence?: Cadence
    channels: { channel: Channel; on: boolean; reachable: boolean; rule: string; sentence: string }[]
  }[]
  /** The windows that count, in which zone, and by which rule; `until`: they hold now, so long. */
  quietHours: { windows: QuietWindow[]; zone: string; rule: QuietRule; sentence: string; until?: string }
}

/** What a category is told by, as the catalogue says; `mandatory`: all of it by this channel must be told. */
export type Offer = { category: string; channels: readonly { channel: Channel; mandatory: boolean }[] }

/**
 * One switch of a person's page. `wanted` is where it stands; `on` is what follows now, by which rule, also where a pause or
 * a mute is over it. `locked`: it cannot be moved. `reachable`: there is an address to send to.
 */
export type Cell = {
  channel: Channel
  wanted: boolean
  on: boolean
  locked: boolean
  reachable: boolean
  rule: string
  sentence: string
}
/** An address of a person, with enough of it to tell it from others. `since`: when it was last registered. */
export type Device = {
  id: string
  channel: Channel
  provider: string
  app?: string
  address: string
  state: string
  since?: string
}
/** A line of the consent log. `wish`: given, withdrawn, or taken back (null). `through`: by whom or what it came. */
export type Change = {
  id: string
  at: string
  kind: string
  wish: boolean | null
  through: string
  category?: string
  channel?: Channel
  endpoint?: string
  thread?: string
  room?: string
  tenant?: string
  said?: string
  until?: string
}
/** All that a person's page shows. `history`: the latest changes. */
export type OwnPreferences = Omit<Preferences, 'effective'> & {
  grid: { category: string; cells: Cell[] }[]
  devices: Device[]
  history: Change[]
  /** The tenant in which it is asked, and whether it has quiet hours. */
  tenant?: string
  tenantQuiet: boolean
}

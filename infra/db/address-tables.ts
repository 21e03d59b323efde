import type { Generated } from 'kysely'

/** What is known of addresses, of which these tables have only keyed hashes. A part of `schema.ts`. */
export type AddressTables = {
  addresses: { recipient: string; endpoint: string; channel: number; hash: string }
  /**
   * `expires_at`: it may be used again from then on. `stopped_at`: the person has texted STOP, whatever else is said of it.
   * `taken_back`: when it was, by reason, in milliseconds; an older word of that reason changes nothing.
   */
  suppressions: {
    hash: string
    channel: number
    reason: string
    source: string
    at: Date
    expires_at: Date | null
    stopped_at: Date | null
    taken_back: Generated<Record<string, number>>
  }
  /** Texts of people that say STOP or START, by Twilio's name for each; whether it changed anything. */
  texted_words: { message: string; word: string; changed: Generated<boolean>; at: Generated<Date> }
  /** Endpoints that were found dead. `state`: `pruned`, `held` by the guard, `discarded` or `undone`. Kept 30 days. */
  prunes: {
    recipient: string
    endpoint: string
    hash: string
    provider: string
    app: string
    reason: string
    at: Generated<Date>
    state: Generated<string>
  }
  /** How many endpoints of a provider and app may be pruned in ten minutes, as it was counted last. */
  prune_limits: {
    provider: string
    app: string
    active: string
    most: string
    counted_at: Generated<Date>
    settled_at: Date | null
  }
  /** Attempts that did not arrive for a reason that makes an address suspect when it comes again. */
  troubles: { hash: string; reason: string; attempt: string; at: Date }
  /** `respelled`: all that was registered before it is in the one spelling that it is hashed in. */
  address_key: { the: Generated<boolean>; fingerprint: string; respelled: Generated<boolean> }
}

import type { OwnPreferences, PreferencesPatch } from '#contracts/preferences.ts'
import { type Access, callerOf, json, rootOf } from '#browser/access.ts'
import { type Inbox, inboxOf } from './inbox.ts'
import { createReceipts, type WebReceipts } from './receipts.ts'

export { CarillonError } from '#browser/access.ts'
export { createReceipts } from './receipts.ts'

export type Carillon = {
  inbox: Inbox
  preferences: {
    /** What the person has said, and for each category and channel what follows from it, and why. */
    get(): Promise<OwnPreferences>
    /** Changes what is given, takes back what is null, leaves the rest; answers as `get` does. Times are RFC 3339 text. */
    set(patch: PreferencesPatch<string>): Promise<OwnPreferences>
  }
  receipts: WebReceipts
}

/**
 * The person's side of Carillon in a browser: needs no framework and no build. Calls throw a `CarillonError`. Nothing is
 * asked for before something is called.
 */
export function connect(access: Access): Carillon {
  const caller = callerOf(access)
  const preferences = async (init?: RequestInit) =>
    (await caller.call('/v1/me/preferences', init)).json() as Promise<OwnPreferences>
  return {
    inbox: inboxOf({ ...caller, tenant: access.tenant }),
    preferences: { get: () => preferences(), set: patch => preferences(json('PATCH', patch)) },
    receipts: createReceipts({ url: rootOf(access.api) }),
  }
}

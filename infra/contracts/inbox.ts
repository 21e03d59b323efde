import type { InboxDeed } from './engagement.ts'

/** What lies in a person's inbox, as it travels to their devices. `id`: the delivery's, `nid` in a push that tells of the same. */
export type InboxItem = {
  id: string
  /** The person's number when it came; the newest has the highest. */
  number: number
  type: string
  /** What the person can switch off; absent where the catalogue does not know the type any more. */
  category?: string
  thread?: string
  /** In which it was told. Absent: in none. */
  tenant?: string
  /** Why the person is told: `mention`, `role` … */
  reason?: string
  title: string
  body: string
  /** `http:`, `https:`, or a path of the product's own. Anything else is left out. */
  url?: string
  /** RFC 3339. */
  at: string
  seen: boolean
  read: boolean
  archived: boolean
}

/** Of what is not archived; at most `countMax`, which means so many or more. What was never seen is not read either. */
export type InboxCounts = { unseen: number; unread: number }
export const countMax = 1_000

/** Everything after a number: items that came or changed, ids of those that are gone. `number` is where the next begins. */
export type InboxChanges = { number: number; items: InboxItem[]; gone: string[]; counts: InboxCounts }

/** `number`: changes after it are not in here. `cursor`: there are older ones. */
export type InboxPage = { items: InboxItem[]; counts: InboxCounts; number: number; cursor?: string }
/** Which items are asked for; without `archived` those that are not. */
export type InboxQuery = {
  unread?: boolean
  archived?: boolean
  thread?: string
  type?: string
  category?: string
  cursor?: string
  limit?: number
}

/** Items by their ids (up to 500), or all up to a number, or all there are; of one thread, if it is given. */
export type InboxMarks = { what: InboxDeed } & (
  | { ids: readonly string[] }
  | { upTo: number; thread?: string }
  | { all: true; thread?: string }
)

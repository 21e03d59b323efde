import type { AnyNotificationType, Step, Unless } from './catalogue.ts'
import type { EpochMs, IntentId } from './ids.ts'

/** What is known of an intent for a person, from all surfaces. `delivered`: it lies in the inbox, or a provider says so. */
export type Engaged = { seen?: boolean; read?: boolean; acted?: boolean; delivered?: boolean }
type Engagement = keyof Engaged

/**
 * What makes a later step unnecessary, if anything of what is known does. The success that its type names stops every
 * later step; what was read was seen, and what was seen was delivered. A step that waits for nothing is never stopped. Pure.
 */
export function stopOf(step: Step | undefined, engaged: Engaged): Engagement | undefined {
  if (step?.after === undefined) return undefined
  if (engaged.acted) return 'acted'
  return step.unless && enough[step.unless].find(one => engaged[one])
}

const enough: Record<Unless, readonly Engagement[]> = {
  acted: [],
  active: [],
  read: ['read'],
  seen: ['seen', 'read'],
  delivered: ['delivered', 'seen', 'read'],
}

/** Whether what was read elsewhere need not be told any more. */
export const readCancels = ({ readCancels, mandatory, lane }: AnyNotificationType): boolean =>
  readCancels ?? !(mandatory || lane === 'critical')

/** What a person does with what lies in their inbox. Who archives something has read it, and puts it out of sight. */
export const inboxDeeds = ['seen', 'read', 'archived', 'unarchived'] as const
export type InboxDeed = (typeof inboxDeeds)[number]

/**
 * What a person has looked at: one intent's item, or all that occurred in a time, of one thread or of all. `device`: the
 * endpoint where, which shows it no more. `others`: what was told with the intent in one message.
 */
export type InboxMark = { recipient: string; what: 'seen' | 'read'; now: EpochMs; device?: string } & (
  | { intent: IntentId; others?: readonly IntentId[] }
  | { thread?: string; after: EpochMs; upTo: EpochMs }
)

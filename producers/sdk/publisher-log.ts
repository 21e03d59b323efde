import type { EpochMs, IntentId } from '#contracts/ids.ts'
import type { Intent } from '#contracts/intent.ts'

/** What the producer knows it has published, and when: whom it named (ids, the actor left out), never data or addresses. */
export type PublisherLogLine = {
  at: EpochMs
  intent: IntentId
  recipients: string[]
  audiences: string[]
  contacts: number
}

/** The line of a stored intent. */
export function publisherLogLine({ id, to, actor }: Intent, at: EpochMs): PublisherLogLine {
  const line: PublisherLogLine = { at, intent: id, recipients: [], audiences: [], contacts: 0 }
  for (const one of to) {
    if (one.kind === 'audience') line.audiences.push(one.audience)
    else if (one.kind === 'contact') line.contacts++
    else if (one.id !== actor) line.recipients.push(one.id)
  }
  return line
}

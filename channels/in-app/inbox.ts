import type { Answer } from '#contracts/outcome.ts'
import { type TakenBack, takenBack } from '#contracts/retraction.ts'
import type { Database } from '#runtime/postgres.ts'
import type { Provider } from '../provider.ts'
import { putInboxItems } from './inbox-store.ts'

/** Our own inbox. An item is there exactly once, however often it is sent; one that was taken back meanwhile, or whose person was erased, is not. Rejects when the database is away. `tell` hears whose inbox has changed. */
export const inboxProvider = (
  db: Database,
  tell: (recipients: readonly string[]) => void = () => {},
): Provider<'in_app'> => ({
  name: 'inbox',
  channel: 'in_app',
  callSizeMax: 500,
  callsAtOnce: 32,
  pauses: 'lane',
  mixes: () => true,
  async send(messages, { now }) {
    const { tombstones, erased } = await putInboxItems(db, messages, now)
    tell(messages.map(message => message.recipient))
    return messages.map(({ intent, recipient, deliveryId }): Answer => {
      const end = erased.has(recipient) ? forErased : takenBack(intent, tombstones)
      return end ? { kind: 'takenBack', end } : { kind: 'accepted', providerId: deliveryId }
    })
  },
  async [Symbol.asyncDispose]() {},
})

const forErased: TakenBack = { outcome: 'suppressed_preference', why: { rule: 'erased' } }

import type { Database } from '#runtime/postgres.ts'
import type { Provider } from '../provider.ts'
import { putInboxItems } from './inbox-store.ts'

/** Our own inbox. An item is there exactly once, however often it is sent. Rejects when the database is away. */
export const inboxProvider = (db: Database): Provider<'in_app'> => ({
  name: 'inbox',
  channel: 'in_app',
  callSizeMax: 500,
  callsAtOnce: 1,
  mixes: () => true,
  async send(messages, { now }) {
    await putInboxItems(db, messages, now)
    return messages.map(({ deliveryId }) => ({ kind: 'accepted', providerId: deliveryId }))
  },
  async [Symbol.asyncDispose]() {},
})

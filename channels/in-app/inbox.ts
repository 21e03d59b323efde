import type { Database } from '#runtime/postgres.ts'
import type { Provider } from '../provider.ts'
import { putInbox } from './inbox-store.ts'

/** Our own inbox: the same database, so an item is there exactly once however often it is sent. */
export const inboxProvider = (db: Database): Provider<'in_app'> => ({
  ...{ name: 'inbox', channel: 'in_app', callSizeMax: 500 },
  async send(messages) {
    await putInbox(db, messages)
    return messages.map(message => ({ kind: 'accepted', providerId: message.delivery }))
  },
  async [Symbol.asyncDispose]() {},
})

import type { InboxMarks, InboxQuery } from '#contracts/inbox.ts'
import { json } from '#browser/access.ts'
import { feedOf, type InboxAccess, inboxPath, type InboxState, stateOf } from './inbox-feed.ts'

export type Inbox = {
  /** Hears the inbox now, and whenever it changes, wherever it was changed. Give back what it gives to hear no more. */
  subscribe(listener: (state: InboxState) => void): () => void
  /** Shows other items from now on: `{ unread: true }`, `{ archived: true }`, `{ thread: 't42' }`. */
  show(query: InboxQuery): void
  /** Older ones, too. */
  more(): Promise<void>
  /** Tries again now. */
  retry(): void
  /** Marks at once, here and on every other surface; what cannot be saved is taken back, and throws. */
  mark(marks: InboxMarks): Promise<void>
  /** `mark`, for items by their ids or for all that are there now. */
  seen(ids: readonly string[] | 'all'): Promise<void>
  read(ids: readonly string[] | 'all'): Promise<void>
  archive(ids: readonly string[] | 'all'): Promise<void>
  unarchive(ids: readonly string[]): Promise<void>
}

/** The person's inbox, kept live while somebody listens and the page is looked at. */
export function inboxOf(access: InboxAccess): Inbox {
  const { call, tenant } = access
  const listeners = new Set<(state: InboxState) => void>()
  const feed = feedOf(access, state => listeners.forEach(listener => listener(state)))
  const mark = async (marks: InboxMarks) => {
    const saved = feed.mark(marks)
    try {
      const body = { ...marks, ...(tenant !== undefined && { tenant }) }
      const { number } = (await (await call(`${inboxPath}/marks`, json('POST', body))).json()) as { number: number }
      saved(number)
    } catch (error) {
      saved()
      await feed.load().catch(() => {})
      throw error
    }
  }
  const which = (ids: readonly string[] | 'all') => (ids === 'all' ? { upTo: feed.now().model?.number ?? 0 } : { ids })
  return {
    subscribe(listener) {
      listeners.add(listener)
      listener(stateOf(feed.now()))
      feed.start()
      return () => {
        if (listeners.delete(listener) && listeners.size === 0) feed.stop()
      }
    },
    show: query => feed.show(query),
    more: () => feed.more(),
    retry: () => {
      feed.stop()
      feed.start()
    },
    mark,
    seen: ids => mark({ what: 'seen', ...which(ids) }),
    read: ids => mark({ what: 'read', ...which(ids) }),
    archive: ids => mark({ what: 'archived', ...which(ids) }),
    unarchive: ids => mark({ what: 'unarchived', ids }),
  }
}

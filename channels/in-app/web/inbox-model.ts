import type { InboxDeed } from '#contracts/engagement.ts'
import type { InboxChanges, InboxCounts, InboxItem, InboxMarks, InboxPage, InboxQuery } from '#contracts/inbox.ts'

/** What this page knows of the inbox: items from the newest on, and until which number that is all that happened. */
export type Model = {
  query: InboxQuery
  items: readonly InboxItem[]
  counts: InboxCounts
  number: number
  /** How many have come since it was read. */
  arrived: number
  /** There are older items than those that are here. */
  cursor?: string | undefined
}

export const modelOf = (page: InboxPage, query: InboxQuery): Model => ({ ...page, query, arrived: 0 })

/** With a page of older items. Pure, as all of these. */
export const withOlder = (model: Model, { items, cursor }: InboxPage): Model => ({
  ...model,
  items: sorted([...model.items, ...items]),
  cursor,
})

/** After what happened: items that come or change, and those that are gone. */
export function withChanges(model: Model, { number, items, gone, counts }: InboxChanges): Model {
  const leaving = new Set([...gone, ...items.map(item => item.id)])
  const shown = new Set(model.items.map(item => item.id))
  const staying = items.filter(item => belongs(model, item, shown.has(item.id)))
  const arrived = model.arrived + items.filter(item => item.number > model.number && !item.seen).length
  const kept = model.items.filter(item => !leaving.has(item.id))
  return { ...model, number, counts, arrived, items: sorted([...kept, ...staying]) }
}

/** What somebody reads does not vanish under their eyes; what they archive does. */
function belongs({ query, items, cursor }: Model, item: InboxItem, isShown: boolean): boolean {
  const { archived = false, unread = false, thread, type, category } = query
  if (item.archived !== archived) return false
  if (thread !== undefined && item.thread !== thread) return false
  if (type !== undefined && item.type !== type) return false
  if (category !== undefined && item.category !== category) return false
  if (isShown) return true
  if (unread && item.read) return false
  // Older ones come with their page.
  return cursor === undefined || item.number > (items.at(-1)?.number ?? 0)
}

/** As it will be once the server has done it. */
export function withMarks(model: Model, marks: InboxMarks): Model {
  const changed = model.items.filter(item => isMeant(item, marks)).map(item => marked(item, marks.what))
  const before = new Map(model.items.map(item => [item.id, item]))
  const fewer = (what: 'seen' | 'read') => changed.filter(item => item[what] && !before.get(item.id)![what]).length
  const { unseen, unread } = model.counts
  const counts = { unseen: Math.max(0, unseen - fewer('seen')), unread: Math.max(0, unread - fewer('read')) }
  return withChanges(model, { number: model.number, items: changed, gone: [], counts })
}

function isMeant({ id, number, thread }: InboxItem, marks: InboxMarks): boolean {
  if ('ids' in marks) return marks.ids.includes(id)
  if (marks.thread !== undefined && marks.thread !== thread) return false
  return 'all' in marks || number <= marks.upTo
}

function marked(item: InboxItem, what: InboxDeed): InboxItem {
  switch (what) {
    case 'seen':
      return { ...item, seen: true }
    case 'read':
      return { ...item, seen: true, read: true }
    case 'archived':
      return { ...item, seen: true, read: true, archived: true }
    case 'unarchived':
      return { ...item, archived: false }
    default:
      return what satisfies never
  }
}

const sorted = (items: InboxItem[]): InboxItem[] =>
  [...new Map(items.map(item => [item.id, item])).values()].sort((a, b) => b.number - a.number)

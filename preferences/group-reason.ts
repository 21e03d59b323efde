const prefix = 'unsubscribed_group_'

/** The reason of who has left one unsubscribe group of a provider: the only one that a word of its own takes back. */
export const groupReason = (group: string | number): string => `${prefix}${group}`

/** In SQL: whether a reason is a group's. */
export const ofGroup = (column: string): string => `starts_with(${column}, '${prefix}')`

/** What is sent, in shares of a hundred: the same for the baseline and for us. */
export const mix = { fcm: 50, apns: 25, in_app: 15, email: 7, sms: 3 } as const
export type Kind = keyof typeof mix

/** The kind of the n-th notification: exact shares in every hundred, spread evenly, the same in every run. */
export const kindAt = (n: number): Kind => pattern[n % pattern.length]!

const pattern: readonly Kind[] = spread()

function spread(): Kind[] {
  const kinds = Object.keys(mix) as Kind[]
  const owed = new Map(kinds.map(kind => [kind, 0]))
  return Array.from({ length: 100 }, () => {
    for (const kind of kinds) owed.set(kind, owed.get(kind)! + mix[kind])
    const next = kinds.reduce((best, kind) => (owed.get(kind)! > owed.get(best)! ? kind : best))
    owed.set(next, owed.get(next)! - 100)
    return next
  })
}

export const people = 20_000
/** Every person can be reached by every kind. */
export const personOf = (n: number): string => `bench-${n % people}`
export const addressOf: Record<Kind, (person: number) => string> = {
  fcm: person => `fcm-token-${person}`,
  apns: person => person.toString(16).padStart(64, '0'),
  in_app: person => `bench-${person}`,
  email: person => `bench-${person}@example.com`,
  sms: person => `+1555${String(1_000_000 + person)}`,
}
export const title = 'New comment on your pull request'
/** About 300 bytes, the size of a real excerpt. */
export const bodyOf = (n: number): string =>
  `Comment ${n}: I looked at the change again and think the retry belongs one level up, where the deadline is known; ` +
  'otherwise two callers will both wait and the second one gives up first. Could you move it and add a case for the ' +
  'time-out after the request was written? The rest looks good to me, thank you for the patience with this one.'

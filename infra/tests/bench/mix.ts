/** What is sent, in shares of a hundred: the same for the baseline and for us. */
export const mix = { fcm: 50, apns: 25, in_app: 15, email: 7, sms: 3 } as const
export type Kind = keyof typeof mix
export const kinds = Object.keys(mix) as readonly Kind[]

/** The kind of the n-th notification: exact shares in every hundred, spread evenly, the same in every run. */
export const kindAt = (n: number): Kind => pattern[n % pattern.length]!

const pattern: readonly Kind[] = spread(mix)

/** The channel of the n-th fan-out intent, in the same shares: one intent to push devices has FCM and APNs in it. */
export const channelAt = (n: number): keyof typeof channelShares => channelPattern[n % channelPattern.length]!

const channelShares = { push: mix.fcm + mix.apns, in_app: mix.in_app, email: mix.email, sms: mix.sms }
const channelPattern = spread(channelShares)

function spread<K extends string>(shares: Record<K, number>): K[] {
  const names = Object.keys(shares) as K[]
  const owed = new Map(names.map(name => [name, 0]))
  return Array.from({ length: 100 }, () => {
    for (const name of names) owed.set(name, owed.get(name)! + shares[name])
    const next = names.reduce((best, name) => (owed.get(name)! > owed.get(best)! ? name : best))
    owed.set(next, owed.get(next)! - 100)
    return next
  })
}

/** Two of three people have an FCM device, the third one of Apple's: the shares of the mix. All have the rest. */
export const people = 99_999
const trios = people / 3
/** Jumps about, so that the people of one set are no neighbours in a table. */
const stride = 7_919

export const nameOf = (person: number): string => `bench-${person}`
/** The same person in a life with wishes. */
export const wishfulName = (person: number): string => `wish-${person}`

/** The person that the n-th notification is for: one who can be reached by its kind. */
export function personAt(n: number, kind: Kind): number {
  const trio = (n * stride) % trios
  return trio * 3 + (kind === 'apns' ? 2 : kind === 'fcm' ? n % 2 : n % 3)
}

/** So many different people for the n-th fan-out intent. */
export const peopleAt = (n: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => (n * 104_729 + i * stride) % people)

/** The address of person `p`, as SQL. Without a `d` in it no address says `dead`, which the simulators obey. */
export const addressOf: Record<Kind, string> = {
  fcm: `translate('fcm-token-' || md5(p::text) || md5('x' || p) || md5('y' || p), 'd', 'z')`,
  apns: `translate(md5(p::text) || md5('x' || p), 'd', '0')`,
  in_app: `'bench-' || p`,
  email: `'bench-' || p || '@example.com'`,
  sms: `'+1555' || (1000000 + p)`,
}

export const title = 'New comment on your pull request'
/** About 300 bytes, the size of a real excerpt. */
export const bodyOf = (n: number): string =>
  `Comment ${n}: I looked at the change again and think the retry belongs one level up, where the deadline is known; ` +
  'otherwise two callers will both wait and the second one gives up first. Could you move it and add a case for the ' +
  'time-out after the request was written? The rest looks good to me, thank you for the patience with this one.'

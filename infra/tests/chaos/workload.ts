import { type Ask, ask } from '#producers/sdk/ask.ts'
import { commented, invoiced, liked, mentioned, published, reminded, signedIn } from './catalogue.ts'

/** What the checks know of a type, written down a second time: they share nothing with the pipeline. */
export const facts: Readonly<Record<string, { channels: string[]; throttle?: number; deduped?: true }>> = {
  'comment.created': { channels: ['push', 'in_app'] },
  'post.liked': { channels: ['push', 'in_app'], deduped: true },
  'mention.created': { channels: ['push'], throttle: 5 },
  'reminder.due': { channels: ['sms'], throttle: 2 },
  'invoice.sent': { channels: ['email'] },
  'code.asked': { channels: ['sms', 'in_app'] },
  'news.published': { channels: ['in_app', 'email'] },
}

/** One intent to publish, and whom it must reach or be refused for. */
export type Work = { ask: Ask; type: string; about: string; recipients: string[] }
export type Endpoint = { id: string; channel: string; provider: string; address: string; state: string; since: number }
export type Population = { people: { id: string; endpoints: Endpoint[] }[]; audiences: Map<string, string[]> }

/** Numbers from 0 to 1 that the seed decides (mulberry32, https://github.com/bryc/code/blob/master/jshash/PRNGs.md). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const audienceSize = 40

/** People with a phone number, a mailbox and a device each, every other one with two devices; and a few audiences. */
export function population(count: number): Population {
  const people = Array.from({ length: count }, (_, n) => ({ id: `r${n}`, endpoints: endpointsOf(n) }))
  const audiences = new Map<string, string[]>()
  for (let at = 0; at + audienceSize <= count; at += audienceSize)
    audiences.set(
      `room-${at}`,
      people.slice(at, at + audienceSize).map(person => person.id),
    )
  return { people, audiences }
}

function endpointsOf(n: number): Endpoint[] {
  const all = [
    ['phone', 'push', 'fcm', `token-${n}`],
    ['tablet', 'push', 'apns', n.toString(16).padStart(64, '0')],
    ['number', 'sms', 'twilio', `+1555${String(n).padStart(7, '0')}`],
    ['mail', 'email', 'sendgrid', `r${n}@example.com`],
  ] as const
  return all
    .filter(([id]) => id !== 'tablet' || n % 2 === 0)
    .map(([id, channel, provider, address]) => ({ id, channel, provider, address, state: 'active', since: 0 }))
}

/** Intents without end, always the same ones for the same seed. */
export function* workload(seed: number, { people, audiences }: Population): Generator<Work, never> {
  const random = randomFrom(seed)
  const below = (n: number) => Math.floor(random() * n)
  const rooms = [...audiences.keys()]
  const some = (most: number) => [
    ...new Set(Array.from({ length: 1 + below(most) }, () => people[below(people.length)]!.id)),
  ]
  for (let n = 0; ; n++) {
    const key = `${seed}-${n}`
    const said = (type: typeof commented, about: string, recipients: string[]): Work => ({
      ask: ask(type, { to: recipients, data: { about }, key }),
      type: type.type,
      about,
      recipients,
    })
    const share = random()
    if (share < 0.3) yield said(commented, key, some(3))
    else if (share < 0.5) yield said(liked, `post-${below(20)}`, some(4))
    else if (share < 0.65) yield said(mentioned, key, some(2))
    else if (share < 0.73) yield said(reminded, key, some(2))
    else if (share < 0.87) yield said(invoiced, key, some(2))
    else if (share < 0.97) yield said(signedIn, key, some(1))
    else {
      const audience = rooms[below(rooms.length)]!
      const asked = ask(published, { to: [{ audience }], data: { about: key }, key })
      yield { ask: asked, type: published.type, about: key, recipients: audiences.get(audience)! }
    }
  }
}

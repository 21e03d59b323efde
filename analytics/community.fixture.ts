import type { Channel } from '#contracts/channel.ts'
import type { EventPack, EventSlot } from '#contracts/event.ts'
import { at, decidedPack, engagedPack, intentFacts, settledPack } from '#tests/analytics/packs.fixture.ts'
import type { Dashboard } from './dashboard.fixture.ts'

type Kind = { type: string; category: string; channel: Channel; provider: string; share: number; takesMs: number }

const kinds: readonly Kind[] = [
  { type: 'comment.created', category: 'social', channel: 'push', provider: 'fcm', share: 1, takesMs: 220 },
  { type: 'mention.created', category: 'social', channel: 'push', provider: 'apns', share: 0.7, takesMs: 180 },
  { type: 'build.failed', category: 'work', channel: 'in_app', provider: 'inbox', share: 0.45, takesMs: 60 },
  { type: 'invoice.due', category: 'billing', channel: 'email', provider: 'sendgrid', share: 0.3, takesMs: 1_900 },
  { type: 'login.code', category: 'security', channel: 'sms', provider: 'twilio', share: 0.15, takesMs: 650 },
]
const hourMs = 3_600_000
const members = 240

/**
 * Two days until the fixture's noon as a community might have them: five types on every channel, more by day than by night, each with
 * what keeps some of it back, what is looked at, and an experiment on comments whose longer words bring more people into the thread.
 */
export async function storeCommunity(world: Dashboard): Promise<void> {
  const random = randomFrom(7)
  for (let hour = 35; hour >= 0; hour--) {
    const occurredAt = at - hour * hourMs
    const day = new Date(occurredAt).toISOString().slice(0, 10)
    const busy = 0.25 + 0.75 * Math.sin((Math.PI * ((24 + 12 - (hour % 24)) % 24)) / 24) ** 2 + (hour < 24 ? 0.12 : 0)
    await world.store(
      kinds.flatMap((kind, n) => anHour(kind, { key: `c-${n}-${hour}`, occurredAt, day, busy, random })),
    )
  }
  await world.db.query(
    `insert into product_events (recipient, event, at)
     select 'member-' || n, 'thread.joined', $1::timestamptz - n * interval '2 minutes' from generate_series(0, $2 - 1) n
     where n % 7 = 0 or n % 2 = 1 and n % 3 = 0`,
    [new Date(at), members],
  )
}

type Hour = { key: string; occurredAt: number; day: string; busy: number; random: () => number }

function anHour(kind: Kind, { key, occurredAt, day, busy, random }: Hour): EventPack[] {
  const { type, category, channel, provider, share, takesMs } = kind
  const size = Math.round(members * 0.5 * share * busy * (0.85 + 0.3 * random()))
  const from = Math.floor(random() * members)
  const all = Array.from({ length: size }, (_, n) => (from + n) % members)
  const of = { intents: [intentFacts(key, { type, category, occurredAt })], at: occurredAt + 40, day }
  const armOf = (n: number) => (type === 'comment.created' ? { arm: `wording/${n % 2 === 0 ? 'short' : 'long'}` } : {})
  const slot = (n: number, of: Pick<EventSlot, 'what'> & Partial<EventSlot>): EventSlot => ({
    ...{ i: 0, recipient: `member-${n}`, channel, ...armOf(n), ...of },
  })
  const whys = [
    ...[{ rule: 'default' as const }, { rule: 'muted_thread' as const, value: 'Lunch on Friday' }],
    ...[{ rule: 'quiet_hours' as const, value: new Date(occurredAt + 9 * hourMs).toISOString() }],
    ...[
      { rule: 'throttled' as const, value: '10 in 1h' },
      { rule: 'no_endpoint' as const, value: channel },
    ],
  ]
  const decisions = all.map(n => {
    const luck = random()
    if (luck < 0.05) return slot(n, { what: 'suppressed_mute', w: 1 })
    if (luck < 0.11 && channel !== 'in_app') return slot(n, { what: 'held', w: 2 })
    if (luck < 0.14) return slot(n, { what: 'throttled', w: 3 })
    if (luck < 0.17 && channel !== 'in_app') return slot(n, { what: 'no_endpoint', w: 4 })
    return slot(n, { what: 'deliver', w: 0 })
  })
  const told = decisions.filter(({ what }) => what === 'deliver')
  const ends = told.map(one => ({ ...one, luck: random() }))
  const settled = Map.groupBy(ends, () => Math.floor(random() ** 3 * 8))
  const packs = [...settled].map(([late, some]) =>
    settledPack([], {
      ...{ ...of, at: occurredAt + 60 + Math.round(takesMs * (0.6 + late * (0.4 + late))), provider },
      slots: some.map(({ luck, w: _w, ...one }) => ({ ...one, endpoint: 'phone', what: endOf(channel, luck) })),
    }),
  )
  const looked = ends.filter(({ luck }) => luck > 0.04 && luck < 0.55)
  const opened = looked.filter(({ luck }) => luck < 0.22)
  const deeds = [
    ...looked.map(({ recipient }) => ({ recipient, channel, what: 'seen' as const })),
    ...opened.map(({ recipient }) => ({ recipient, channel, what: 'opened' as const })),
  ]
  return [
    decidedPack([], { ...of, whys, slots: decisions }),
    ...packs,
    engagedPack(deeds, { ...of, at: occurredAt + 90_000 + Math.round(random() * 600_000) }),
  ]
}

function endOf(channel: Channel, luck: number): EventSlot['what'] {
  if (channel === 'in_app') return 'delivered'
  return luck < 0.02 ? 'address_dead' : luck < 0.03 ? 'rejected' : 'sent'
}

/** Numbers from 0 to 1, the same at every run (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

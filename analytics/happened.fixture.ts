import fc from 'fast-check'
import type { EventPack, EventSlot, IntentFacts } from '#contracts/event.ts'

const whys = [{ rule: 'default' }, { rule: 'rejected' }, { rule: 'rerouted', value: 'b called' }] as EventPack['whys']
type Told = Partial<EventSlot> & { kind: EventPack['kind']; what: EventSlot['what'] }
const told: Told[] = [
  ...[{ kind: 'decided', what: 'deliver', w: 0 } as const, { kind: 'decided', what: 'throttled', w: 0 } as const],
  { kind: 'decided', what: 'deliver', w: 0, locale: 'de-AT', arm: 'wording/long' },
  { kind: 'decided', what: 'held', w: 0, locale: 'zh-Hant-TW', arm: 'Wording/b' },
  ...[{ kind: 'settled', what: 'sent' } as const, { kind: 'settled', what: 'delivered' } as const],
  ...[{ kind: 'settled', what: 'rejected', w: 1, called: true } as const, { kind: 'settled', what: 'moved' } as const],
  ...[{ kind: 'settled', what: 'moved', w: 2 } as const, { kind: 'settled', what: 'in_doubt', w: 0 } as const],
  ...[{ kind: 'standing', what: 'delivered' } as const, { kind: 'standing', what: 'bounced' } as const],
  ...(['seen', 'opened', 'read', 'acted', 'machine_opened'] as const).map(what => ({ kind: 'engaged' as const, what })),
]
/** Something that happened to a notification, `after` its intent. */
export const happened = fc.record({
  recipient: fc.constantFrom('ada', 'bob'),
  channel: fc.constantFrom('push' as const, 'email' as const, 'in_app' as const),
  told: fc.constantFrom(...told),
  after: fc.integer({ min: 0, max: 5 }),
  provider: fc.constantFrom('fcm', 'apns', 'Web'),
  platform: fc.option(fc.constantFrom('ios' as const, 'android' as const), { nil: undefined }),
  version: fc.option(fc.constantFrom('7.9', '8.0'), { nil: undefined }),
  // Only what people do is ever made up.
  simulated: fc.nat(9).map(n => n === 0),
})
export type Happened = typeof happened extends fc.Arbitrary<infer T> ? T : never

/** A pack of its own that tells of it. */
export function packOf(
  { told: { kind, ...slot }, after, provider, simulated, platform, version, ...to }: Happened,
  { n, intent }: { n: number; intent: IntentFacts },
): EventPack {
  const device = { ...(platform && { platform }), ...(version && { version }) }
  const at = intent.occurredAt + after
  return {
    ...{ v: 1, day: new Date(intent.occurredAt).toISOString().slice(0, 10), pack: `p${n}`, at, kind, provider },
    ...{ intents: [intent], whys: [...whys], simulated: simulated && kind === 'engaged' },
    slots: [{ i: 0, ...to, ...slot, ...(kind === 'settled' && device) }],
  }
}

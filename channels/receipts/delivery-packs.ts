import type { Deed, EventPack } from '#contracts/event.ts'
import { deliveryId, type EpochMs } from '#contracts/ids.ts'
import type { ToldStanding } from '#contracts/standing.ts'
import type { KnownAttempt, KnownDelivery } from '#ledger/attempts.ts'
import { pack } from '#ledger/batch.ts'
import { factsOf } from '#ledger/outbox.ts'

/** The sink takes no events of older days, and of these the ledger has everything. */
export const daysMax = 30

type Said = { at: EpochMs } & ({ kind: 'standing'; what: ToldStanding } | { kind: 'engaged'; what: Deed })

/** What was said of a delivery, under a name of the two alone: whoever says it again, of whichever attempt, says the same. */
export function deliveryPack(of: KnownAttempt, { kind, what, at }: Said): EventPack {
  const { batch, lane, channel, provider, recipient, endpoint, intent, day } = of
  return {
    ...{ v: 1, day, at, kind, batch, provider, whys: [] },
    pack: `${deliveryId({ intent: intent.id, recipient, endpoint })}/${what}`,
    intents: [factsOf(intent, lane)],
    slots: [{ i: 0, recipient, channel, endpoint, what }],
  }
}

/**
 * What a person did with several deliveries at once, a pack for each provider. Whoever tells it knows that nobody has told it
 * before: of all of these the name holds only the first.
 */
export const deedPacks = (of: readonly KnownDelivery[], { what, at }: { what: Deed; at: EpochMs }): EventPack[] =>
  [...Map.groupBy(of, ({ provider }) => provider)].map(([provider, own]) => {
    const kinds = pack(own, ({ intent }) => intent.id)
    const [first] = own as [KnownDelivery]
    const named = deliveryId({ ...first, intent: first.intent.id })
    return {
      ...{ v: 1, day: new Date(at).toISOString().slice(0, 10), at, kind: 'engaged', provider, whys: [] },
      pack: `deed/${named}/${what}`,
      intents: kinds.values.map(({ intent, lane }) => factsOf(intent, lane)),
      slots: own.map(({ recipient, channel, endpoint }, n) => ({
        ...{ i: kinds.picks?.[n] ?? 0, recipient, channel, endpoint, what },
      })),
    }
  })

/** Of packs of one name the last. */
export const eachOnce = (packs: readonly EventPack[]): EventPack[] => [
  ...new Map(packs.map(pack => [pack.pack, pack])).values(),
]

import { armLabel } from '#contracts/arms.ts'
import type { Catalogue } from '#contracts/catalogue.ts'
import { platformOf } from '#contracts/channel.ts'
import type { SlotFacts } from '#contracts/event.ts'
import type { ClaimedBatch } from '#ledger/batch.ts'
import type { OutMessage } from './provider.ts'

/**
 * What the events tell of the slots of a batch besides how they ended: the arm of the person, what the device runs. Most
 * batches have neither, and `facts` is absent. Pure.
 */
export function slotFacts(
  { batch, messages = [] }: { batch: ClaimedBatch; messages?: readonly OutMessage[] },
  { catalogue }: { catalogue: Catalogue },
): { facts?: (SlotFacts | undefined)[] } {
  const entries = batch.intents.map(intent => catalogue.types.get(intent.type))
  const armed = entries.some(entry => entry?.arms)
  if (!armed && batch.channel !== 'push') return {}
  const facts = batch.slots.map(({ intent, recipient }): SlotFacts | undefined => {
    const arm = armed ? armLabel(entries[intent] ?? {}, recipient) : undefined
    return arm === undefined ? undefined : { arm }
  })
  if (batch.channel === 'push') for (const message of messages) addDevice(facts, message)
  return facts.some(one => one !== undefined) ? { facts } : {}
}

function addDevice(facts: (SlotFacts | undefined)[], { endpoint, place, others = [] }: OutMessage): void {
  const platform = platformOf(endpoint)
  const { version } = endpoint
  if (platform === undefined && version === undefined) return
  const device = { ...(platform !== undefined && { platform }), ...(version !== undefined && { version }) }
  facts[place] = { ...facts[place], ...device }
  for (const one of others) facts[one.place] = { ...facts[one.place], ...device }
}

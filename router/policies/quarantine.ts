import type { AnyNotificationType } from '#contracts/catalogue.ts'
import type { Rule, Verdict } from '#contracts/decision.ts'
import type { IntentId } from '#contracts/ids.ts'
import type { Intent } from '#contracts/intent.ts'
import { type Guard, type Quarantine, recipientsMaxPreset } from '#contracts/quarantine.ts'
import type { CarriedIntent } from '#ledger/batch.ts'
import type { NewQuarantine } from '#ledger/quarantine.ts'
import type { Question } from '../decide.ts'

/** What waits for an operator is looked at again after this time, and waits on. */
const lookedAtMs = 30 * 86_400_000

/** What an operator has discarded ends; what is in quarantine waits until it expires, but for the sample. */
export function quarantined({ quarantine, intent, person, at }: Question): Verdict | undefined {
  switch (quarantine?.state) {
    case undefined:
      return undefined
    case 'discarded':
      return { kind: 'refused', outcome: 'discarded', why: { rule: 'discarded' } }
    case 'open':
      if (quarantine.sample.includes(person.id)) return undefined
      return {
        ...{ kind: 'held', reason: 'quarantine' },
        until: Math.min(at + lookedAtMs, (intent.expiresAt ?? Infinity) + 1),
        why: { rule: ruleOf[quarantine.guard], value: String(quarantine.most) },
      }
    default:
      return quarantine satisfies never
  }
}

const ruleOf: Record<Guard, Rule> = { recipients: 'quarantined', volume: 'volume', members: 'quarantined' }

/** An operator who decides alone may want to know that there are no more than this. */
const countedAtLeast = 10_000

/** How far the recipients of an intent are counted: one further tells that there are more. */
export const countedTo = (entry: AnyNotificationType): number => Math.max(mostOf(entry), countedAtLeast) + 1

const mostOf = ({ maxRecipients = recipientsMaxPreset }: AnyNotificationType): number => maxRecipients

/** The quarantine of an intent that is for more people than its type allows; undefined for others, and for a dry run. */
export function tooMany(
  { intent, entry }: { intent: Pick<CarriedIntent, 'id' | 'type' | 'producer' | 'dryRun'>; entry: AnyNotificationType },
  { named, members, guard = 'recipients' }: { named: number; members: number; guard?: Exclude<Guard, 'volume'> },
): NewQuarantine | undefined {
  const most = mostOf(entry)
  if (named + members <= most || intent.dryRun) return undefined
  const upTo = countedTo(entry) - 1
  return {
    ...{ intent: intent.id, type: intent.type, producer: intent.producer, guard, most, volume: 0 },
    ...{ recipients: Math.min(named + members, upTo), more: named + members > upTo },
  }
}

/** The greatest number that the ledger's column holds. */
const countMax = 2 ** 31 - 1

/** The quarantine of an intent whose type and producer have more recipients in ten minutes than they may. */
export function tooMuch(
  { intent, entry }: { intent: Intent; entry: AnyNotificationType },
  { named, members, blast }: { named: number; members: number; blast: { volume: number; limit: number } | undefined },
): NewQuarantine | undefined {
  if (!blast) return undefined
  const { volume } = blast
  const most = Math.min(blast.limit, countMax)
  return {
    ...{ intent: intent.id, type: intent.type, producer: intent.producer, guard: 'volume', most, volume },
    ...{ recipients: named + members, more: named + members >= countedTo(entry) },
  }
}

/** Cases to be decided with what is known of the quarantines of their intents. */
export const underQuarantine = <C extends { intent: CarriedIntent }>(
  cases: readonly C[],
  quarantines: ReadonlyMap<IntentId, Quarantine>,
): readonly (C & { quarantine?: Quarantine })[] => {
  if (quarantines.size === 0) return cases
  return cases.map(one => {
    const quarantine = quarantines.get(one.intent.id)
    return quarantine ? { ...one, quarantine } : one
  })
}

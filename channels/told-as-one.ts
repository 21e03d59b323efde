import type { DigestItem } from '#contracts/catalogue.ts'
import type { IntentId } from '#contracts/ids.ts'
import type { Answer } from '#contracts/outcome.ts'
import type { SlotResult } from '#ledger/batch.ts'
import type { Target } from './recheck.ts'
import { notCalled } from './settle.ts'

/** So many items go with what is told; the count is of all. */
const itemsMax = 50

/**
 * What is told as one to an endpoint becomes one target: the last of those that may be told, with what it tells of all of
 * them, and who the others are. A batch holds either all of it or none. Pure.
 */
export function toldAsOne(targets: readonly Target[]): readonly Target[] {
  if (!targets.some(one => one.intent.digest)) return targets
  const groups = Map.groupBy(targets, one =>
    one.intent.digest ? `${one.intent.digest.id} ${one.recipient} ${one.endpoint.id}` : one,
  )
  return [...groups.values()].map(speaking)
}

function speaking(members: readonly Target[]): Target {
  const last = members.at(-1)!
  const into = last.intent.digest?.into
  // One alone speaks for itself.
  if (members.length === 1 && into === undefined) return last
  // Words of a type see data of no other.
  const told = into === undefined ? members.filter(one => one.intent.type === last.intent.type) : members
  const digest = { count: members.length, items: told.slice(-itemsMax).map(itemOf) }
  return { ...last, digest, others: members.slice(0, -1) }
}

function itemOf({ intent: { type, data, occurredAt, actor, thread } }: Target): DigestItem {
  return {
    ...{ type, data, occurredAt },
    ...(actor !== undefined && { actor }),
    ...(thread !== undefined && { thread }),
  }
}

/** The slots that a target's message is for. */
export const placesOf = ({ place, others = [] }: Target): number[] => [place, ...others.map(one => one.place)]

/**
 * What becomes of one that was told by another, whose answer came to `result`, settled for this one. Where the message is
 * not told, it ends as that does; but for what was taken back since the claim, which takes only itself along.
 */
export function toldBy(speaker: IntentId, answer: Answer, result: SlotResult): SlotResult {
  const why = { rule: 'digested', value: speaker } as const
  if (answer.kind === 'takenBack') return { kind: 'retry', dueInMs: 0, spent: false, why: notCalled }
  switch (result.kind) {
    case 'doubt':
      return result
    case 'retry':
      return { why, ...result }
    case 'closed': {
      const told = result.outcome === 'sent' || result.outcome === 'delivered'
      const outcome = told ? 'digested' : result.outcome
      return { kind: 'closed', outcome, why: result.why ?? why, ...((told || result.called) && { called: true }) }
    }
    default:
      return result satisfies never
  }
}

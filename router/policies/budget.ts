import type { AnyNotificationType, Budget } from '#contracts/catalogue.ts'
import { durationMs } from '#contracts/catalogue.ts'
import type { Why } from '#contracts/decision.ts'
import type { EpochMs } from '#contracts/ids.ts'
import { newDigest, type OpenDigest } from '#ledger/digests.ts'
import type { ChannelDecision, Released } from '../decide.ts'
import type { OwnDigests } from './digest.ts'
import { countSend, type Limit, nextFree, type Windows } from './windows.ts'

type Asked = {
  entry: AnyNotificationType
  person: { id: string }
  at: EpochMs
  windows: Windows
  digests: OwnDigests
  released?: Released
}

/**
 * What finds a place in every budget of its channel takes one. Else it waits, with all that waits already, for the first of
 * them that has none: a digest by the budget's name, due when a place falls free or the wait is over. Types that are
 * exempt take their place whether there is one or not.
 */
export function withinBudgets(asked: Asked, decisions: ChannelDecision[]): ChannelDecision[] {
  const { entry, windows, at, digests } = asked
  return decisions.map(decision => {
    const budgets = entry.budgets?.filter(budget => budget.channel === decision.channel) ?? []
    if (decision.verdict.kind !== 'deliver' || budgets.length === 0) return decision
    const full = isExempt(entry)
      ? undefined
      : budgets.find(budget => digests.has(roomOf(budget)) || nextFree(windows, limitOf(budget), at) > at)
    if (full) return waiting(asked, decision, full)
    for (const budget of budgets) countSend(windows, limitOf(budget), at)
    return decision
  })
}

/** What a type says of itself that is never kept waiting by others of its kind. */
const isExempt = ({ budget, mandatory, sensitive }: AnyNotificationType): boolean =>
  budget === 'exempt' || (mandatory ?? false) || (sensitive ?? false)

/** No type is named so: they have no colon. */
const limitOf = ({ name, limit, per }: Budget): Limit => ({ name: `budget:${name}`, limit, per })
const roomOf = ({ name }: Budget): string => `budget:${name}`

function waiting(asked: Asked, { channel, digest }: ChannelDecision, budget: Budget): ChannelDecision {
  const { person, at, windows, digests, released } = asked
  const value = `${budget.limit} in ${budget.per} by ${channel}`
  if (budget.afterwards === 'expire' && isOver(budget, released?.since ?? at, at))
    return {
      channel,
      endpoints: [],
      verdict: { kind: 'refused', outcome: 'over_budget', why: why('over_budget', value) },
    }
  const key = roomOf(budget)
  const openedAt = released?.since ?? at
  const free = nextFree(windows, limitOf(budget), at)
  const dueAt = budget.afterwards === 'expire' ? Math.min(free, openedAt + durationMs(budget.wait)) : free
  const room = digests.get(key) ?? newDigest({ recipient: person.id, key, openedAt, dueAt })
  digests.set(key, room)
  room.n++
  const verdict = { kind: 'held', reason: 'budget', until: room.dueAt, why: why('budget', value) } as const
  return { channel, endpoints: [], digest: room, ...(digest && { opens: digest }), verdict }
}

const why = (rule: 'budget' | 'over_budget', value: string): Why => ({ rule, value })

const isOver = (budget: Budget, since: EpochMs, at: EpochMs): boolean => at >= since + durationMs(budget.wait)

/**
 * What becomes of a room that is due: undefined, each goes by itself as far as there are places, what is worth most first.
 * When the wait is over and the rest is to be told together, `places` is how many go by themselves; none is left for the
 * rest before `free`.
 */
export function togetherNow(
  room: OpenDigest,
  { entry, windows, at }: Pick<Asked, 'entry' | 'windows' | 'at'>,
  waiting: number,
): { places: number } | { free: EpochMs } | undefined {
  const budget = entry.budgets?.find(one => roomOf(one) === room.key)
  if (budget?.afterwards !== 'digest' || !isOver(budget, room.openedAt, at)) return undefined
  const limit = limitOf(budget)
  const free = nextFree(windows, limit, at)
  if (free > at) return { free }
  const from = at - durationMs(budget.per)
  const places = budget.limit - (windows.t[limit.name]?.[1] ?? []).filter(instant => instant > from).length
  return waiting <= places ? undefined : { places: places - 1 }
}

import type { Channel } from '#contracts/channel.ts'
import type { Why } from '#contracts/decision.ts'
import type { EpochMs } from '#contracts/ids.ts'
import type { CarriedIntent } from '#ledger/batch.ts'
import type { OpenDigest } from '#ledger/digests.ts'
import { allowed, type ChannelDecision, isDeliver, leaving, type Question, quiet, refused } from './decide.ts'
import { stoppedDigestMs } from './policies/stops.ts'
import { togetherNow } from './policies/budget.ts'
import { carriedDigest } from './policies/digest.ts'

export type Together = { intent: CarriedIntent; decisions: ChannelDecision[] }

/**
 * Intents for one person that waited for the same, which is due: a digest's, or a budget's. Each is decided again for
 * itself. Gives the decisions of each, in the order of the questions, which is that of what happened; `waits` is until
 * when all of it must wait instead: the end of quiet hours or of a stop, or a place in the budget. Pure but for windows and digests.
 */
export function decideTogether(
  digest: OpenDigest,
  questions: readonly Question[],
): { decided: Together[] } | { waits: EpochMs } {
  const waits = questions.flatMap(question => waitsUntil(question) ?? [])
  const inBudget = questions[0]?.released?.reason === 'budget'
  // Of a budget nobody waits for others; what is told as one waits as one.
  if (waits.length > 0 && !(inBudget && questions.some(leaves))) return { waits: waits[0]! }
  return inBudget ? byValue(digest, questions) : { decided: asOne(digest, questions) }
}

/** Until when something other than the budget holds it: the end of quiet hours, or a stop that is asked about again. */
function waitsUntil(question: Question): EpochMs | undefined {
  for (const { verdict } of quiet(question, allowed(question)))
    if (verdict.kind === 'held') return verdict.why.rule === 'stopped' ? question.at + stoppedDigestMs : verdict.until
  return undefined
}

const leaves = (question: Question): boolean => quiet(question, allowed(question)).some(isDeliver)

/** By each channel the last of those that may leave tells them all, under the rules for what leaves now. */
function asOne(digest: OpenDigest, questions: readonly Question[]): Together[] {
  const each = questions.map(allowed)
  const lastBy = new Map<Channel, number>()
  for (const [at, decisions] of each.entries())
    for (const one of decisions) if (isDeliver(one)) lastBy.set(one.channel, at)

  return questions.map((question, at) => {
    const told = each[at]!.map((one): ChannelDecision => {
      const last = lastBy.get(one.channel)
      if (!isDeliver(one) || last === at) return one
      const why: Why = { rule: 'digested', value: questions[last!]!.intent.id }
      return { channel: one.channel, verdict: refused('digested', why), endpoints: [] }
    })
    const { intent, entry, released } = question
    const channels = told.filter(isDeliver).map(one => one.channel)
    if (channels.length === 0) return { intent, decisions: told }
    const items = questions.filter((_, other) =>
      each[other]!.some(one => isDeliver(one) && channels.includes(one.channel)),
    )
    const into = released?.reason === 'digest' ? entry.digest?.into : undefined
    const content = carriedDigest(
      digest.id,
      items.map(item => item.intent),
      into,
    )
    return { intent: content ? { ...intent, digest: content } : intent, decisions: leaving(question, told) }
  })
}

/** What is worth most goes first, as far as the budget has places; the rest waits on, or is told as one when it has waited enough. */
function byValue(room: OpenDigest, questions: readonly Question[]): { decided: Together[] } | { waits: EpochMs } {
  const worthMostFirst = [...questions].sort((a, b) => b.entry.value - a.entry.value)
  const leave = worthMostFirst.filter(leaves)
  const [first] = leave
  const over = first?.windows && togetherNow(room, { ...first, windows: first.windows }, leave.length)
  if (over && 'free' in over) return { waits: over.free }
  const together = over ? leave.slice(over.places) : []
  const decided = new Map<Question, Together>()
  for (const question of worthMostFirst)
    if (!together.includes(question))
      decided.set(question, { intent: question.intent, decisions: leaving(question, allowed(question)) })
  // The last of them speaks for the others: what is worth most.
  const rest = together.toReversed()
  for (const [at, one] of asOne(room, rest).entries()) decided.set(rest[at]!, one)
  return { decided: questions.map(question => decided.get(question)!) }
}

import type { Channel } from '#contracts/channel.ts'
import type { Verdict } from '#contracts/decision.ts'
import { type EpochMs, type IntentId, newDigestId } from '#contracts/ids.ts'
import type { CarriedIntent } from '#ledger/batch.ts'
import { digestMax, newDigest, type OpenDigest } from '#ledger/digests.ts'
import { allowed, type ChannelDecision, isDeliver, leaving, type Question, quiet, refused } from './decide.ts'
import { stoppedDigestMs } from './policies/stops.ts'
import { togetherNow } from './policies/budget.ts'

/** What was decided of one of the questions; its intent as it goes on. */
export type Together = { question: Question; intent: CarriedIntent; decisions: ChannelDecision[] }

/**
 * Intents for one person that waited for the same, which is due: a digest's, or a budget's. Each is decided again for
 * itself; what is told as one goes on as its members, the one that speaks for them last. `waits` is until when all of it
 * must wait instead: the end of quiet hours or of a stop, or a place in the budget. Pure but for windows and digests.
 */
export function decideTogether(
  digest: OpenDigest,
  questions: readonly Question[],
): { decided: Together[] } | { waits: EpochMs } {
  const inBudget = questions[0]?.released?.reason === 'budget'
  const stopped = inBudget ? [] : questions.filter(isStopped)
  const going = stopped.length < questions.length ? questions.filter(one => !stopped.includes(one)) : questions
  const waits = going.flatMap(question => waitsUntil(question) ?? [])
  // Of a budget nobody waits for others; what is told as one waits as one.
  if (waits.length > 0 && !(inBudget && questions.some(leaves))) return { waits: waits[0]! }
  if (inBudget) return byValue(digest, questions)
  const told = new Map(asOne(digest, going).map((one, at) => [going[at], one]))
  const apart = stoppedApart(digest, stopped)
  return { decided: questions.map(one => told.get(one) ?? apart(one)) }
}

const isStopped = (question: Question): boolean =>
  allowed(question).some(({ verdict }) => verdict.kind === 'held' && verdict.why.rule === 'stopped')

/** What is stopped keeps nobody else waiting: it waits in a digest of its own, which takes nothing more. */
function stoppedApart(
  { recipient, key, openedAt }: OpenDigest,
  stopped: readonly Question[],
): (question: Question) => Together {
  const until = (stopped[0]?.at ?? 0) + stoppedDigestMs
  const digest = { ...newDigest({ recipient, key, openedAt, dueAt: until }), full: true, n: stopped.length }
  return question => ({
    ...{ question, intent: question.intent },
    decisions: allowed(question).map(({ verdict, ...one }) =>
      verdict.kind === 'held'
        ? { ...one, digest, verdict: { ...verdict, reason: question.released?.reason ?? verdict.reason, until } }
        : { ...one, verdict },
    ),
  })
}

/** Until when something other than the budget holds it: the end of quiet hours, or a stop that is asked about again. */
function waitsUntil(question: Question): EpochMs | undefined {
  for (const { verdict } of quiet(question, allowed(question)))
    if (verdict.kind === 'held') return verdict.why.rule === 'stopped' ? question.at + stoppedDigestMs : verdict.until
  return undefined
}

const leaves = (question: Question): boolean => quiet(question, allowed(question)).some(isDeliver)

/**
 * By each channel the last of those that may leave asks the rules for what leaves now, for them all: they are one
 * notification. What it hears is said to each of them.
 */
function asOne(digest: OpenDigest, questions: readonly Question[]): Together[] {
  if (questions.length > digestMax)
    return [...asOne(digest, questions.slice(0, digestMax)), ...asOne(digest, questions.slice(digestMax))]
  const members = questions.map(question => ({ question, decisions: allowed(question) }))
  const going = members.filter(({ decisions }) => decisions.some(isDeliver))
  const into = intoOf(going)
  if (going.length < 2 && into === undefined)
    return members.map(({ question, decisions }) => ({
      ...{ question, intent: question.intent },
      decisions: leaving(question, decisions),
    }))
  const heard = notification(digest, going)
  const told = { id: newDigestId(), ...(into !== undefined && { into }) }
  return members.map(({ question, decisions }) => ({
    question,
    intent: decisions.some(isDeliver) ? { ...question.intent, digest: told } : question.intent,
    decisions: decisions.map(one => (isDeliver(one) ? saidTo(question, one, heard.get(one.channel)!) : one)),
  }))
}

type Member = { question: Question; decisions: readonly ChannelDecision[] }

/** The digest by whose templates all of it is told: the one they waited in, now or before what they had to wait for since. */
function intoOf(members: readonly Member[]): string | undefined {
  const names = members.map(({ question: { intent, entry, released } }) =>
    intent.digest ? intent.digest.into : released?.reason === 'digest' ? entry.digest?.into : undefined,
  )
  return names.every(name => name === names[0]) ? names[0] : undefined
}

type Heard = { speaker: IntentId; decision: ChannelDecision }

/** What becomes of a notification for all of these, by channel. A throttle counts it once, whatever its members did before. */
function notification(digest: OpenDigest, members: readonly Member[]): Map<Channel, Heard> {
  const speakers = new Map<Channel, Question>()
  for (const { question, decisions } of members)
    for (const one of decisions) if (isDeliver(one)) speakers.set(one.channel, question)

  let countedAt = countedBefore(members)
  const heard = new Map<Channel, Heard>()
  for (const { question, decisions } of members) {
    const spoken = decisions.filter(one => isDeliver(one) && speakers.get(one.channel) === question)
    if (spoken.length === 0) continue
    const { countedAt: _, ...released } = question.released!
    const asked = { ...question, released: { ...released, ...(countedAt !== undefined && { countedAt }) } }
    const left = leaving(asked, spoken)
    if (question.entry.throttle && left.some(isSent)) countedAt = question.at
    for (const decision of left) heard.set(decision.channel, { speaker: question.intent.id, decision })
  }
  for (const [channel, { decision, ...one }] of heard)
    if (decision.verdict.kind === 'held') {
      const n = members.filter(member => member.decisions.some(one => isDeliver(one) && one.channel === channel)).length
      const waiting = { ...decision, digest: waitsWith(digest, decision, n) }
      heard.set(channel, { ...one, decision: countedAt === undefined ? waiting : { ...waiting, countedAt } })
    }
  return heard
}

/** When it was counted: all of it has been told as one before, by another channel. */
function countedBefore([first, ...others]: readonly Member[]): EpochMs | undefined {
  const { digest } = first!.question.intent
  const same = digest && others.every(({ question }) => question.intent.digest?.id === digest.id)
  return same ? first!.question.released?.countedAt : undefined
}

/** Who is held out has used a place as if it had been sent. */
const isSent = (one: ChannelDecision): boolean =>
  isDeliver(one) || (one.verdict.kind === 'refused' && one.verdict.outcome === 'holdout')

/** What it waits in, all of it: what its speaker joined, or one of its own, which takes nothing more. */
function waitsWith(from: OpenDigest, { verdict, digest }: ChannelDecision, n: number): OpenDigest {
  if (digest) return Object.assign(digest, { n: digest.n + n - 1 })
  const { recipient, key, openedAt } = from
  const dueAt = verdict.kind === 'held' ? verdict.until : openedAt
  return { ...newDigest({ recipient, key, openedAt, dueAt }), n, full: true }
}

/** What the notification hears is the member's as well. Of one that is held out there is one, as there would have been. */
function saidTo({ intent }: Question, own: ChannelDecision, { speaker, decision }: Heard): ChannelDecision {
  const { verdict } = decision
  if (verdict.kind === 'deliver') return own
  if (verdict.kind === 'refused' && verdict.outcome === 'holdout' && intent.id !== speaker)
    return { ...decision, verdict: asDigested(speaker) }
  return decision
}

const asDigested = (speaker: IntentId): Verdict => refused('digested', { rule: 'digested', value: speaker })

/** What is worth most goes first, as far as the budget has places; the rest waits on, or is told as one when it has waited enough. */
function byValue(room: OpenDigest, questions: readonly Question[]): { decided: Together[] } | { waits: EpochMs } {
  const worthMostFirst = notifications(questions).sort((a, b) => valueOf(b) - valueOf(a))
  const leave = worthMostFirst.filter(one => one.some(leaves))
  const first = leave[0]?.[0]
  const over = first?.windows && togetherNow(room, { ...first, windows: first.windows }, leave.length)
  if (over && 'free' in over) return { waits: over.free }
  const together = over ? leave.slice(over.places) : []
  const alone = worthMostFirst.filter(one => !together.includes(one))
  // The last of them speaks for the others: what is worth most.
  const rest = together.toReversed().flat()
  return { decided: [...alone, ...(rest.length > 0 ? [rest] : [])].flatMap(one => asOne(room, one)) }
}

/** Each by itself, but for what is told as one since its digest was due: that takes one place. */
const notifications = (questions: readonly Question[]): Question[][] => [
  ...Map.groupBy(questions, question => question.intent.digest?.id ?? question).values(),
]

const valueOf = (notification: readonly Question[]): number =>
  notification.reduce((most, { entry }) => Math.max(most, entry.value), 0)

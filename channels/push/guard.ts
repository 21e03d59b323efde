import type { Answer } from '#contracts/outcome.ts'

/** So many suspect tokens in one call, and none accepted, are a wrong key, project or environment, not dead devices. */
const suspectsMax = 10

/** Keeps a fault of ours from ending devices. `suspects`: reasons that a wrong configuration gives as well. */
export function guardTokens(answers: Answer[], suspects: readonly string[]): Answer[] {
  if (answers.some(({ kind }) => kind === 'accepted')) return answers
  if (answers.filter(answer => isDead(answer, suspects)).length < suspectsMax) return answers
  const ours: Answer = { kind: 'config', reason: 'many tokens refused, none accepted' }
  return answers.map(answer => (isDead(answer, suspects) ? ours : answer))
}

/**
 * The same where each call has one message. A push service that does not take our signature says nothing of why: either the
 * subscription was made for another key, or ours is wrong for everybody. It ends a device only where the same service takes
 * it from others: not before the first, nor where so many in a row were refused since the last.
 */
export function guardSignatures(suspects: readonly string[]): (service: string, answer: Answer) => Answer {
  const refusedSince = new Map<string, number>()
  return (service, answer) => {
    if (answer.kind === 'accepted') refusedSince.set(service, 0)
    if (!isDead(answer, suspects)) return answer
    const refused = refusedSince.get(service) ?? suspectsMax
    if (refused >= suspectsMax) return { kind: 'config', reason: 'the signature is refused, and taken of none' }
    refusedSince.set(service, refused + 1)
    return answer
  }
}

/** What was sent: the answers, and the content of each. */
type Sent = { answers: readonly Answer[]; contents: readonly unknown[] }

/**
 * A reason that may mean the message as well as the token ends a device only where the content is proved to be good: it
 * was accepted for another device, or `validate` finds those at these places so. Asks for each content once.
 */
export async function proveContents(
  { answers, contents }: Sent,
  { unproved, validate }: { unproved: string; validate: (places: readonly number[]) => Promise<boolean[]> },
): Promise<Answer[]> {
  const isDoubted = (answer: Answer) => isDead(answer, [unproved])
  if (!answers.some(isDoubted)) return [...answers]
  const good = new Set(contents.filter((_, at) => answers[at]!.kind === 'accepted'))
  const asked = new Map<unknown, number>()
  for (const [at, content] of contents.entries())
    if (isDoubted(answers[at]!) && !good.has(content) && !asked.has(content)) asked.set(content, at)
  const found = asked.size > 0 ? await validate([...asked.values()]) : []
  for (const [at, content] of [...asked.keys()].entries()) if (found[at]) good.add(content)
  return answers.map((answer, at): Answer => {
    if (!isDoubted(answer) || good.has(contents[at])) return answer
    return { kind: 'messageDead', reason: 'refused, and its content with it' }
  })
}

const isDead = (answer: Answer, reasons: readonly string[]): boolean =>
  answer.kind === 'addressDead' && reasons.includes(answer.reason)

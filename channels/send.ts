import type { Answer } from '#contracts/outcome.ts'
import { isOutage } from '#runtime/postgres.ts'
import { forAll } from './answer-table.ts'
import type { OutMessage, Provider, SendOptions } from './provider.ts'

export type SendTerms = SendOptions & {
  /** Provider calls made for these deliveries before. */
  tries: number
  /** Asked before each call; once it says no, the rest is not sent. */
  mayStart: () => boolean
  /** Hears the answers of each call, and how long it took. */
  onAnswers: (answers: readonly Answer[], seconds: number) => void
  onFault: (error: unknown) => void
}

/**
 * Sends messages in calls of the provider's size, some at once. Gives the answer of each, undefined for those whose
 * call was not begun.
 */
export async function send(
  messages: readonly OutMessage[],
  provider: Provider,
  terms: SendTerms,
): Promise<(Answer | undefined)[]> {
  const answers: (Answer | undefined)[] = Array.from({ length: messages.length })
  const calls = callsOf(messages, provider, terms.tries)
  let next = 0
  const run = async () => {
    while (next < calls.length && terms.mayStart()) {
      const call = calls[next++]!
      const begunMs = performance.now()
      const given = await called(
        provider,
        call.map(at => messages[at]!),
        terms,
      )
      terms.onAnswers(given, (performance.now() - begunMs) / 1000)
      call.forEach((at, position) => (answers[at] = given[position]!))
    }
  }
  await Promise.all(Array.from({ length: Math.min(provider.callsAtOnce, calls.length) }, run))
  return answers
}

/**
 * Clients do not reject; one that does has a fault, and what it had sent by then nobody knows. As a doubt it ends some
 * day, and its calls get smaller; thrown on it would come back for ever. An outage of our own database is thrown on.
 */
async function called(provider: Provider, messages: readonly OutMessage[], terms: SendTerms): Promise<Answer[]> {
  try {
    return await provider.send(messages, terms)
  } catch (error) {
    if (isOutage(error)) throw error
    terms.onFault(error)
    return forAll(messages, { kind: 'doubt', reason: 'fault of the client' })
  }
}

/** Each retry makes smaller calls, so that one message that makes its call hang does not take the others along again. */
const shrinkPerTry = 10

function callsOf(messages: readonly OutMessage[], provider: Provider, tries: number): number[][] {
  const size = Math.max(1, Math.floor(provider.callSizeMax / shrinkPerTry ** tries))
  const places = messages.map((_, at) => at)
  const groups = Map.groupBy(places, at => (provider.mixes(messages[at]!.content) ? undefined : messages[at]!.content))
  return [...groups.values()].flatMap(group =>
    Array.from({ length: Math.ceil(group.length / size) }, (_, part) => group.slice(part * size, (part + 1) * size)),
  )
}

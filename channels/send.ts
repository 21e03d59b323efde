import type { Answer } from '#contracts/outcome.ts'
import { isOutage } from '#runtime/postgres.ts'
import { forAll, notBegun } from './answer-table.ts'
import type { OutMessage, Provider, SendOptions } from './provider.ts'

export type SendTerms = SendOptions & {
  /** Provider calls made for these deliveries before. */
  tries: number
  /**
   * Asked before each call, with the messages that would fit in it: waits until it may begin with the first so many of
   * them. Once there is none, the rest is not sent.
   */
  begin: (messages: readonly OutMessage[]) => Promise<Begun | undefined>
  onFault: (error: unknown) => void
}

/** `end` hears the answers, and how long they took; none when the call failed in ourselves. */
export type Begun = { count: number; end: (answers: readonly Answer[], seconds: number) => void }

/**
 * Sends messages in calls of the provider's size or less, some at once. Gives the answer of each, `notBegun` for those whose
 * call was not begun.
 */
export async function send(messages: readonly OutMessage[], provider: Provider, terms: SendTerms): Promise<Answer[]> {
  const answers = forAll(messages, notBegun)
  const calls = callsOf(messages, provider, terms.tries)
  const run = async () => {
    for (let call = calls.shift(); call; call = calls.shift()) {
      const fitting = call.map(at => messages[at]!)
      const begun = await terms.begin(fitting)
      const count = begun?.count ?? 0
      if (count < call.length) calls.unshift(call.slice(count))
      if (!begun) return
      const begunMs = performance.now()
      let given: Answer[] = []
      try {
        given = await called(provider, fitting.slice(0, count), terms)
      } finally {
        begun.end(given, (performance.now() - begunMs) / 1000)
      }
      given.forEach((answer, position) => (answers[call[position]!] = answer))
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
    const answers = await provider.send(messages, terms)
    if (answers.length === messages.length) return answers
    throw new Error(`${answers.length} answers for ${messages.length} messages`)
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

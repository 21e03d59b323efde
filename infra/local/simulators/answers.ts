import type { Provider } from '#contracts/channel.ts'
import type { Exchange, Reply } from './exchange.ts'
import type { MessageLine, RequestLog } from './request-log.ts'
import type { Decision } from './script.ts'

/** The providers that have a simulator; the inbox is our own. */
export type ProviderName = Exclude<Provider, 'inbox'>

/**
 * What every simulator can do, beside its provider's own answers:
 * `accept` at once · `slow` the same after `ms` · `hang` never answers · `resetBefore` the connection is reset and the
 * message not taken · `resetAfter` the message is taken and the connection reset before the answer · `resetInBody` the
 * same in the middle of the answer's body · `slowBody` the message is taken, the head of the answer comes at once and its
 * body after `ms` · `acceptThen500` and `acceptThen503` the message is taken and the answer says so · `garbage` the message
 * is taken, the answer has the right status and a broken body · `html502` a gateway's error page · `goaway` the HTTP/2
 * connection is closed with an error, naming the stream before as the last one processed · `goawayAfter` the same, naming
 * this one, whose message is taken · `reply` whatever the order says.
 */
export const commonAnswers = [
  'accept',
  'slow',
  'hang',
  'resetBefore',
  'resetAfter',
  'resetInBody',
  'slowBody',
  'acceptThen500',
  'acceptThen503',
  'garbage',
  'html502',
  'goaway',
  'goawayAfter',
  'reply',
] as const
export type CommonAnswer = (typeof commonAnswers)[number]

/** Details that some answers need: what a header says, which message of the request is meant. */
export type Details = { retryAfterSeconds?: number; index: number }
export type Failures = { 500: Reply; 503: Reply }
export type ProviderAnswers = Readonly<Record<string, (details: Details) => Reply>>

/** What happens to a request: `accepted` says whether the provider took its messages, whatever the client is told. */
export type Verdict = {
  answer: string
  status: number
  accepted: boolean
  ending: 'reply' | 'silence' | 'reset' | 'resetInBody' | 'slowBody' | 'goAway' | 'goAwayAfter'
  reply?: Reply
  ms: number
}

/** Turns a scripted decision into a verdict; `ok` makes the provider's success, `failures` are its plain 500 and 503. */
export function verdict(
  decision: Decision,
  { answers, ok, failures }: { answers: ProviderAnswers; ok: () => Reply; failures: Failures },
): Verdict {
  const { answer, ms } = decision
  const taken = (ending: Verdict['ending'], reply: Reply): Verdict => ({
    answer,
    ms,
    ending,
    reply,
    status: reply.status,
    accepted: true,
  })
  const notTaken = (ending: Verdict['ending']): Verdict => ({ answer, ms, ending, status: 0, accepted: false })
  switch (answer as CommonAnswer) {
    case 'accept':
    case 'slow':
      return taken('reply', ok())
    case 'hang':
      return notTaken('silence')
    case 'resetBefore':
      return notTaken('reset')
    case 'goaway':
      return notTaken('goAway')
    case 'resetAfter':
      return taken('reset', ok())
    case 'resetInBody':
    case 'slowBody':
      return taken(answer as 'resetInBody' | 'slowBody', ok())
    case 'goawayAfter':
      return taken('goAwayAfter', ok())
    case 'acceptThen500':
      return taken('reply', failures[500])
    case 'acceptThen503':
      return taken('reply', failures[503])
    case 'reply': {
      const reply = decision.reply ?? failures[500]
      return { ...taken('reply', reply), accepted: reply.status < 300 }
    }
    case 'garbage':
      return taken('reply', { ...ok(), body: '{"name": "cut off' })
    case 'html502':
      return { ...refusal(answer, badGateway), ms }
    default: {
      const reply = answers[answer]
      if (reply === undefined) throw new Error(`simulator: no answer is named ${answer}`)
      return { ...refusal(answer, reply(decision)), ms }
    }
  }
}

/** The verdict on a request that the provider itself would refuse. */
export const refusal = (answer: string, reply: Reply): Verdict => ({
  answer,
  reply,
  status: reply.status,
  accepted: false,
  ending: 'reply',
  ms: 0,
})

const badGateway: Reply = {
  status: 502,
  headers: { 'content-type': 'text/html' },
  body: '<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>',
}

/**
 * Logs a request, one line per message, then carries the verdict out: nothing is answered that is not in the log's file.
 * Where the file cannot be written the connection is reset.
 */
export function settle(exchange: Exchange, verdict: Verdict, record: { lines: MessageLine[]; log: RequestLog }): void {
  const { answer, status, accepted, ending, ms } = verdict
  const told = ending === 'reply' || ending === 'slowBody'
  const withheld: { withheld?: true } = told ? {} : { withheld: true }
  for (const line of record.lines)
    record.log.add({ ...line, status, answer, accepted, ...withheld, bytes: exchange.body.length })
  const go = () => {
    if (ms > 0 && ending !== 'slowBody') setTimeout(() => carryOut(exchange, verdict), ms).unref()
    else carryOut(exchange, verdict)
  }
  const stored = record.log.stored()
  if (stored) stored.then(go, () => exchange.reset())
  else go()
}

/** A client that finds a reset right behind other data takes it for an orderly end (libuv), so let it read first. */
const resetDelayMs = 20

function carryOut(exchange: Exchange, { ending, reply, ms }: Verdict): void {
  switch (ending) {
    case 'reply':
      return exchange.reply(reply!)
    case 'slowBody':
      setTimeout(exchange.begin(reply!), ms).unref()
      return
    case 'resetInBody':
      exchange.begin(reply!)
      setTimeout(() => exchange.reset(), resetDelayMs).unref()
      return
    case 'reset':
      setTimeout(() => exchange.reset(), resetDelayMs).unref()
      return
    case 'goAway':
      return exchange.goAway(false)
    case 'goAwayAfter':
      return exchange.goAway(true)
    case 'silence':
      return
    default:
      ending satisfies never
  }
}

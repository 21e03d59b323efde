import sendgrid from '@sendgrid/mail'
import type { Answer } from '#contracts/outcome.ts'
import { DeadlineError, withDeadline } from '#runtime/deadline.ts'
import { forAll } from '../answer-table.ts'
import type { OutMessage, Provider, SendOptions } from '../provider.ts'
import { blamesRecipient, sendgridAnswer, type SendgridFailure } from './sendgrid-answers.ts'

export type SendgridOptions = {
  apiKey: string
  /** The verified sender. */
  from: string
  /** Another server than SendGrid's: `http://127.0.0.1:8025/`. */
  baseUrl?: string
}

/** Personalizations that one request takes (https://www.twilio.com/docs/sendgrid/api-reference/mail-send/limitations). */
const callSizeMax = 1000
const callsAtOnce = 20
/** The library gives up a request after this time, later than any caller waits. */
const requestTimeoutMs = 20_000

type Mail = Exclude<Parameters<typeof sendgrid.send>[0], unknown[]>
// The package's export is one shared instance; its class is not among the types, nor is its client.
const MailService = sendgrid.constructor as new () => typeof sendgrid
type WithClient = { client: { setDefaultRequest(name: string, value: unknown): void } }

/** SendGrid by its official library: one request for all who get the same mail, each with an attempt id of its own. */
export function sendgridProvider({ apiKey, from, baseUrl }: SendgridOptions): Provider<'email'> {
  const service = new MailService()
  service.setApiKey(apiKey)
  service.setTimeout(requestTimeoutMs)
  // Setting the key resets it, so after.
  if (baseUrl !== undefined) (service as unknown as WithClient).client.setDefaultRequest('baseUrl', baseUrl)
  return {
    name: 'sendgrid',
    channel: 'email',
    callSizeMax,
    callsAtOnce,
    sameContent: true,
    send: (messages, options) => {
      const untilMs = performance.now() + options.deadlineMs
      return sendParts(messages, { ...options, untilMs, post: part => service.send(mailOf(part, from)) })
    },
    async [Symbol.asyncDispose]() {},
  }
}

type Sending = SendOptions & {
  untilMs: number
  post: (messages: readonly OutMessage<'email'>[]) => Promise<[{ headers: unknown }, unknown]>
}

/** One request; where it is refused for one of its recipients each half goes again, until that one is alone. */
async function sendParts(messages: readonly OutMessage<'email'>[], sending: Sending): Promise<Answer[]> {
  const ms = sending.untilMs - performance.now()
  // The refusal before said that none of these was sent.
  if (ms <= 0) return forAll(messages, { kind: 'retry', afterMs: 0, reason: 'no time left to find the bad recipient' })
  try {
    const [response] = await withDeadline(sending.post(messages), { ms, what: 'SendGrid' })
    const id = (response.headers as Readonly<Record<string, unknown>>)['x-message-id']
    if (typeof id !== 'string') return forAll(messages, { kind: 'doubt', reason: 'no message id' })
    return forAll(messages, { kind: 'accepted', providerId: id })
  } catch (error) {
    if (error instanceof DeadlineError) return forAll(messages, { kind: 'doubt', reason: 'deadline' })
    const failure = error as SendgridFailure
    if (messages.length === 1 || !blamesRecipient(failure))
      return forAll(messages, sendgridAnswer(failure, sending.now))
    const half = Math.ceil(messages.length / 2)
    const first = await sendParts(messages.slice(0, half), sending)
    return [...first, ...(await sendParts(messages.slice(half), sending))]
  }
}

function mailOf(messages: readonly OutMessage<'email'>[], from: string): Mail {
  const { subject, text, html } = messages[0]!.content
  return {
    from,
    subject,
    text,
    html: html.html,
    // SendGrid keeps custom arguments for long and cannot redact them: nothing but the attempt goes there.
    personalizations: messages.map(({ endpoint, attemptId }) => ({
      to: endpoint.address,
      customArgs: { attempt_id: attemptId },
    })),
  }
}

import { AsyncLocalStorage } from 'node:async_hooks'
import twilio, { type RequestClient } from 'twilio'
import type { Transport } from '#contracts/channel.ts'
import type { EpochMs } from '#contracts/ids.ts'
import type { Answer } from '#contracts/outcome.ts'
import { DeadlineError } from '#runtime/deadline.ts'
import { signedAttempt } from '../attempt-signature.ts'
import { callLeftMs, callWithin, graceMs } from '../call-deadline.ts'
import type { ClickLinks } from '../click-links.ts'
import { http1Client, jsonOf } from '../http1-client.ts'
import type { OutMessage, Provider } from '../provider.ts'
import { retryAfterMs } from '../retry-after.ts'
import { bodyOf, linkOf, segmentsSent } from './body.ts'
import { twilioAnswer, type TwilioFailure } from './twilio-answers.ts'

export type TwilioOptions = {
  /** The route, where it is not the provider's only account. */
  name?: string
  accountSid: string
  authToken: string
  /** A number, or the id of a messaging service (`MG…`). */
  from: string
  /** Segments that Twilio takes from it in a second. Absent: no limit of ours. */
  perSecond?: number | undefined
  /** Where Twilio reports what became of a message, and the key that signs the attempt in it. */
  callback?: { url: string; secret: string }
  /** Where the links of messages lead first. Absent: links stay as they are. */
  links?: ClickLinks
  /** Another server than Twilio's: `http://127.0.0.1:8026`. */
  baseUrl?: string | undefined
  transport?: Transport | undefined
}

const callsAtOnce = 64
/**
 * Segments a second by kind of sender (https://www.twilio.com/docs/api/errors/30001). What is sent by registration or by
 * a service of several numbers has a limit of its own, which has to be configured.
 */
export const segmentsPerSecond = { long_code: 1, short_code: 100, other: undefined } as const
export type TwilioSender = keyof typeof segmentsPerSecond
/** Of the longest text: 1,600 characters that GSM-7 has not. */
const costMax = 24
/** https://www.twilio.com/docs/messaging/api/message-resource#create-a-message-resource */
const validitySMax = 36_000

/** Twilio by its official library; it never retries by itself. */
export function twilioProvider(options: TwilioOptions): Provider<'sms'> {
  const { accountSid, authToken, from, perSecond } = options
  const httpClient = requestClient(options)
  const client = twilio(accountSid, authToken, { httpClient })
  return {
    name: options.name ?? 'twilio',
    channel: 'sms',
    callSizeMax: 1,
    callsAtOnce,
    pauses: 'lane',
    costOf: content => segmentsSent(content, options.links),
    ...(perSecond !== undefined && {
      limit: { account: `${accountSid}.${from}`, rate: { units: perSecond, perMs: 1_000, costMax } },
    }),
    mixes: () => true,
    async send([message], { now, deadlineMs }) {
      const call = { now, ms: deadlineMs }
      return [await answered(() => client.messages.create(requestOf(message!, options, now)), call)]
    },
    [Symbol.asyncDispose]: async () => httpClient.close(),
  }
}

/** What the carrier of a request heard that the library does not hand on. */
type Heard = { retryAfter?: unknown }
const hearing = new AsyncLocalStorage<Heard>()

function hear(headers: unknown): void {
  const heard = hearing.getStore()
  if (heard) heard.retryAfter = (headers as Record<string, unknown>)['retry-after']
}

async function answered(
  create: () => Promise<{ sid?: string }>,
  { now, ms }: { now: EpochMs; ms: number },
): Promise<Answer> {
  const heard: Heard = {}
  try {
    const { sid } = await callWithin({ ms, what: 'Twilio' }, () => hearing.run(heard, create))
    return sid ? { kind: 'accepted', providerId: sid } : { kind: 'doubt', reason: 'no message id' }
  } catch (error) {
    if (error instanceof DeadlineError) return { kind: 'doubt', reason: 'deadline' }
    return twilioAnswer(error as TwilioFailure, retryAfterMs(heard.retryAfter, now))
  }
}

function requestOf(message: OutMessage<'sms'>, { from, callback, links }: TwilioOptions, now: EpochMs) {
  const { endpoint, intent, content, attemptId: attempt, deliveryId: delivery } = message
  const { expiresAt } = intent
  const validS = expiresAt === undefined ? validitySMax : Math.floor((expiresAt - now) / 1000)
  return {
    to: endpoint.address,
    body: bodyOf(content, linkOf(links, attempt)),
    validityPeriod: Math.min(validitySMax, Math.max(1, validS)),
    ...(from.startsWith('MG') ? { messagingServiceSid: from } : { from }),
    ...(callback && {
      statusCallback: `${callback.url}?${signedAttempt({ attempt, delivery, secret: callback.secret })}`,
    }),
  }
}

type Request = Parameters<RequestClient['request']>[0]

/**
 * What carries the library's requests, by default its own. The library has no option for its server's address, and spends most of its
 * time in its HTTP client: a subclass may replace both.
 */
function requestClient({ baseUrl, transport }: TwilioOptions): RequestClient & { close(): void } {
  const direct = transport === 'direct' ? http1Client() : undefined
  class Carrier extends twilio.RequestClient {
    override async request<Data>(request: Request) {
      const uri = baseUrl === undefined ? request.uri : request.uri.replace('https://api.twilio.com', baseUrl)
      if (!direct) {
        const response = await super.request<Data>({ ...request, uri, timeout: callLeftMs() + graceMs } as never)
        hear(response.headers)
        return response
      }
      const { username, password, headers, data } = request
      const authorization = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
      const body = new URLSearchParams(data as Record<string, string>).toString()
      const found = await direct.post(new URL(uri), { headers: { ...headers, authorization }, body })
      hear(found.headers)
      return { statusCode: found.status, headers: found.headers, body: (jsonOf(found.body) ?? found.body) as Data }
    }
    close() {
      direct?.close()
    }
  }
  // With fewer than calls a request would wait in the library, and be written when its doubt was told already.
  return new Carrier({ maxSockets: Infinity, maxTotalSockets: Infinity })
}

import apn from 'apn'
import type { Answer } from '#contracts/outcome.ts'
import { withDeadline } from '#runtime/deadline.ts'
import { forAll, isTooLate, tooLate } from '../answer-table.ts'
import type { Provider, SendOptions } from '../provider.ts'
import { apnsAnswer, apnsSuspects, isMisplaced, isSignedAnew } from './apns-answers.ts'
import { notificationOf, removalOf } from './apns-message.ts'
import { sendFitting } from './fit.ts'
import { guardTokens } from './guard.ts'

export type ApnsOptions = {
  keyFile: string
  keyId: string
  teamId: string
  /** The app's bundle id. */
  topic: string
  production: boolean
  /** Apple documents no limit. Absent: none of ours. */
  perSecond?: number | undefined
  /** Another server than Apple's, the port of its other environment, and the authority that it is checked against. */
  server?: { host: string; port: number; otherPort: number; caFile: string }
}

/** One connection carries as many as Apple allows at once; the others wait in it. */
const callSizeMax = 500
const callsAtOnce = 8
/** What they take there at most, in MB. Past its limit Node drops what Apple answers, which nobody could tell from a loss. */
const connection = { maxSessionMemory: 64 }
/** The library gives up a request after this time, later than any caller waits. */
const requestTimeoutMs = 20_000
const closeLimitMs = 2_000

/** Tokens that turned out to be of the other environment; of the others a few are found out again. */
const placedMax = 10_000

/**
 * Apple Push Notification service by node-apn, with a provider token. It never retries by itself. Nobody says whether a
 * token is one of production or of the sandbox: what the configured environment does not know is tried in the other, once.
 */
export function apnsProvider(options: ApnsOptions): Provider<'push'> {
  const { teamId, topic, perSecond } = options
  const environments = environmentsOf(options)
  const sendAll = async (notes: readonly Addressed[], options: SendOptions): Promise<Answer[]> => {
    const answers = forAll(notes, { kind: 'doubt', reason: 'deadline' })
    const sending = notes.map(async (note, at) => {
      answers[at] = await environments.send(note, options)
    })
    await withDeadline(Promise.all(sending), { ms: options.deadlineMs, what: 'APNs' }).catch(() => {})
    // A copy: what is answered too late must not change what was recorded.
    return guardTokens([...answers], apnsSuspects)
  }
  return {
    name: 'apns',
    channel: 'push',
    callSizeMax,
    callsAtOnce,
    // Apple pauses a connection, and all lanes share it.
    pauses: 'all',
    ...(perSecond !== undefined && {
      limit: { account: `${teamId}.${topic}`, rate: { units: perSecond, perMs: 1_000 } },
    }),
    mixes: () => true,
    send: (messages, options) =>
      sendFitting(
        messages.map(message => {
          const note = notificationOf(message, { ...options, topic })
          return note && { token: message.endpoint.address, note }
        }),
        notes => sendAll(notes, options),
      ),
    remove: (removals, options) =>
      sendAll(
        removals.map(removal => ({
          token: removal.endpoint.address,
          note: removalOf(removal, { ...options, topic }),
        })),
        options,
      ),
    [Symbol.asyncDispose]: () => environments.close(),
  }
}

type Addressed = { token: string; note: apn.Notification }
type Until = Pick<SendOptions, 'startUntilMs'>

const notToken: Answer = { kind: 'addressDead', reason: 'not a device token', uncalled: true }

/** Production and sandbox; the one that is not configured is opened when it is needed. */
function environmentsOf(options: ApnsOptions) {
  const usual = clientOf(options, false)
  let other: apn.Provider | undefined
  const elsewhere = new Set<string>()
  return {
    send: async (addressed: Addressed, until: Until): Promise<Answer> => {
      const { token } = addressed
      // The token is a part of the request's path.
      if (!/^[0-9a-f]{64,200}$/i.test(token)) return notToken
      const first = elsewhere.has(token) ? undefined : await signed(usual, addressed, until)
      if (first && !isMisplaced(first)) return first
      if (first && isTooLate(until)) return tooLate
      const second = await signed((other ??= clientOf(options, true)), addressed, until)
      if (second.kind === 'accepted' && elsewhere.size < placedMax) elsewhere.add(token)
      return isMisplaced(second) ? (first ?? second) : second
    },
    close: async () => {
      const closing = Promise.all([usual, ...(other ? [other] : [])].map(client => client.shutdown()))
      await withDeadline(closing, { ms: closeLimitMs, what: 'APNs' }).catch(() => {})
    },
  }
}

function clientOf({ keyFile: key, keyId, teamId, production, server }: ApnsOptions, other: boolean): apn.Provider {
  return new apn.Provider({
    token: { key, keyId, teamId },
    production: production !== other,
    connectionRetryLimit: 0,
    requestTimeout: requestTimeoutMs,
    ...connection,
    ...(server && { address: server.host, port: other ? server.otherPort : server.port, ca: [server.caFile] }),
  })
}

/** Sends; where the provider token was too old, once more under the one that the library signs then. */
async function signed(client: apn.Provider, addressed: Addressed, until: Until): Promise<Answer> {
  const answer = await answered(client, addressed)
  if (!isSignedAnew(answer)) return answer
  return isTooLate(until) ? tooLate : answered(client, addressed)
}

async function answered(client: apn.Provider, { token, note }: Addressed): Promise<Answer> {
  const { sent, failed } = await client.send(note, token)
  if (sent.length === 1) return { kind: 'accepted', providerId: note.id ?? '' }
  return apnsAnswer(failed[0] ?? {})
}

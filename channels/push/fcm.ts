import { readFileSync } from 'node:fs'
import { cert, type Credential, deleteApp, initializeApp, type ServiceAccount } from 'firebase-admin/app'
import { getMessaging, type Message, type TokenMessage } from 'firebase-admin/messaging'
import type { Transport } from '#contracts/channel.ts'
import { type EpochMs, newBatchId } from '#contracts/ids.ts'
import type { Answer } from '#contracts/outcome.ts'
import { DeadlineError, withDeadline } from '#runtime/deadline.ts'
import { calledBefore, forAll, isTooLate, notBegun } from '../answer-table.ts'
import type { Provider, SendOptions } from '../provider.ts'
import { fcmAnswer, fcmDoubtful, isStaleToken } from './fcm-answers.ts'
import { fcmDirect, type FcmReply, type SendEachOptions } from './fcm-direct.ts'
import { sendEach as sendEachByLibrary } from './fcm-library.ts'
import { messageOf, removalOf } from './fcm-message.ts'
import { sendFitting } from './fit.ts'
import { guardTokens, proveContents } from './guard.ts'

/** What `sendEach` takes (https://firebase.google.com/docs/cloud-messaging/send/admin-sdk). */
const callSizeMax = 500
/** Each opens an HTTP/2 connection of its own. */
const callsAtOnce = 32
/** https://firebase.google.com/docs/cloud-messaging/throttling-and-quotas; the ramp: https://firebase.google.com/docs/cloud-messaging/scale-fcm */
const rampMs = 60_000
export const fcmPerMinute = 600_000

export type FcmOptions = {
  serviceAccountFile: string
  /** Messages that the project may send in a minute. Absent: no limit of ours. */
  perMinute?: number | undefined
  transport?: Transport | undefined
}

/** A key that is refused for good must not make us ask for tokens all the time. */
const renewEveryMs = 60_000
/** Nobody subscribes to it: a message to it is only looked at. */
const proofTopic = 'carillon-proof'

/**
 * Firebase Cloud Messaging by the official library, or directly. The library cannot be stopped: after the deadline we only
 * stop waiting, and what has no answer then, which it may still send (up to 5 POSTs each), is in doubt.
 */
export function fcmProvider({ serviceAccountFile, perMinute, transport = 'official' }: FcmOptions): Provider<'push'> {
  const clients = renewedClients(name => openClient(transport, accountIn(serviceAccountFile), name))
  return {
    name: 'fcm',
    channel: 'push',
    callSizeMax,
    callsAtOnce,
    pauses: 'lane',
    ...(perMinute !== undefined && {
      // The quota is the project's, whoever's key.
      limit: { account: accountIn(serviceAccountFile).project_id, rate: { units: perMinute, perMs: 60_000, rampMs } },
    }),
    mixes: () => true,
    send: (messages, options) =>
      sendFitting(
        messages.map(message => {
          const built = messageOf(message, options)
          return built && { built, content: message.content }
        }),
        fitting =>
          sendAll({
            ...{ clients, options, contents: fitting.map(({ content }) => content) },
            messages: fitting.map(({ built }) => built),
          }),
      ),
    remove: (removals, options) =>
      sendAll({
        ...{ clients, options, contents: removals },
        messages: removals.map(removal => removalOf(removal, options.now)),
      }),
    [Symbol.asyncDispose]: () => clients.close(),
  }
}

type Call = {
  clients: ReturnType<typeof renewedClients>
  messages: readonly TokenMessage[]
  /** Of each message, the same object where it is the same. */
  contents: readonly unknown[]
  options: SendOptions
}

/** Sends, once more under a new OAuth token what was refused for the old one, and looks into what may be our fault. */
async function sendAll({ clients, messages, contents, options }: Call): Promise<Answer[]> {
  const { now, deadlineMs, startUntilMs } = options
  const untilMs = performance.now() + deadlineMs
  const until = { now, untilMs, startUntilMs: Math.min(startUntilMs ?? untilMs, untilMs) }
  const client = clients.current()
  const answers = await sendEach(client, messages, until)
  const stale = messages.filter((_, at) => isStaleToken(answers[at]!))
  const renewed = stale.length > 0 ? clients.renew(client) : undefined
  if (renewed) {
    const again = isTooLate(until) ? forAll(stale, notBegun) : await sendEach(renewed, stale, until)
    const said = again.map(calledBefore)
    answers.forEach((answer, at) => isStaleToken(answer) && (answers[at] = said.shift()!))
  }
  const validate = (places: readonly number[]) =>
    valid(
      renewed ?? client,
      places.map(at => messages[at]!),
      until,
    )
  const proved = await proveContents({ answers, contents }, { unproved: fcmDoubtful.unproved, validate })
  return guardTokens(proved, fcmDoubtful.suspects)
}

type Until = { now: EpochMs; untilMs: number; startUntilMs: number }
/** `sendEach` rejects only when nothing was sent, or with a `DeadlineError`. */
type Client = {
  sendEach(messages: readonly Message[], options: SendEachOptions): Promise<FcmReply[]>
  close(): Promise<void>
}

async function sendEach(client: Client, messages: readonly TokenMessage[], until: Until): Promise<Answer[]> {
  const options = { ms: until.untilMs - performance.now(), startUntilMs: until.startUntilMs }
  try {
    return (await client.sendEach(messages, options)).map(reply => answerOf(reply, until.now))
  } catch (error) {
    if (error instanceof DeadlineError) return forAll(messages, { kind: 'doubt', reason: 'deadline' })
    // Before the first message the library asks for the project's id.
    return forAll(messages, fcmAnswer(error as { code?: string }, until.now))
  }
}

/** Whether FCM takes each of these for no device at all; it sends none of them. */
async function valid(client: Client, messages: readonly TokenMessage[], until: Until): Promise<boolean[]> {
  const ms = until.untilMs - performance.now()
  if (ms <= 0) return messages.map(() => false)
  const asked = messages.map(message => ({ ...message, token: undefined, topic: proofTopic }))
  const replies = await client.sendEach(asked, { ms, dryRun: true }).catch(() => [])
  return messages.map((_, at) => replies[at]?.success ?? false)
}

function openClient(transport: Transport, account: Account, name: string): Client {
  const credential = credentialOf(account, name)
  if (transport === 'direct') {
    const accessToken = async (ms: number) => {
      const asked = withDeadline(credential.getAccessToken(), { ms, what: 'an OAuth token' })
      const { access_token } = await asked.catch(cause => {
        // As the library tells it, which is not asked here.
        throw Object.assign(new Error('no OAuth token', { cause }), { code: 'app/invalid-credential' })
      })
      return access_token
    }
    const direct = fcmDirect({ projectId: account.project_id, accessToken })
    return { sendEach: (messages, options) => direct.sendEach(messages, options), close: async () => direct.close() }
  }
  const app = initializeApp({ credential }, name)
  const messaging = getMessaging(app)
  return {
    sendEach: (messages, options) => sendEachByLibrary(messaging, messages, options),
    close: () => deleteApp(app),
  }
}

/** A client keeps an OAuth token until its end, whatever FCM says of it: a new one gets another, by the key as it is now. */
function renewedClients(openAs: (name: string) => Client) {
  const open = () => openAs(newBatchId())
  let current = open()
  // Calls may still run on the one before.
  let before: Client | undefined
  let renewedMs = Number.NEGATIVE_INFINITY
  return {
    current: () => current,
    /** Undefined when the one that was used is new already. */
    renew: (used: Client): Client | undefined => {
      if (used !== current) return current
      if (performance.now() - renewedMs < renewEveryMs) return undefined
      renewedMs = performance.now()
      const old = before
      try {
        ;[before, current] = [current, open()]
      } catch {
        // The key's file cannot be read now.
        return undefined
      }
      if (old) void old.close()
      return current
    },
    close: async () => {
      await Promise.all([current, ...(before ? [before] : [])].map(client => client.close()))
    },
  }
}

/**
 * The library calls its authentication library in a way that this one warns of, and nobody who uses both can change that.
 * It keeps credentials, tokens and all, by what they were made from: `name` tells this one from those before.
 */
function credentialOf(account: Account, name: string): Credential {
  const credential = cert({ ...account, name } as ServiceAccount)
  const getAccessToken = credential.getAccessToken.bind(credential)
  credential.getAccessToken = () => {
    const { warn } = console
    console.warn = () => {}
    try {
      return getAccessToken()
    } finally {
      console.warn = warn
    }
  }
  return credential
}

/** As Google writes it. */
type Account = ServiceAccount & { project_id: string }

function accountIn(file: string): Account {
  const text = readFileSync(file, 'utf8')
  try {
    return JSON.parse(text) as Account
  } catch {
    // What JSON has to say of a text that is none may quote it.
    throw new Error(`${file} is no service account: it must be the JSON file that Google gives`)
  }
}

function answerOf({ success, messageId, error }: FcmReply, now: EpochMs): Answer {
  if (!success) return fcmAnswer(error ?? {}, now)
  // A 200 that names no message was not FCM's.
  return messageId ? { kind: 'accepted', providerId: messageId } : { kind: 'doubt', reason: 'no message id' }
}

import { readFileSync } from 'node:fs'
import https from 'node:https'
import { finished } from 'node:stream/promises'
import webpush from 'web-push'
import type { Lane } from '#contracts/channel.ts'
import type { Answer } from '#contracts/outcome.ts'
import { connectionAnswer } from '../connection.ts'
import type { OutMessage, Provider, SendOptions } from '../provider.ts'
import { sendFitting, textFitter, type Texts } from './fit.ts'
import { guardSignatures } from './guard.ts'
import { dataOf } from './payload.ts'
import { webPushAnswer, type WebPushReply, webPushSuspects } from './web-push-answers.ts'

export type WebPushOptions = {
  /** VAPID keys (RFC 8292), base64url, and whom a push service may ask. */
  publicKey: string
  privateKey: string
  subject: string
  /** Hosts of push services, `*.` before the end of a name. Browsers bring their own addresses: no other is called. */
  hosts: readonly string[]
  /** Where all of them are instead, and the authority that it is checked against. */
  server?: { host: string; port: number; caFile: string }
}

const callsAtOnce = 64
/** Four weeks, the most that push services keep. */
const ttlMaxMs = 28 * 24 * 3_600_000
/** 4,096 bytes of body, less header, padding and tag (https://www.rfc-editor.org/rfc/rfc8291#section-4). */
const plainBytesMax = 3_993
const urgencies = { critical: 'high', default: 'normal', bulk: 'low' } as const satisfies Record<Lane, webpush.Urgency>

/**
 * Web push to the services of browser vendors: encrypted and signed by the `web-push` library, posted by ourselves, because
 * the library does not hear of a response that breaks off and cannot be stopped. Browsers show something for every push, so nothing
 * silent is sent: it takes nothing off a screen.
 */
export function webPushProvider(options: WebPushOptions): Provider<'push'> {
  const { hosts, server, subject, publicKey, privateKey } = options
  // Keys or a subject that are none are a fault of ours, to be told now and not by each browser.
  webpush.getVapidHeaders('https://push.example', subject, publicKey, privateKey, 'aes128gcm')
  const agent = new https.Agent({
    ...{ keepAlive: true, maxSockets: callsAtOnce },
    // Its own host wins over the request's, whose name the certificate is still checked for.
    ...(server && { host: server.host, port: server.port, ca: readFileSync(server.caFile) }),
  })
  const guarded = guardSignatures(webPushSuspects)
  const pauses = servicePauses()
  return {
    name: 'webpush',
    channel: 'push',
    callSizeMax: 1,
    callsAtOnce,
    pauses: 'lane',
    mixes: () => true,
    async send([message], sending) {
      const subscription = subscriptionIn(message!.endpoint.address)
      if (!subscription) return [notSubscription]
      const service = serviceOf(hosts, subscription.endpoint)
      if (service === undefined) return [strange]
      if (message!.content.silent) return [silent]
      const paused = pauses.of(service)
      if (paused) return [paused]
      return sendFitting([textsOf(message!)], async ([texts]) => {
        const payload = JSON.stringify(payloadOf(message!, texts!))
        const request = requestOf(message!, { subscription, payload, options, sending })
        if (!request) return [notSubscription]
        return [pauses.heard(service, guarded(service, await answered(request, { agent, sending })))]
      })
    },
    async [Symbol.asyncDispose]() {
      agent.destroy()
    },
  }
}

const notSubscription: Answer = { kind: 'addressDead', reason: 'not a subscription', uncalled: true }
const strange: Answer = { kind: 'messageDead', reason: 'not a known push service', uncalled: true }
const silent: Answer = { kind: 'messageDead', reason: 'a browser shows every push', uncalled: true }

const waitStepMs = 5_000

/** A service that asks for a pause is left alone, and no other: what is for it meanwhile hears it from us. */
function servicePauses() {
  const pauses = new Map<string, { answer: Extract<Answer, { kind: 'pause' }>; untilMs: number }>()
  return {
    of: (service: string): Answer | undefined => {
      const pause = pauses.get(service)
      // To a whole 5 s: what waits equally long stays together.
      const afterMs = Math.ceil(((pause?.untilMs ?? 0) - performance.now()) / waitStepMs) * waitStepMs
      return pause && afterMs > 0 ? { ...pause.answer, afterMs, uncalled: true } : undefined
    },
    heard: (service: string, answer: Answer): Answer => {
      if (answer.kind === 'pause') pauses.set(service, { answer, untilMs: performance.now() + answer.afterMs })
      return answer
    },
  }
}

/** The JSON of a browser's `PushSubscription`, or undefined. */
function subscriptionIn(address: string): webpush.PushSubscription | undefined {
  try {
    const { endpoint, keys } = JSON.parse(address) as webpush.PushSubscription
    return new URL(endpoint).protocol === 'https:' ? { endpoint, keys } : undefined
  } catch {
    return undefined
  }
}

/**
 * Which of the known push services an address is of. What a browser brought must not lead into our own network, nor to another
 * port of a push service.
 */
function serviceOf(hosts: readonly string[], endpoint: string): string | undefined {
  const { hostname, port } = new URL(endpoint)
  if (port !== '') return undefined
  return hosts.find(host => (host.startsWith('*.') ? hostname.endsWith(host.slice(1)) : hostname === host))
}

/** What the service worker is told: see infra/docs/apps.md. */
function payloadOf(message: OutMessage<'push'>, { title, body }: Texts) {
  const { content, badge } = message
  return { ...dataOf(message, { title, body }), title, body, image: content.image, badge }
}
const textsOf = textFitter(payloadOf, plainBytesMax)

type Sending = {
  subscription: webpush.PushSubscription
  payload: string
  options: WebPushOptions
  sending: SendOptions
}

/** Undefined when the subscription's keys are none. */
function requestOf({ deliveryId, intent }: OutMessage<'push'>, { subscription, payload, options, sending }: Sending) {
  const { subject, publicKey, privateKey } = options
  const { expiresAt = sending.now + ttlMaxMs } = intent
  try {
    return webpush.generateRequestDetails(subscription, payload, {
      vapidDetails: { subject, publicKey, privateKey },
      TTL: Math.floor(Math.min(ttlMaxMs, Math.max(0, expiresAt - sending.now)) / 1000),
      urgency: urgencies[sending.lane],
      topic: deliveryId,
    })
  } catch {
    return undefined
  }
}

type Calling = { agent: https.Agent; sending: SendOptions }

async function answered(request: webpush.RequestDetails, { agent, sending }: Calling): Promise<Answer> {
  const signal = AbortSignal.timeout(sending.deadlineMs)
  try {
    return webPushAnswer(await posted(request, { agent, signal }), sending.now)
  } catch (error) {
    return signal.aborted ? { kind: 'doubt', reason: 'deadline' } : connectionAnswer(error)
  }
}

/** Redirects are not followed. Resolves when the whole response is there. */
function posted(
  { endpoint, method, headers, body }: webpush.RequestDetails,
  options: { agent: https.Agent; signal: AbortSignal },
): Promise<WebPushReply> {
  return new Promise((resolve, reject) => {
    const request = https.request(endpoint, { method, headers, ...options }, response => {
      const { statusCode: status = 0, headers } = response
      // An end that did not come leaves in doubt what the head said.
      finished(response.resume()).then(() => resolve({ status, headers }), reject)
    })
    request.on('error', reject).end(body)
  })
}

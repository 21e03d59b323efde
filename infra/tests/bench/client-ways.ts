import { sign } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import http from 'node:http'
import http2 from 'node:http2'
import { cert } from 'firebase-admin/app'
import type { OutMessage, Provider } from '#channels/provider.ts'
import type { Channel, Transport } from '#contracts/channel.ts'
import type { Endpoint } from '#preferences/preferences.ts'
import { attemptId, deliveryId, intentId, newBatchId, type RecipientId } from '#contracts/ids.ts'
import type { LocalCredentials } from '#local/credentials.ts'
import type { SimulatorPorts } from '#local/simulators/server.ts'
import { bodyOf, title } from './mix.ts'

export const clientNames = ['fcm', 'apns', 'sendgrid, one each', 'sendgrid, 1,000 at once', 'twilio'] as const
export type ClientName = (typeof clientNames)[number]
/** `direct`: by requests of our own, where there is that way. `floor`: the same number of requests with a body of that size by Node's own client, and nothing else. */
export const ways = ['official', 'direct', 'floor'] as const
export type Way = (typeof ways)[number]

type Target = {
  providers: Readonly<Record<Transport, readonly Provider[]>>
  credentials: LocalCredentials
  ports: SimulatorPorts
}

/** Sends so many messages; gives the CPU-µs that this process spent on each. */
export async function sendBy(
  { client, way, count }: { client: ClientName; way: Way; count: number },
  target: Target,
): Promise<number> {
  const send = way === 'floor' ? await barely(client, target) : byProvider(client, target.providers[way])
  const messages = Array.from({ length: count }, (_, n) => messageTo(client, n))
  const before = process.cpuUsage()
  await send(messages)
  const { user, system } = process.cpuUsage(before)
  return (user + system) / count
}

type Send = (messages: readonly OutMessage[]) => Promise<void>

const plan: Record<
  ClientName,
  { provider: Endpoint['provider']; channel: Channel; perCall: number; address: (n: number) => string }
> = {
  fcm: { provider: 'fcm', channel: 'push', perCall: 500, address: n => `fcm-token-${n}`.padEnd(140, 'z') },
  apns: { provider: 'apns', channel: 'push', perCall: 500, address: n => n.toString(16).padStart(64, 'a') },
  'sendgrid, one each': { provider: 'sendgrid', channel: 'email', perCall: 1, address: n => `bench-${n}@example.com` },
  'sendgrid, 1,000 at once': {
    ...{ provider: 'sendgrid', channel: 'email', perCall: 1000 },
    address: n => `bench-${n}@example.com`,
  },
  twilio: { provider: 'twilio', channel: 'sms', perCall: 1, address: n => `+1555${1_000_000 + n}` },
}
const callsAtOnce = 20

const content = {
  push: { title, body: bodyOf(1) },
  email: { subject: title, text: bodyOf(1), html: { html: `<p>${bodyOf(1)}</p>` } },
  sms: { text: bodyOf(1).slice(0, 140) },
  in_app: { title, body: bodyOf(1) },
}

function messageTo(client: ClientName, n: number): OutMessage {
  const { provider, channel, address } = plan[client]
  const intent = intentId({ producer: 'bench', key: `client-${n}` })
  const recipient = `bench-${n}` as RecipientId
  const id = deliveryId({ intent, recipient, endpoint: 'device' })
  return {
    ...{
      place: n % 500,
      recipient,
      content: content[channel],
      locale: 'en',
      deliveryId: id,
      attemptId: attemptId({ batch, slot: n % 500 }),
    },
    endpoint: { id: 'device', channel, provider, address: address(n), state: 'active', since: 0 },
    intent: {
      ...{ id: intent, producer: 'bench', type: 'bench.plain', category: 'comments', catalogue: '1' },
      ...{ occurredAt: 0, data: {} },
    },
  }
}
const batch = newBatchId()

function byProvider(client: ClientName, providers: readonly Provider[]): Send {
  const { provider: name, perCall } = plan[client]
  const provider = providers.find(one => one.name === name)!
  const calls = {
    size: Math.min(perCall, provider.callSizeMax),
    atOnce: perCall > 1 ? provider.callsAtOnce : callsAtOnce,
  }
  return messages =>
    inCalls(messages, calls, async part => {
      const answers = await provider.send(part, { lane: 'default', now: Date.now(), deadlineMs: 60_000 })
      const bad = answers.find(({ kind }) => kind !== 'accepted')
      if (bad) throw new Error(`${client}: ${JSON.stringify(bad)}`)
    })
}

/** The same requests by Node's own client on one kept connection (HTTP/2) or a few (HTTP/1.1). */
async function barely(client: ClientName, target: Target): Promise<Send> {
  const { perCall } = plan[client]
  const { post, requestOf } = await floorOf(client, target)
  // What has a call for many messages keeps that shape; HTTP/2 carries many calls on one connection.
  const shape =
    client === 'sendgrid, 1,000 at once'
      ? { size: perCall, atOnce: 4 }
      : { size: 1, atOnce: perCall > 1 ? 100 : callsAtOnce }
  return messages =>
    inCalls(messages, shape, async part => {
      const status = await post(requestOf(part))
      if (status >= 300) throw new Error(`${client}: HTTP ${status}`)
    })
}

type FloorRequest = { path: string; headers?: Record<string, string>; body: string }
type Floor = {
  post: (request: FloorRequest) => Promise<number>
  requestOf: (part: readonly OutMessage[]) => FloorRequest
}

async function floorOf(client: ClientName, { credentials, ports }: Target): Promise<Floor> {
  switch (client) {
    case 'fcm': {
      const { access_token: token } = await cert(credentials.fcm.serviceAccountFile).getAccessToken()
      const path = `/v1/projects/${credentials.fcm.projectId}/messages:send`
      const fixed = { path, headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' } }
      return {
        post: http2To(ports.google, credentials.caFile, 'fcm.googleapis.com'),
        requestOf: ([message]) => ({ ...fixed, body: JSON.stringify({ message: fcmMessageOf(message!) }) }),
      }
    }
    case 'apns': {
      const authorization = `bearer ${await apnsToken(credentials.apns)}`
      const headers = { authorization, 'apns-topic': credentials.apns.topic, 'apns-push-type': 'alert' }
      return {
        post: http2To(ports.apns, credentials.caFile, 'localhost'),
        requestOf: ([message]) => ({
          path: `/3/device/${message!.endpoint.address}`,
          headers: { ...headers, 'apns-collapse-id': message!.deliveryId },
          body: JSON.stringify({ aps: { alert: content.push }, nid: message!.deliveryId }),
        }),
      }
    }
    case 'sendgrid, one each':
    case 'sendgrid, 1,000 at once': {
      const headers = { authorization: `Bearer ${credentials.sendgrid.apiKey}`, 'content-type': 'application/json' }
      return {
        post: http1To(ports.sendgrid),
        requestOf: part => ({ path: '/v3/mail/send', headers, body: JSON.stringify(mailOf(part)) }),
      }
    }
    case 'twilio': {
      const { accountSid, authToken, from } = credentials.twilio
      const authorization = `Basic ${Buffer.from(`${accountSid}:${authToken}`).toString('base64')}`
      const headers = { authorization, 'content-type': 'application/x-www-form-urlencoded' }
      return {
        post: http1To(ports.twilio),
        requestOf: ([message]) => ({
          ...{ path: `/2010-04-01/Accounts/${accountSid}/Messages.json`, headers },
          body: new URLSearchParams({ To: message!.endpoint.address, From: from, Body: content.sms.text }).toString(),
        }),
      }
    }
    default:
      return client satisfies never
  }
}

const fcmMessageOf = ({ endpoint, deliveryId }: OutMessage) => ({
  token: endpoint.address,
  notification: content.push,
  data: { nid: deliveryId },
  android: { priority: 'high', notification: { tag: deliveryId } },
})

const mailOf = (part: readonly OutMessage[]) => ({
  personalizations: part.map(({ endpoint, attemptId }) => ({
    to: [{ email: endpoint.address }],
    custom_args: { attempt_id: attemptId },
  })),
  from: { email: 'bench@example.com' },
  subject: title,
  content: [
    { type: 'text/plain', value: content.email.text },
    { type: 'text/html', value: content.email.html.html },
  ],
})

async function apnsToken({ keyFile, keyId, teamId }: LocalCredentials['apns']): Promise<string> {
  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url')
  const said = `${encode({ alg: 'ES256', kid: keyId })}.${encode({ iss: teamId, iat: Math.floor(Date.now() / 1000) })}`
  const key = await readFile(keyFile, 'utf8')
  return `${said}.${sign('sha256', Buffer.from(said), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
}

function http2To(port: number, caFile: string, servername: string): Floor['post'] {
  let session: http2.ClientHttp2Session | undefined
  return ({ path, headers, body }) => {
    session ??= http2.connect(`https://127.0.0.1:${port}`, { ca: readFileSync(caFile), servername })
    const stream = session.request({ ':method': 'POST', ':path': path, ...headers })
    stream.end(body)
    return new Promise((resolve, reject) => {
      let status = 0
      stream.on('response', answer => (status = answer[':status']!))
      stream.on('error', reject)
      stream.on('end', () => resolve(status))
      stream.resume()
    })
  }
}

function http1To(port: number): Floor['post'] {
  const agent = new http.Agent({ keepAlive: true, maxSockets: callsAtOnce })
  return ({ path, headers, body }) =>
    new Promise((resolve, reject) => {
      const sized = { ...headers, 'content-length': Buffer.byteLength(body) }
      const request = http.request({ ...{ host: '127.0.0.1', port, path, agent }, method: 'POST', headers: sized })
      request.on('error', reject)
      request.on('response', answer => {
        answer.on('end', () => resolve(answer.statusCode!))
        answer.resume()
      })
      request.end(body)
    })
}

async function inCalls(
  messages: readonly OutMessage[],
  { size, atOnce }: { size: number; atOnce: number },
  call: (part: readonly OutMessage[]) => Promise<void>,
): Promise<void> {
  let next = 0
  const run = async () => {
    while (next < messages.length) {
      const from = next
      next += size
      await call(messages.slice(from, from + size))
    }
  }
  await Promise.all(Array.from({ length: atOnce }, run))
}

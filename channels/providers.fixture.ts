import type { ContentOf } from '#contracts/catalogue.ts'
import type { Channel, Transport } from '#contracts/channel.ts'
import { attemptId, deliveryId, intentId, newBatchId, type RecipientId } from '#contracts/ids.ts'
import type { Answer } from '#contracts/outcome.ts'
import { pushServiceHost } from '#local/credentials.ts'
import { redirectGoogleApis } from '#local/redirect.ts'
import type { ProviderName } from '#local/simulators/answers.ts'
import { subscriptionOf } from '#local/simulators/browser.ts'
import { parseRule } from '#local/simulators/control.ts'
import type { Reply } from '#local/simulators/exchange.ts'
import { setup } from '#local/simulators/test-setup.ts'
import { sendgridProvider } from './email/sendgrid.ts'
import type { OutMessage, Provider } from './provider.ts'
import { apnsIdOf } from './push/apns-message.ts'
import { apnsProvider } from './push/apns.ts'
import { fcmProvider } from './push/fcm.ts'
import { webPushProvider } from './push/web-push.ts'
import { twilioProvider } from './sms/twilio.ts'

export type Simulators = Awaited<ReturnType<typeof setup>>
/** Where the client libraries find their providers. */
export type Ports = Pick<Simulators['ports'], 'google' | 'apns' | 'apnsSandbox' | 'sendgrid' | 'twilio' | 'webpush'>
/** A provider, its client and its simulator. */
export type Subject = {
  name: ProviderName
  /** Of more than one way to the same provider. */
  title: string
  channel: Channel
  address: (n: number) => string
  open: (credentials: Simulators['credentials'], ports: Ports) => Provider
  /** An address as its provider names it, where that is not the whole of it. */
  called?: (address: string) => string
  /** What the simulator's log names a message by. */
  logged: (message: OutMessage) => { deliveryId?: string; attemptId?: string }
}

/** One client and its provider's simulator; `told` has the simulator say something and gives what the client made of it. */
export async function startSubject(subject: Subject) {
  await using opened = new AsyncDisposableStack()
  const simulators = opened.use(await setup())
  opened.defer(undoRedirect)
  const provider = opened.use(subject.open(simulators.credentials, simulators.ports))
  const send = async (message: OutMessage): Promise<Answer> =>
    (await provider.send([message], { lane: 'default', now: Date.now(), deadlineMs: 10_000 }))[0]!
  const running = opened.move()
  return {
    ...{ simulators, provider, send },
    told: (message: OutMessage, reply: Reply): Promise<Answer> => {
      const address = calledBy(subject, message)
      simulators.script.set(parseRule({ provider: subject.name, address, answer: 'reply', reply }))
      return send(message)
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

/** The address of a message as its provider's simulator knows it. */
export const calledBy = ({ called = address => address }: Subject, { endpoint }: OutMessage): string =>
  called(endpoint.address)

let undo = () => {}
/** FCM's client is turned to a simulator for the whole process; after the test it is turned back. */
export const undoRedirect = (): void => undo()

const local = (port: number) => `http://127.0.0.1:${port}`

const fcm = (title: string, transport: Transport): Subject => ({
  name: 'fcm',
  title,
  channel: 'push',
  address: n => `token-${n}`,
  open: (credentials, ports) => {
    undo()
    undo = redirectGoogleApis({ port: ports.google, caFile: credentials.caFile })
    return fcmProvider({ ...credentials.fcm, transport })
  },
  logged: ({ deliveryId }) => ({ deliveryId }),
})

const sendgrid = (title: string, transport: Transport): Subject => ({
  name: 'sendgrid',
  title,
  channel: 'email',
  address: n => `u${n}@carillon.test`,
  open: (credentials, ports) =>
    sendgridProvider({
      apiKey: credentials.sendgrid.apiKey,
      from: 'notify@carillon.test',
      baseUrl: `${local(ports.sendgrid)}/`,
      transport,
    }),
  logged: ({ attemptId }) => ({ attemptId }),
})

const twilio = (title: string, transport: Transport): Subject => ({
  name: 'twilio',
  title,
  channel: 'sms',
  address: n => `+1202555${String(n).padStart(4, '0')}`,
  open: ({ twilio }, ports) =>
    twilioProvider({
      ...twilio,
      baseUrl: local(ports.twilio),
      transport,
      callback: { url: 'https://carillon.test/receipts/twilio', secret: 'signing secret' },
    }),
  logged: ({ deliveryId, attemptId }) => ({ deliveryId, attemptId }),
})

export const subjects: readonly Subject[] = [
  fcm('fcm', 'official'),
  fcm('fcm directly', 'direct'),
  {
    name: 'apns',
    title: 'apns',
    channel: 'push',
    address: n => n.toString(16).padStart(64, '0'),
    open: ({ apns, caFile }, ports) =>
      apnsProvider({
        ...apns,
        production: true,
        server: { host: '127.0.0.1', port: ports.apns, otherPort: ports.apnsSandbox, caFile },
      }),
    logged: ({ deliveryId, attemptId }) => ({ deliveryId, attemptId: apnsIdOf(attemptId) }),
  },
  {
    name: 'webpush',
    title: 'webpush',
    channel: 'push',
    address: n => subscriptionOf(`browser-${n}`),
    called: address => (JSON.parse(address) as { endpoint: string }).endpoint,
    open: ({ webpush, caFile }, ports) =>
      webPushProvider({
        ...webpush,
        hosts: [pushServiceHost],
        server: { host: '127.0.0.1', port: ports.webpush, caFile },
      }),
    logged: ({ deliveryId }) => ({ deliveryId }),
  },
  sendgrid('sendgrid', 'official'),
  sendgrid('sendgrid directly', 'direct'),
  twilio('twilio', 'official'),
  twilio('twilio directly', 'direct'),
]

const content: ContentOf = {
  push: { title: 'Secret title', body: 'Secret body' },
  sms: { text: 'Secret body' },
  email: { subject: 'Secret title', html: { html: '<p>Secret body</p>' }, text: 'Secret body' },
  in_app: { title: 'Secret title', body: 'Secret body' },
}
const batch = newBatchId()
/** The n-th message of a test. */
export function messageTo(subject: Subject, n: number, text = content[subject.channel]): OutMessage {
  const id = intentId({ producer: 'test', key: 'k' })
  const recipient = `u${n}` as RecipientId
  return {
    place: n,
    recipient,
    content: text,
    locale: 'en',
    endpoint: {
      id: 'e',
      channel: subject.channel,
      provider: subject.name,
      since: 0,
      state: 'active',
      address: subject.address(n),
    },
    intent: {
      id,
      producer: 'test',
      type: 'test.greeting',
      category: 'social',
      catalogue: '1',
      occurredAt: Date.now(),
      expiresAt: Date.now() + 3_600_000,
      thread: 't1',
      data: {},
    },
    deliveryId: deliveryId({ intent: id, recipient, endpoint: 'e' }),
    attemptId: attemptId({ batch, slot: n }),
  }
}

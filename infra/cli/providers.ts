import type { Brand } from '#channels/email/layout.ts'
import { sendgridProvider } from '#channels/email/sendgrid.ts'
import { inboxProvider } from '#channels/in-app/inbox.ts'
import type { Provider } from '#channels/provider.ts'
import { apnsProvider } from '#channels/push/apns.ts'
import { fcmPerMinute, fcmProvider } from '#channels/push/fcm.ts'
import { webPushProvider } from '#channels/push/web-push.ts'
import { segmentsPerSecond, twilioProvider, type TwilioSender } from '#channels/sms/twilio.ts'
import { providerOfRoute } from '#contracts/routes.ts'
import { type LocalCredentials, pushServiceHost } from '#local/credentials.ts'
import type { SimulatorPorts } from '#local/simulators/server.ts'
import type { Config } from '#runtime/config.ts'
import type { Database } from '#runtime/postgres.ts'
import { brandOf } from './brand.ts'
import { CommandError } from './command.ts'

/** Where the simulators are, for the providers that are not configured. */
export type Simulated = { credentials: LocalCredentials; ports: SimulatorPorts }

type Options = {
  config: Config
  db: Database
  /** Hears whose inbox has changed. */
  tell?: (recipients: readonly string[]) => void
  secret: string
  simulated: Simulated | undefined
  /** Where this machine reaches the API: what a simulator took leads there, where the world has no way to it. */
  localUrl?: string
}

/**
 * The adapter of every provider: real where it is configured, else a simulator behind the same client library. Throws a
 * `CommandError` when there is neither.
 */
export function openProviders({ config, db, tell, secret, simulated, localUrl }: Options): Provider[] {
  const missing = (['fcm', 'apns', 'sendgrid', 'twilio'] as const).filter(name => config[name] === undefined)
  if (missing.length > 0 && !simulated)
    throw new CommandError(
      `no simulators run for ${config.dataDir}, and these providers are not configured: ${missing.join(', ')}. ` +
        'Set their keys (`carillon config` lists them), or run `carillon simulators` first',
      1,
    )
  const { limits, transport } = config
  const { publicUrl } = config.http
  const mail = { replyTo: config.mail.replyTo ?? {}, brand: brandOf(config) }
  const sending = { simulated, secret, publicUrl, localUrl, transport, ...mail }
  return [
    fcmProvider({
      ...(config.fcm ?? simulated!.credentials.fcm),
      perMinute: limits.fcmPerMinute ?? (config.fcm && fcmPerMinute),
      transport,
    }),
    apnsProvider({ ...(config.apns ?? apnsSimulated(simulated!)), perSecond: limits.apnsPerSecond }),
    // Who has no web app needs no keys for one.
    ...(config.webpush || simulated ? [webPushProvider(config.webpush ?? webPushSimulated(simulated!))] : []),
    ...[{ ...config, name: 'sendgrid' }, ...config.accounts]
      .filter(isOf('sendgrid'))
      .map(one => sendgridOf(one, sending)),
    ...[{ ...config, name: 'twilio' }, ...config.accounts].filter(isOf('twilio')).map(one => twilioOf(one, sending)),
    inboxProvider(db, tell),
  ] as Provider[]
}

/** An account, by its route. */
type Account = Pick<
  Config['accounts'][number],
  'name' | 'sendgrid' | 'sendgridPerSecond' | 'twilio' | 'twilioPerSecond' | 'twilioSender'
>
type Sending = Pick<Config, 'transport'> & {
  simulated: Simulated | undefined
  secret: string
  publicUrl?: string | undefined
  localUrl?: string | undefined
  replyTo: Readonly<Record<string, string>>
  brand: Brand
}

const isOf =
  (provider: string) =>
  ({ name }: Account) =>
    providerOfRoute(name) === provider

function sendgridOf({ name, sendgrid, sendgridPerSecond: perSecond }: Account, sending: Sending): Provider<'email'> {
  const url = urlOf(sendgrid, sending)
  return sendgridProvider({
    ...{ name, perSecond, transport: sending.transport, ...(sendgrid ?? sendgridSimulated(sending.simulated!)) },
    ...{ replyTo: sending.replyTo, brand: sending.brand },
    ...(url !== undefined && { links: { url, secret: sending.secret } }),
  })
}

function twilioOf({ name, twilio, twilioPerSecond, twilioSender }: Account, sending: Sending): Provider<'sms'> {
  const { secret } = sending
  const url = urlOf(twilio, sending)
  const sender: TwilioSender = twilioSender ?? (twilio?.from.startsWith('+') ? 'long_code' : 'other')
  return twilioProvider({
    ...{ name, transport: sending.transport, ...(twilio ?? twilioSimulated(sending.simulated!)) },
    perSecond: twilioPerSecond ?? (twilio && segmentsPerSecond[sender]),
    ...(url !== undefined && { links: { url, secret }, callback: { url: `${url}/webhooks/twilio`, secret } }),
  })
}

/** Where links lead and reports come: as the world reaches us. A simulator reaches this machine. */
const urlOf = (account: object | undefined, { publicUrl, localUrl }: Sending): string | undefined =>
  publicUrl ?? (account === undefined ? localUrl : undefined)

const loopback = '127.0.0.1'

const apnsSimulated = ({ credentials, ports }: Simulated): Parameters<typeof apnsProvider>[0] => ({
  ...credentials.apns,
  production: true,
  server: { host: 'localhost', port: ports.apns, otherPort: ports.apnsSandbox, caFile: credentials.caFile },
})
const webPushSimulated = ({ credentials, ports }: Simulated): Parameters<typeof webPushProvider>[0] => ({
  ...credentials.webpush,
  hosts: [pushServiceHost],
  server: { host: loopback, port: ports.webpush, caFile: credentials.caFile },
})
const sendgridSimulated = ({ credentials, ports }: Simulated): Parameters<typeof sendgridProvider>[0] => ({
  apiKey: credentials.sendgrid.apiKey,
  from: 'notifications@example.com',
  baseUrl: `http://${loopback}:${ports.sendgrid}/`,
})
const twilioSimulated = ({ credentials, ports }: Simulated): Parameters<typeof twilioProvider>[0] => ({
  ...credentials.twilio,
  baseUrl: `http://${loopback}:${ports.twilio}`,
})

import { createPublicKey } from 'node:crypto'
import type { WebhookTrust } from '#channels/receipts/webhooks.ts'
import type { LocalCredentials } from '#local/credentials.ts'
import type { Config } from '#runtime/config.ts'

/**
 * What reports of providers are believed by: what is configured, else the keys of the simulators on this machine, whose
 * callbacks come to `apiUrl`. A real provider without its key is not listened to, nor is Twilio where it knows no address.
 */
export function trustOf(
  config: Config,
  { credentials, apiUrl }: { credentials: LocalCredentials | undefined; apiUrl: () => string },
): WebhookTrust {
  const { publicUrl } = config.http
  const url = () => `${publicUrl ?? apiUrl()}/webhooks/twilio`
  const tokens = [...config.twilioTokens, ...(config.twilio || !credentials ? [] : [credentials.twilio.authToken])]
  const simulated = config.sendgrid === undefined && credentials ? [credentials.sendgrid.webhook.publicKey] : []
  const keys = [...(config.sendgridWebhookKeys ?? []), ...simulated].map(key => createPublicKey(key))
  return {
    ...((config.twilioTokens.length > 0 ? publicUrl !== undefined : credentials) && { twilio: { url, tokens } }),
    ...(keys.length > 0 && { sendgrid: { keys } }),
  }
}

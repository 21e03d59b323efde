import type { Channel, Platform, Provider } from '#contracts/channel.ts'
import type { EpochMs } from '#contracts/ids.ts'
import type { Call } from './preferences-client.ts'
import { RefusedError } from './errors.ts'

/** How a device, number or mailbox is registered. Where a channel has one provider, it need not be named. */
export type EndpointGiven = { address: string; app?: string } &
  /** `platform` and `version` (of the app) are what funnels may be broken down by. */
  (
    | {
        channel: 'push'
        provider: Exclude<Provider, 'twilio' | 'sendgrid' | 'inbox'>
        platform?: Platform
        version?: string
        verifiedAt?: never
      }
    /** `verifiedAt`: when the product found out that it is the person's. */
    | { channel: 'sms' | 'email'; provider?: Provider; verifiedAt?: EpochMs | Date }
  )
/** `suspect`: nothing arrived there lately; it is still sent to. Addresses are masked, times are RFC 3339 text. */
export type EndpointShown = {
  id: string
  channel: Channel
  provider: Provider
  address?: string
  app?: string
  platform?: Platform
  version?: string
  state: 'active' | 'suspect' | 'dead' | 'suppressed'
  /** Of what is not active: since when, and why. */
  stateSince?: string
  why?: string
  until?: string
  since?: string
  verifiedAt?: string
  verifiedBy?: string
}
/** An address that must not be used. */
export type SuppressedAddress = { channel: 'sms' | 'email'; address: string }
export type SuppressionReason = 'manual' | 'bounce' | 'invalid' | 'complaint' | 'unsubscribed' | 'stop'

export type EndpointsApi = {
  endpoints: {
    list(user: string): Promise<EndpointShown[]>
    /**
     * Registers one under a name of the product's own, beside the others: to be called at each start of an app. The same name
     * with another address is a rotation. A token that another person had leaves them at once.
     */
    put(user: string, endpoint: string, given: EndpointGiven): Promise<EndpointShown[]>
    /** From then on nothing that is claimed is sent there. Safe to repeat. */
    remove(user: string, endpoint: string): Promise<void>
    /** A device is signed out, by its endpoint or its token, or all of a person's are: numbers and mailboxes stay. */
    signOut(
      user: string,
      what: { endpoint: string } | { address: string } | { everywhere: true },
    ): Promise<{ signedOut: number }>
  }
  suppressions: {
    /** 100 by their hashes, from behind `after` on; `next` where there are more. */
    list(after?: string): Promise<{ suppressions: SuppressionShown[]; next?: string }>
    /** For everybody who has the address, until it ends by itself or is lifted. */
    add(address: SuppressedAddress & { reason?: SuppressionReason; expiresAt?: EpochMs | Date }): Promise<void>
    /** `why` is needed for all but what was suppressed as `manual`. */
    lift(address: SuppressedAddress & { why?: string }): Promise<void>
  }
}
export type SuppressionShown = {
  hash: string
  channel: Channel
  reason: string
  source: string
  at: string
  expiresAt: string | null
  masked?: string
}

/** The calls about endpoints and addresses; `segment` quotes a name in a path. */
export function endpointsClient(call: Call, segment: (name: string) => string): EndpointsApi {
  const person = (user: string) => `/v1/recipients/${segment(user)}`
  const listed = (answer: unknown) => (answer as { endpoints: EndpointShown[] }).endpoints
  return {
    endpoints: {
      list: async user => listed(await call('GET', person(user))),
      put: async (user, endpoint, { verifiedAt, ...given }) =>
        listed(
          await call('PUT', `${person(user)}/endpoints/${segment(endpoint)}`, {
            ...given,
            ...(verifiedAt !== undefined && { verifiedAt: textOf(verifiedAt) }),
          }),
        ),
      remove: async (user, endpoint) => void (await call('DELETE', `${person(user)}/endpoints/${segment(endpoint)}`)),
      signOut: async (user, what) => (await call('POST', `${person(user)}/sign-out`, what)) as { signedOut: number },
    },
    suppressions: {
      list: async after =>
        (await call('GET', `/v1/suppressions${after === undefined ? '' : `?after=${encodeURIComponent(after)}`}`)) as {
          suppressions: SuppressionShown[]
          next?: string
        },
      add: async ({ expiresAt, ...address }) =>
        void (await call('PUT', '/v1/suppressions', {
          ...address,
          ...(expiresAt !== undefined && { expiresAt: textOf(expiresAt) }),
        })),
      lift: async address => void (await call('DELETE', '/v1/suppressions', address)),
    },
  }
}

function textOf(when: EpochMs | Date): string {
  const date = new Date(when)
  if (Number.isNaN(date.getTime())) throw new RefusedError(['a time must be a Date or milliseconds since 1970'])
  return date.toISOString()
}

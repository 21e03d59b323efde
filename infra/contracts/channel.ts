/** The ways to reach a person, in the order of their stored numbers (append only). */
export const channels = ['push', 'sms', 'email', 'in_app'] as const
export type Channel = (typeof channels)[number]

/** A lane has its own topic, queues and processes (append only: the position is stored). */
export const lanes = ['critical', 'default', 'bulk'] as const
export type Lane = (typeof lanes)[number]

/** Why somebody is among the recipients; `other` reasons are free names of the product. */
export type Reason = string

/** Providers of this release and the channel each serves. `inbox` is our own. */
export const providers = {
  fcm: 'push',
  apns: 'push',
  twilio: 'sms',
  sendgrid: 'email',
  inbox: 'in_app',
  webpush: 'push',
} as const satisfies Record<string, Channel>
export type Provider = keyof typeof providers
export const isProvider = (name: string): name is Provider => Object.hasOwn(providers, name)

/** What a device runs. Told when it is registered, or known by its provider. */
export const platforms = ['ios', 'android', 'web', 'desktop'] as const
export type Platform = (typeof platforms)[number]
const platformByProvider: { [P in Provider]?: Platform } = { apns: 'ios', webpush: 'web' }
export const platformOf = (device: { provider: Provider; platform?: Platform }): Platform | undefined =>
  device.platform ?? platformByProvider[device.provider]
/** The version of an app: `8.1.0`. */
export const isVersion = (text: unknown): text is string => typeof text === 'string' && /^[\w.+-]{1,32}$/.test(text)

/** By which a provider is called: its official library, or requests of our own, which cost less. */
export const transports = ['official', 'direct'] as const
export type Transport = (typeof transports)[number]

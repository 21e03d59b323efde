import type { EpochMs } from '#contracts/ids.ts'
import { sealedTokens, unsealed } from './sealed-tokens.ts'

/** What a mail says by its token: whose it is, what it was about, when it was sent. */
export type Unsubscribe = { recipient: string; categories: readonly string[]; issued: EpochMs }

const sealing = (secret: string) => ({ use: 'unsubscribe', version: 1, secret })

/** The tokens of a set of mails, in their order. They never expire: one is good as long as the installation's secret. */
export const unsubscribeTokens = (mails: readonly Unsubscribe[], secret: string): string[] =>
  sealedTokens(
    mails.map(({ recipient, categories, issued }) => ({ at: issued, names: [recipient, ...categories] })),
    sealing(secret),
  )

/** What a token says that was made with `secret`, or undefined for any other text. */
export function unsubscribeOf(token: string, secret: string): Unsubscribe | undefined {
  const said = unsealed(token, sealing(secret))
  if (!said) return undefined
  const [recipient, ...categories] = said.names as [string, ...string[]]
  return { recipient, categories, issued: said.at }
}

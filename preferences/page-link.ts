import type { EpochMs } from '#contracts/ids.ts'
import type { User } from '#runtime/user-tokens.ts'
import { sealedTokens, unsealed } from './sealed-tokens.ts'

/** A link opens its person's page for so long; then they need a new one. */
const pageLinkLifeMs = 90 * 86_400_000

type Made = { secret: string; now: EpochMs }
const sealing = (secret: string) => ({ use: 'preferences page', version: 2, secret })

/**
 * What links to people's pages bear, in their order: who it is and when it was made, sealed with the installation's secret, so
 * that it tells nobody anything and nobody can make one. It opens the preferences of that person and nothing else.
 */
export const pageLinkTokens = (users: readonly User[], { secret, now }: Made): string[] =>
  sealedTokens(
    users.map(({ recipient, tenant }) => ({
      at: now,
      names: tenant === undefined ? [recipient] : [recipient, tenant],
    })),
    sealing(secret),
  )

/** Whose page it is, or undefined for every other text, and for a link that is too old. */
export function pageLinkUser(token: string, { secret, now }: Made): User | undefined {
  const said = unsealed(token, sealing(secret))
  if (!said || now - said.at > pageLinkLifeMs) return undefined
  const [recipient, tenant] = said.names as [string, string?]
  return { recipient, ...(tenant !== undefined && { tenant }) }
}

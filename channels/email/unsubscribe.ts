import type { EpochMs } from '#contracts/ids.ts'
import { pageLinkTokens, unsubscribeTokens } from '#preferences/preferences.ts'
import type { ClickLinks } from '../click-links.ts'
import type { OutMessage } from '../provider.ts'

type Mails = readonly OutMessage<'email'>[]

/** Where a mail's person says what they want: `unsubscribe`, of what it is about; `page`, of everything, and sees it. */
export type Leave = { unsubscribe: string; page: string }

/**
 * Where each mail leads for that, by its place; undefined for what must be told, and where the world has no way to us. All of a
 * request at once, since their tokens are sealed together.
 */
export function leavesOf(mails: Mails, { links, now }: Leaving): (Leave | undefined)[] {
  if (!links) return mails.map(() => undefined)
  const { url, secret } = links
  const asked = mails.flatMap(({ recipient, categories, intent: { tenant } }) =>
    categories ? { recipient, categories, issued: now, ...(tenant !== undefined && { tenant }) } : [],
  )
  const tokens = unsubscribeTokens(asked, secret).values()
  const pages = pageLinkTokens(asked, { secret, now }).values()
  return mails.map(({ categories }) =>
    categories
      ? { unsubscribe: `${url}/u/${tokens.next().value}`, page: `${url}/preferences/${pages.next().value}` }
      : undefined,
  )
}

export type Leaving = { links: ClickLinks | undefined; now: EpochMs }

/** The pair that has mail programs show a button of their own (RFC 2369, RFC 8058). */
export const unsubscribeHeaders = ({ unsubscribe }: Leave): Record<string, string> => ({
  'List-Unsubscribe': `<${unsubscribe}>`,
  'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click',
})

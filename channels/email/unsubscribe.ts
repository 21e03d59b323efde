import type { EpochMs } from '#contracts/ids.ts'
import { unsubscribeTokens } from '#preferences/preferences.ts'
import type { ClickLinks } from '../click-links.ts'
import type { OutMessage } from '../provider.ts'

type Mails = readonly OutMessage<'email'>[]

/**
 * Where each mail is unsubscribed from, by its place; undefined for what must be told, and where the world has no way to us. All
 * of a request at once, since their tokens are sealed together.
 */
export function unsubscribeUrls(mails: Mails, { links, now }: Leaving): (string | undefined)[] {
  if (!links) return mails.map(() => undefined)
  const asked = mails.flatMap(({ recipient, categories }) => (categories ? { recipient, categories, issued: now } : []))
  const tokens = unsubscribeTokens(asked, links.secret).values()
  return mails.map(({ categories }) => categories && `${links.url}/u/${tokens.next().value}`)
}

export type Leaving = { links: ClickLinks | undefined; now: EpochMs }

/** The pair that has mail programs show a button of their own (RFC 2369, RFC 8058). */
export const unsubscribeHeaders = (url: string): Record<string, string> => ({
  'List-Unsubscribe': `<${url}>`,
  'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click',
})

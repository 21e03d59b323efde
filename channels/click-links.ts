import type { EmailContent } from '#contracts/catalogue.ts'
import { clickToken, clickTokenChars, targetBytesMax } from './attempt-token.ts'

/** `url`: how the world reaches our API. */
export type ClickLinks = { url: string; secret: string }

/** A link that tells us that it was followed, and leads to its target. */
export const clickUrl = ({ url, secret }: ClickLinks, link: { attempt: string; target: string }): string =>
  `${url}/c/${clickToken(link, secret)}`

export const clickUrlChars = ({ url }: ClickLinks, target: string): number =>
  `${url}/c/`.length + clickTokenChars(target)

/** Where a link may lead: to nothing that a browser would run, read from a disk or fetch without TLS. */
export function isTarget(url: string): boolean {
  const { protocol, hostname } = URL.parse(url) ?? {}
  const local = hostname === 'localhost' || hostname === '127.0.0.1' || hostname === '[::1]'
  return (protocol === 'https:' || (protocol === 'http:' && local)) && Buffer.byteLength(url) <= targetBytesMax
}

const known = new WeakMap<EmailContent, string[]>()
/** All links of a mail together: SendGrid fills in at most 10,000 bytes for each person. */
const linkCharsMax = 9_000

/** Where the links of a mail lead, each once; without those that are to stay as they are, and those beyond what fits. */
export function clickTargets(content: EmailContent, links: ClickLinks): readonly string[] {
  let targets = known.get(content)
  if (targets) return targets
  const urls = new Set((content.html.links ?? []).map(link => link.url).filter(isTarget))
  let room = linkCharsMax
  targets = [...urls].filter(url => (room -= clickUrlChars(links, url)) >= 0)
  known.set(content, targets)
  return targets
}

/** A mail with other links: in its HTML where they stand, in its text where one stands between white space. */
export function withLinks(content: EmailContent, hrefs: ReadonlyMap<string, string>): EmailContent {
  if (hrefs.size === 0) return content
  const { html, links = [] } = content.html
  let linked = ''
  let end = 0
  for (const { at, length, url } of links) {
    linked += html.slice(end, at) + (hrefs.get(url) ?? html.slice(at, at + length))
    end = at + length
  }
  const text = content.text.replace(/\S+/g, word => hrefs.get(word) ?? word)
  return { ...content, html: { html: linked + html.slice(end) }, text }
}

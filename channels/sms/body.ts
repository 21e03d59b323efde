import type { SmsContent } from '#contracts/catalogue.ts'
import { clickTokenChars } from '../attempt-token.ts'
import { type ClickLinks, clickUrl, isTarget } from '../click-links.ts'
import { segmentsOf } from './segments.ts'

/** https://www.twilio.com/docs/messaging/api/message-resource#create-a-message-resource */
const bodyCharsMax = 1_600

/** What is sent: the text and where it leads, first to us where we are to hear of it and there is room. */
export function bodyOf(content: SmsContent, link: (target: string) => string | undefined): string {
  const { text, url } = content
  if (url === undefined) return text
  const linked = isTarget(url) ? link(url) : undefined
  return linked !== undefined && text.length + 1 + linked.length <= bodyCharsMax
    ? `${text} ${linked}`
    : `${text} ${url}`
}

/** Of one attempt. */
export const linkOf =
  (links: ClickLinks | undefined, attempt: string) =>
  (target: string): string | undefined =>
    links && clickUrl(links, { attempt, target })

/** Segments that a text message takes with its link, the same for every attempt. */
export const segmentsSent = (content: SmsContent, links: Pick<ClickLinks, 'url'> | undefined): number =>
  segmentsOf(bodyOf(content, target => links && `${links.url}/c/${'x'.repeat(clickTokenChars(target))}`))

/** What changes the order or the look of other characters, and what no phone shows. Joiners, which make up emoji, stay. */
// oxlint-disable-next-line no-control-regex
const unseen = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g

/** A text as a phone may show it: a line ends with `\n`, no control characters and none of direction, no half pairs. */
export const plainText = (text: string): string =>
  text
    .replace(/\r\n?|[\u2028\u2029]/g, '\n')
    .replaceAll('\t', ' ')
    .replace(unseen, '')
    .toWellFormed()

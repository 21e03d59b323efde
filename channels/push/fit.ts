import type { PushContent } from '#contracts/catalogue.ts'
import type { Answer } from '#contracts/outcome.ts'
import type { OutMessage } from '../provider.ts'

/** What FCM and APNs take of one push, as the JSON that they are sent. */
export const payloadBytesMax = 4_096
/** Field names, ids and what else a payload has beside texts, links and the intent's names: never more. */
export const frameBytesMax = 1_000
/** JSON writes one UTF-16 unit in at most six bytes (`\u0000`), so what is short needs no measuring. */
const bytesPerUnitMax = 6
/** A payload says a link or a name so often at most. */
const copiesMax = 3

export type Texts = Pick<PushContent, 'title' | 'body'>

/**
 * The texts of a push as they fit into its payload, all of them or cut on the edge of a grapheme with an ellipsis; the title
 * yields to a third of the room where both are too long. Undefined: there is no room for any. `payloadOf` gives what counts
 * as a payload, with the texts in it once. One content is measured once.
 */
export function textFitter(
  payloadOf: (message: OutMessage<'push'>, texts: Texts) => unknown,
  bytesMax = payloadBytesMax,
): (message: OutMessage<'push'>) => Texts | undefined {
  const known = new WeakMap<PushContent, { texts: Texts | undefined }>()
  return message => {
    const { content } = message
    if (isShort(message, bytesMax)) return content
    const measured = known.get(content)
    if (measured) return measured.texts
    // Others of this content may have a longer number on the icon.
    const longest = { ...message, badge: 99 }
    const room = bytesMax - bytesOf(payloadOf(longest, { title: '', body: '' }))
    const texts = fitted(content, room)
    known.set(content, { texts })
    return texts
  }
}

/** What nobody could send: another push of the same content would be no shorter. */
const tooLarge: Answer = { kind: 'messageDead', reason: 'no room for its texts', uncalled: true }

/** Sends the payloads that there are; a message that has none is dead. Gives an answer for each, in their order. */
export async function sendFitting<Payload>(
  payloads: readonly (Payload | undefined)[],
  send: (payloads: readonly Payload[]) => Promise<Answer[]>,
): Promise<Answer[]> {
  const fitting = payloads.filter(payload => payload !== undefined)
  const answers = fitting.length > 0 ? await send(fitting) : []
  if (fitting.length === payloads.length) return answers
  return payloads.map(payload => (payload === undefined ? tooLarge : answers.shift()!))
}

function isShort({ content, intent }: OutMessage<'push'>, bytesMax: number): boolean {
  const { title, body, url = '', image = '' } = content
  const { type, category, thread = '' } = intent
  const names = url.length + image.length + type.length + category.length + thread.length
  const units = title.length + body.length + names * copiesMax
  return units * bytesPerUnitMax + frameBytesMax <= bytesMax && title.isWellFormed() && body.isWellFormed()
}

function fitted(content: PushContent, room: number): Texts | undefined {
  // Half of a surrogate pair is no text, and providers refuse it.
  const title = content.title.toWellFormed()
  const body = content.body.toWellFormed()
  if (textBytes(title) + textBytes(body) <= room) return { title, body }
  const short = cut(title, Math.max(Math.floor(room / 3), room - textBytes(body)))
  const texts = { title: short, body: cut(body, room - textBytes(short)) }
  return texts.title === '' && texts.body === '' ? undefined : texts
}

const bytesOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value))
/** Without the quotes. */
const textBytes = (text: string): number => bytesOf(text) - 2

const ellipsis = '…'
const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' })

function cut(text: string, bytesMax: number): string {
  if (textBytes(text) <= bytesMax) return text
  let room = bytesMax - textBytes(ellipsis)
  let end = 0
  while (end < text.length && (room -= unitBytes(text.charCodeAt(end))) >= 0) end++
  const edge = graphemes.segment(text).containing(end)?.index ?? end
  return edge === 0 ? '' : text.slice(0, edge) + ellipsis
}

/** Of a UTF-16 unit in JSON as UTF-8, in a text that has no half pairs. */
function unitBytes(unit: number): number {
  if (unit < 0x20) return [8, 9, 10, 12, 13].includes(unit) ? 2 : 6
  if (unit === 0x22 || unit === 0x5c) return 2
  if (unit < 0x80) return 1
  const isHalf = unit >= 0xd800 && unit <= 0xdfff
  return unit < 0x800 || isHalf ? 2 : 3
}

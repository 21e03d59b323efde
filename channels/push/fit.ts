import type { PushContent } from '#contracts/catalogue.ts'

/** FCM and APNs take 4,096 bytes of payload as JSON; field names, ids, the type and a long thread need the rest. */
const textBytesMax = 3_000
/** A title shall leave room for a body. */
const titleBytesMax = 1_000
/** JSON writes one UTF-16 unit in at most six bytes (`\u0000`), so shorter texts need no measuring. */
const bytesPerUnitMax = 6

const fitted = new WeakMap<PushContent, PushContent>()
const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' })

/** The content as it fits into a push: title and body cut on the edge of a grapheme, with an ellipsis. */
export function fitPush(content: PushContent): PushContent {
  const { title, body, url = '', image = '' } = content
  if ((title.length + body.length + url.length + image.length) * bytesPerUnitMax <= textBytesMax) return content
  const known = fitted.get(content)
  if (known) return known
  const short = cut(title, titleBytesMax)
  const room = textBytesMax - bytesOf(short) - bytesOf(url) - bytesOf(image)
  const result = { ...content, title: short, body: cut(body, room) }
  fitted.set(content, result)
  return result
}

const bytesOf = (text: string): number => Buffer.byteLength(JSON.stringify(text))

function cut(text: string, bytesMax: number): string {
  if (bytesOf(text) <= bytesMax) return text
  const ellipsis = '…'
  let room = bytesMax - bytesOf(ellipsis)
  let end = 0
  for (const { segment, index } of graphemes.segment(text)) {
    room -= bytesOf(segment) - bytesOf('')
    if (room < 0) break
    end = index + segment.length
  }
  return end === 0 ? '' : text.slice(0, end) + ellipsis
}

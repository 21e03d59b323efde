import type { PushContent } from '#contracts/catalogue.ts'

/** FCM and APNs take 4,096 bytes of payload; what is not text needs some of it. */
const textBytesMax = 3_200
const utf8 = new TextEncoder()
const graphemes = new Intl.Segmenter('und', { granularity: 'grapheme' })

/** Cuts the body, on the edge of a grapheme, so that the payload fits. The title is part of the budget. */
export function fitPush(content: PushContent): PushContent {
  const room = textBytesMax - bytesOf(content.title) - bytesOf(content.url ?? '') - bytesOf(content.image ?? '')
  return bytesOf(content.body) <= room ? content : { ...content, body: cut(content.body, room) }
}

const bytesOf = (text: string): number =>
  text.length * 3 <= 1_000 ? text.length : utf8.encode(JSON.stringify(text)).length

function cut(text: string, room: number): string {
  const ellipsis = '…'
  let used = utf8.encode(ellipsis).length
  let kept = ''
  for (const { segment } of graphemes.segment(text)) {
    used += bytesOf(segment)
    if (used > room) break
    kept += segment
  }
  return kept + ellipsis
}

/** GSM 03.38 (https://www.twilio.com/docs/glossary/what-is-gsm-7-character-encoding), and what of it takes an escape besides. */
const gsm7 = /^[@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !"#¤%&'()*+,\-./0-9:;<=>?¡A-ZÄÖÑÜ§¿a-zäöñüà\f^{}\\[~\]|€]*$/
const escaped = /[\f^{}\\[~\]|€]/
const allEscaped = new RegExp(escaped, 'g')
const gsm = { alone: 160, joined: 153 }
const ucs2 = { alone: 70, joined: 67 }

/**
 * Segments that a text is sent in, and billed and paced by: 160 GSM-7 characters or 70 UTF-16 units, 153 or 67 where it takes
 * several. Neither an escaped character nor a surrogate pair is split over two.
 */
export function segmentsOf(text: string): number {
  const isGsm = gsm7.test(text)
  const { alone, joined } = isGsm ? gsm : ucs2
  const length = text.length + (isGsm ? (text.match(allEscaped)?.length ?? 0) : 0)
  if (length <= alone) return 1
  let segments = 1
  let taken = 0
  for (const character of text) {
    const size = isGsm && escaped.test(character) ? 2 : character.length
    if (taken + size > joined) {
      segments += 1
      taken = 0
    }
    taken += size
  }
  return segments
}

/** GSM 03.38 (https://www.twilio.com/docs/glossary/what-is-gsm-7-character-encoding), and what of it takes an escape besides. */
const gsm7 = /^[@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !"#¤%&'()*+,\-./0-9:;<=>?¡A-ZÄÖÑÜ§¿a-zäöñüà\f^{}\\[~\]|€]*$/
const escaped = /[\f^{}\\[~\]|€]/g
const gsm = { alone: 160, joined: 153 }
const ucs2 = { alone: 70, joined: 67 }

/** Segments that a text is sent in, and billed and paced by: 160 GSM-7 characters or 70 UTF-16 units, fewer where it takes several. */
export function segmentsOf(text: string): number {
  const isGsm = gsm7.test(text)
  const { alone, joined } = isGsm ? gsm : ucs2
  const length = text.length + (isGsm ? (text.match(escaped)?.length ?? 0) : 0)
  return length <= alone ? 1 : Math.ceil(length / joined)
}

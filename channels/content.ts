import { type AnyNotificationType, type ContentOf, segmentsMaxOf, type SmsContent } from '#contracts/catalogue.ts'
import type { Channel } from '#contracts/channel.ts'
import { plainText } from './sms/body.ts'
import { TemplateFault } from './template-fault.ts'

/** `segmentsOf`: of a text message as it will be sent. `faultIn`: what its provider cannot send, in words without data. */
export type ContentRules = {
  type: Pick<AnyNotificationType, 'sms'>
  segmentsOf?: (content: SmsContent) => number
  faultIn?: (content: ContentOf[Channel]) => string | undefined
}

/**
 * What a template gave, as it may go to a provider; a copy, since templates may give the same object twice. Throws a
 * `TemplateFault` where it may not.
 */
export function sendable<C extends Channel>(channel: C, given: ContentOf[C], rules: ContentRules): ContentOf[C] {
  const content: ContentOf[C] = { ...given }
  assertWhole(channel, content)
  const fault = rules.faultIn?.(content)
  if (fault !== undefined) throw new TemplateFault(fault, 'replyTo')
  return channel === 'sms' ? (shortText(content as SmsContent, rules) as ContentOf[C]) : content
}

const texts: { [C in Channel]: readonly string[] } = {
  push: ['title', 'body'],
  sms: ['text'],
  email: ['subject', 'text'],
  in_app: ['title', 'body'],
}

/** A template that reads a field which old data lacks gives holes: they must not get as far as a provider's client. */
function assertWhole(channel: Channel, content: Readonly<Record<string, unknown>>): void {
  const html = channel === 'email' ? (content.html as { html?: unknown } | undefined)?.html : ''
  const missing = texts[channel].filter(name => typeof content[name] !== 'string')
  if (typeof html !== 'string') missing.push('html')
  if (missing.length > 0) throw new TemplateFault(`it gives no ${missing.join(', no ')}`, missing[0]!)
  if (channel === 'email' && /[\r\n\0\u2028\u2029]/.test(content.subject as string))
    throw new TemplateFault('its subject holds a line break, which would begin another header', 'subject')
  const { image } = content
  if (channel === 'push' && image !== undefined && !isHttps(image))
    throw new TemplateFault('its image is no https URL', 'image')
}

const isHttps = (text: unknown): boolean => typeof text === 'string' && URL.parse(text)?.protocol === 'https:'

/** A phone shows it as it is, and it costs what its type may cost. */
function shortText(content: SmsContent, { type, segmentsOf }: ContentRules): SmsContent {
  const plain = { ...content, text: plainText(content.text) }
  const segments = segmentsOf?.(plain) ?? 1
  const most = segmentsMaxOf(type)
  if (segments > most) throw new TemplateFault(`it takes ${segments} segments, and may take ${most}`, 'text')
  return plain
}

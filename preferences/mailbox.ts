import { domainToASCII } from 'node:url'
import type { ReadAddress } from './address.ts'

/** https://www.rfc-editor.org/rfc/rfc5321#section-4.5.3.1, in octets; 254 follows from a path of 256 with its brackets. */
const limits = { local: 64, domain: 253, whole: 254, label: 63 }
/** A dot-string (RFC 5321 section 4.1.2). Quoted ones nobody has, and SendGrid takes no others than ASCII. */
const dotString = /^[\w!#$%&'*+/=?^`{|}~-]+(\.[\w!#$%&'*+/=?^`{|}~-]+)*$/
const label = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/

/** Reads a mailbox, its domain in lower case and, if it is international, as it travels (`xn--…`). */
export function readMailbox(text: string): ReadAddress {
  const at = text.lastIndexOf('@')
  if (at < 1) return { detail: 'is no mailbox: a name, @ and a domain' }
  const [local, domain] = [text.slice(0, at), travelling(text.slice(at + 1))]
  if (!dotString.test(local))
    return {
      detail: 'has a name that mail providers do not take: letters, digits and signs of ASCII, dots only between them',
    }
  if (local.length > limits.local) return { detail: `has a name of more than ${limits.local} characters` }
  const labels = domain.split('.')
  const isDomain = labels.length > 1 && labels.every(one => label.test(one) && one.length <= limits.label)
  if (!isDomain || /^\d+$/.test(labels.at(-1)!)) return { detail: 'has no domain that mail can go to' }
  if (domain.length > limits.domain || local.length + 1 + domain.length > limits.whole)
    return { detail: `is longer than ${limits.whole} characters` }
  return { address: `${local}@${domain}` }
}

/** A domain in lower case, an international one as it travels; empty where it is none. */
export const travelling = (domain: string): string =>
  /^[\x21-\x7e]*$/.test(domain) ? domain.toLowerCase() : domainToASCII(domain)

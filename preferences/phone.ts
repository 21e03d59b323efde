import parsePhone from 'libphonenumber-js/max'
import { isPhone } from '#contracts/intent.ts'
import type { ReadAddress } from './address.ts'

/**
 * Kinds of numbers that take no text. The full metadata (`max`) are the only ones that tell kinds apart; their 150 kB cost
 * a server nothing. In North America fixed and mobile numbers cannot be told apart, and pass.
 */
const textless: ReadonlySet<string> = new Set(['FIXED_LINE', 'PREMIUM_RATE', 'SHARED_COST', 'UAN', 'VOICEMAIL'])

/**
 * Reads a number that texts go to: international, however it is written, kept as E.164. Refused is what is known to be wrong:
 * a length that the country does not have, a kind that takes no text. A number of a plan that is newer than the metadata passes.
 */
export function readPhone(text: string): ReadAddress {
  if (!text.trimStart().startsWith('+'))
    return {
      detail:
        'write the number with + and the code of its country, like +4915112345678, instead of as it is dialled at home',
    }
  // The library would read an extension, or leave out what it does not know.
  const parsed = /^[\s\d+()./-]+$/.test(text) ? parsePhone(text) : undefined
  const address = parsed?.number ?? text
  if (!isPhone(address)) return { detail: 'is no telephone number: + and 7 to 15 digits' }
  if (!parsed) return { address }
  if (!parsed.isPossible()) return { detail: 'has more or fewer digits than numbers of its country have' }
  if (textless.has(parsed.getType() ?? ''))
    return { detail: 'is a number of a kind that takes no texts, as landlines are' }
  return { address }
}

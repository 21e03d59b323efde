import { isPhone } from '#contracts/intent.ts'
import { escaped } from '#contracts/escaped.ts'
import type { TextedWord } from '#preferences/preferences.ts'
import { idIn } from '../report.ts'
import { wordIn } from './texted-word.ts'

/** A text that asks for something. `answered`: Twilio has answered it by itself. */
export type TwilioText = { message: string; number: string; word: TextedWord; answered: boolean }

/** What Twilio says of a number whose STOP it took: START takes it back. */
export const stopCodes: readonly string[] = ['21610']

/**
 * What somebody asks for by a text (https://www.twilio.com/docs/messaging/guides/webhook-request), or undefined for one that
 * says something else. `OptOutType` is there where Twilio's Advanced Opt-Out knows the word, in whatever language, and has answered.
 */
export function twilioText(form: URLSearchParams): TwilioText | undefined {
  const message = idIn(form.get('MessageSid'))
  const number = form.get('From')
  const optOut = optOuts.get(form.get('OptOutType') ?? '')
  const word = optOut ?? wordIn(form.get('Body') ?? '')
  if (message === undefined || !isPhone(number) || word === undefined) return undefined
  return { message, number, word, answered: optOut !== undefined }
}

const optOuts: ReadonlyMap<string, TextedWord> = new Map([
  ['STOP', 'stop'],
  ['START', 'start'],
  ['HELP', 'help'],
])

/** An answer to a text (https://www.twilio.com/docs/messaging/twiml); undefined: none. */
export const twiml = (text?: string): string =>
  `<?xml version="1.0" encoding="UTF-8"?>${text === undefined ? '<Response/>' : `<Response><Message>${escaped(text)}</Message></Response>`}`

import type { TextedWord } from '#preferences/preferences.ts'

/**
 * What a text that somebody sent us asks for, or undefined. STOP: a carrier's word alone, however it is written, or a
 * sentence that says nothing else: the law wants any reasonable way to count (47 CFR 64.1200(a)(10)). START and HELP are words
 * alone: nobody is told again by a guess. Pure.
 */
export function wordIn(text: string): TextedWord | undefined {
  if (text.length > charsMax) return undefined
  const words = plainWords(text)
  const said = words.filter((word, at) => word !== words[at - 1]).join(' ')
  for (const word of ['stop', 'start', 'help'] as const) if (texted[word].has(said)) return word
  const asked = withoutManners(said)
  return texted.stop.has(asked) || sentences.some(sentence => sentence.test(asked)) ? 'stop' : undefined
}

/** Longer than what says only this. */
const charsMax = 200

/** The carriers' words (https://www.twilio.com/docs/messaging/tutorials/advanced-opt-out), those that the law names, and German ones. */
const texted: Readonly<Record<TextedWord, ReadonlySet<string>>> = {
  stop: new Set([
    ...['stop', 'stopall', 'stop all', 'unsubscribe', 'cancel', 'end', 'quit', 'revoke', 'optout', 'opt out', 'remove'],
    ...['arret', 'stopp', 'abmelden', 'abbestellen', 'beenden', 'ende', 'kundigen', 'kuendigen', 'austragen'],
  ]),
  start: new Set(['start', 'yes', 'unstop', 'optin', 'opt in', 'ja', 'anmelden']),
  help: new Set(['help', 'info', 'aide', 'hilfe']),
}

/** As letters alone: no accents, nothing unseen, one spelling of each. Punctuation and pictures part words. */
const plainWords = (text: string): string[] =>
  text
    .normalize('NFKC')
    .replace(/\p{Cf}/gu, '')
    .toLowerCase()
    .normalize('NFD')
    .replace(/\p{M}/gu, '')
    .replaceAll('ı', 'i')
    .match(/[\p{L}\p{N}]+/gu) ?? []

const polite = '(?:please|pls|plz|bitte|ok|okay|hi|hello|hallo|now|jetzt|thanks|thank you|thx|danke|immediately|sofort)'
const opening = new RegExp(`^(?:${polite} )+`)
const closing = new RegExp(`(?: ${polite})+$`)
/** Said without what is only polite, at either end. */
const withoutManners = (said: string): string => said.replace(opening, '').replace(closing, '')

const texts = '(?:texts?|messages?|msgs?|sms|notifications?|alerts?)'
const these = '(?:all|any|these|this|that|those|your|the|more|of|it|stuff|anymore)'
const me = '(?:me|us|my number|my phone)'
/** Each says that texts are to end, and nothing besides. */
const sentences = [
  `(?:stop|quit) (?:sending|texting|messaging|contacting|bothering|spamming)(?: ${me})?(?: (?:${these}|${texts}))*`,
  `(?:stop|quit)(?: ${these})+`,
  `(?:stop|cancel|end|quit|revoke|unsubscribe)(?: ${me})?(?: (?:from|${these}))*(?: ${texts})+`,
  `(?:remove|unsubscribe|opt|take)(?: ${me})(?: (?:out|off))?(?: (?:from|of|${these}|list|${texts}))*`,
  `(?:do not|don t|dont|never) (?:send|text|message|contact)(?: ${me})(?: (?:again|${these}|${texts}))*`,
  `no more ${texts}`,
  `i (?:want to|wish to|would like to|d like to|wanna) (?:stop|quit|unsubscribe|cancel|opt out)(?: (?:from|${these}|${texts}))*`,
  `keine (?:sms|nachrichten|texte)(?: mehr)(?: (?:schicken|senden))?`,
  `(?:schick|schickt|schicken sie|sende|sendet|senden sie)(?: (?:mir|uns))? keine (?:sms|nachrichten|texte) mehr`,
].map(sentence => new RegExp(`^(?:${sentence})$`))

import type { TextedWord } from '#preferences/preferences.ts'
import { localeFor } from '../render.ts'
import { plainText } from './body.ts'

/** Who answers, and what HELP is answered besides: where people find help. */
export type Replies = { brand: string; help?: string | undefined }

/** What a word that somebody texted is answered, within the alphabet of a text of one segment where the brand is. Pure. */
export const replyTo = (
  word: TextedWord,
  { brand, help, locale = '' }: Replies & { locale?: string | undefined },
): string =>
  plainText(
    `${brand}: ${words[localeFor(locale, languages) as Language][word]}${word === 'help' && help ? ` ${help}` : ''}`,
  )

type Language = 'en' | 'de'
const languages: readonly Language[] = ['en', 'de']
const words: Record<Language, Record<TextedWord, string>> = {
  en: {
    stop: 'You get no more texts from us. Reply START to get them again.',
    start: 'You get our texts again. Reply STOP to end them.',
    help: 'We text what you chose to hear of. Reply STOP to end all texts, START to get them again.',
  },
  de: {
    stop: 'Du bekommst keine SMS mehr von uns. Antworte START, um sie wieder zu bekommen.',
    start: 'Du bekommst wieder SMS von uns. Antworte STOP, um sie zu beenden.',
    help: 'Wir schicken dir SMS zu dem, was du gewählt hast. Antworte STOP, um alle zu beenden, START, um sie wieder zu bekommen.',
  },
}

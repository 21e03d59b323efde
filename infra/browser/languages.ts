/** What pages and components speak. */
export type Language = 'en' | 'de'

/** The first language that we speak, of those that somebody asks for. */
export function languageOf(asked: readonly string[]): Language {
  for (const tag of asked) {
    const found = tag.slice(0, 2).toLowerCase()
    if (found === 'en' || found === 'de') return found
  }
  return 'en'
}

// Browsers write English dates as Americans do, unless told otherwise.
export const localeOf = (language: Language): string => (language === 'en' ? 'en-GB' : language)

/** What an id says to a person who was given no name for it: `account_updates` is “Account updates”. */
export function spoken(id: string): string {
  const words = id.replaceAll(/[_-]+/g, ' ').trim() || id
  return words.charAt(0).toLocaleUpperCase() + words.slice(1)
}

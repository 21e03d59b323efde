import { spoken } from '#browser/languages.ts'
import type { EmailContent } from '#contracts/catalogue.ts'
import { escaped } from '#contracts/escaped.ts'
import type { OutMessage } from '../provider.ts'
import { localeFor } from '../render.ts'
import { type Brand, layoutOf } from './layout.ts'
import type { Leave } from './unsubscribe.ts'

/** What of a mail is its own, as it stands in the mail: all of it may be said for each person apart, or once for all. */
export const letterFields = ['subject', 'text', 'note', 'lang', 'preview', 'body', 'footer'] as const
export type LetterParts = Record<(typeof letterFields)[number], string>
export type Letter = { subject: string; text: string; html: string }

/** What a mail says, with its links as they are given. `leave`: where its foot leads: to be unsubscribed, and to the page of its person. */
export function letterParts({ content, locale, categories }: Said, leave: Leave | undefined): LetterParts {
  const words = footerWords[localeFor(locale, languages) as Language]
  const why = categories ? words.because(words.list(categories)) : words.must
  const said = categories === undefined || leave !== undefined ? why : ''
  const link =
    categories && leave !== undefined
      ? {
          html: ` <a href="${leave.unsubscribe}">${words.leave}</a> · <a href="${leave.page}">${words.page}</a>`,
          text: `\n${words.leave}: ${leave.unsubscribe}\n${words.page}: ${leave.page}`,
        }
      : { html: '', text: '' }
  return {
    ...{ subject: content.subject, text: content.text, note: said + link.text, lang: escaped(locale) },
    ...{ preview: escaped(content.preview ?? ''), body: content.html.html, footer: escaped(said) + link.html },
  }
}

type Said = Pick<OutMessage<'email'>, 'content' | 'locale' | 'categories'>

/** Puts a mail together for a brand. A content that has a layout of its own is left as it is. */
export function letterOf(brand: Brand): (parts: LetterParts, layout?: EmailContent['layout']) => Letter {
  const layout = layoutOf(brand)
  const sender = [brand.name, brand.postal].filter(text => text !== undefined).join(' · ')
  return ({ subject, text, note, ...slots }, chosen) => {
    if (chosen === 'none') return { subject, text, html: slots.body }
    return { subject, text: [text, '', '-- ', ...(note === '' ? [] : [note]), sender].join('\n'), html: layout(slots) }
  }
}

type Language = 'en' | 'de'
const languages: readonly Language[] = ['en', 'de']
type Words = {
  because: (what: string) => string
  must: string
  leave: string
  page: string
  list: (names: readonly string[]) => string
}

const listIn = (language: Language, [open, close]: readonly [string, string]) => {
  const format = new Intl.ListFormat(language)
  return (names: readonly string[]) => format.format(names.map(name => `${open}${spoken(name)}${close}`))
}

const footerWords: Record<Language, Words> = {
  en: {
    because: what => `You get this because mails about ${what} are on.`,
    must: 'You get this because you must know of it, whatever you have switched off.',
    leave: 'Unsubscribe',
    page: 'What reaches you',
    list: listIn('en', ['“', '”']),
  },
  de: {
    because: what => `Du bekommst das, weil E-Mails zu ${what} eingeschaltet sind.`,
    must: 'Du bekommst das, weil du es wissen musst, was immer du abbestellt hast.',
    leave: 'Abbestellen',
    page: 'Was dich erreicht',
    list: listIn('de', ['„', '“']),
  },
}

import { html, type TemplateResult } from 'lit-html'
import { type Language, localeOf, spoken } from '#browser/languages.ts'
import type { OwnPreferences } from '#contracts/preferences.ts'
import type { Patch } from './preferences-client.ts'
import type { QuietDraft } from './quiet-draft.ts'
import type { Texts } from './texts.ts'

/** What each part of the page is drawn from, and what a person can do there. */
export type View = {
  texts: Texts
  language: Language
  /** That of the headings of its parts. */
  level: number
  preferences: OwnPreferences
  /** What is open or half-typed on this page only. */
  local: Local
  /** Draws again what is local. */
  redraw: () => void
  /** Saves a change; the page goes on at once. `later`: when nothing more was typed for a moment. */
  save: (patch: Patch, how?: { later?: boolean }) => void
  signOut: (device: string) => void
  older: () => void
}
export type Local = {
  pauseUntil?: { text: string; wrong: boolean }
  quiet?: QuietDraft
  /** The device that a person is about to sign out. */
  leaving?: string
  /** There are no older changes. */
  whole?: boolean
}

export const isoOf = (local: string): string => new Date(local).toISOString()

/** `Sat 21 Nov, 15:00`, in the person's language. */
export const whenOf = ({ language }: Pick<View, 'language'>, at: string): string =>
  new Intl.DateTimeFormat(localeOf(language), {
    ...{ weekday: 'short', day: 'numeric', month: 'short' },
    ...{ hour: '2-digit', minute: '2-digit' },
    ...(Math.abs(Date.parse(at) - Date.now()) > 300 * 86_400_000 && { year: 'numeric' as const }),
  }).format(new Date(at))

export const dayOf = ({ language }: Pick<View, 'language'>, at: string): string =>
  new Intl.DateTimeFormat(localeOf(language), { dateStyle: 'medium' }).format(new Date(at))

/** The name of a category: the product's own, by the slot `category-<id>`, else what its id says. */
export const categoryName = (category: string): TemplateResult =>
  html`<slot name=${`category-${category}`}>${spoken(category)}</slot>`

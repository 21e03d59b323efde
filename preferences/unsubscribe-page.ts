import { hash } from 'node:crypto'
import { type Language, localeOf, spoken } from '#browser/languages.ts'
import { escaped } from '#contracts/escaped.ts'
import type { Unsubscribe } from './unsubscribe-token.ts'

/**
 * What the page says: it asks, it was done, it was undone, it was undone but something wider still keeps these mails back;
 * there is nobody left, no such token, or no word that we know.
 * `locked`: their tenant has these mails sent whatever is chosen.
 */
export type PageState =
  | { kind: 'ask' | 'off' | 'on' | 'still'; mail: Unsubscribe; locked: boolean }
  | { kind: 'gone' | 'unknown' | 'unclear' }

/** A page without scripts, and the policy that it is sent with. Pure. */
export function unsubscribePage(state: PageState, language: Language): { html: string; policy: string } {
  const { title, text, button } = words[language][saidOf(state)](aboutOf(state, language))
  const said = 'locked' in state && state.locked && state.kind !== 'off' ? [text, words[language].locked] : [text]
  const field = state.kind === 'off' ? undoField : leaveField
  const form = button && `<form method="post">${field}<button>${button}</button></form>`
  const html = `<!doctype html>
<html lang="${language}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<style>${style}</style>
<main>
<h1>${title}</h1>
${said.map(line => `<p>${line}</p>`).join('\n')}
${form ?? ''}
</main>
</html>
`
  return { html, policy }
}

/** Who is told that no more mails come is told the truth: where they still do, that the choice is kept. */
const saidOf = (state: PageState): keyof Pages => (state.kind === 'off' && state.locked ? 'kept' : state.kind)

const leaveField = '<input type="hidden" name="List-Unsubscribe" value="One-Click">'
const undoField = '<input type="hidden" name="Resubscribe" value="Yes">'

type About = { what: string; when: string }

function aboutOf(state: PageState, language: Language): About {
  if (!('mail' in state)) return { what: '', when: '' }
  const [open, close] = words[language].quotes
  const names = state.mail.categories.map(category => `${open}${escaped(spoken(category))}${close}`)
  return {
    what: new Intl.ListFormat(language).format(names),
    when: new Intl.DateTimeFormat(localeOf(language), { dateStyle: 'long', timeZone: 'UTC' }).format(state.mail.issued),
  }
}

type Said = { title: string; text: string; button?: string }
type Pages = Record<PageState['kind'] | 'kept', (about: About) => Said>
type Words = Pages & { locked: string; quotes: readonly [string, string] }

const words: Record<Language, Words> = {
  en: {
    quotes: ['“', '”'],
    ask: ({ what, when }) => ({
      title: `No more mails about ${what}?`,
      text: `This link is from a mail of ${when}. Everything else stays as it is.`,
      button: 'Unsubscribe',
    }),
    off: ({ what }) => ({
      title: `You get no more mails about ${what}`,
      text: 'This counts from now on, and for nothing else. It was not you, or not meant?',
      button: 'Undo',
    }),
    kept: ({ what }) => ({
      title: 'Your choice is saved',
      text: `You want no mails about ${what}. But your organisation has them sent whatever its people choose, so they still come. Your choice is kept, and counts as soon as that ends.`,
      button: 'Undo',
    }),
    on: ({ what }) => ({
      title: `You get mails about ${what} again`,
      text: 'This counts from now on.',
      button: 'Unsubscribe',
    }),
    still: ({ what }) => ({
      title: `You still get no mails about ${what}`,
      text: 'Unsubscribing was undone. But you switched all mails off or paused them, or your organisation sends none of these, and that still counts.',
    }),
    gone: () => ({
      title: 'You get no more mails',
      text: 'Your account was deleted. There is nothing left to switch off.',
    }),
    unknown: () => ({
      title: 'This link leads nowhere',
      text: 'Nothing was changed. Part of the link is missing, or it was changed on its way: open it in the mail again, or copy all of it.',
    }),
    unclear: () => ({
      title: 'Nothing was changed',
      text: 'We did not understand what to do. Open the link in the mail again and use the button.',
    }),
    locked:
      'Your organisation has these mails sent whatever its people choose, so they still come. Your choice is kept, and counts as soon as that ends.',
  },
  de: {
    quotes: ['„', '“'],
    ask: ({ what, when }) => ({
      title: `Keine E-Mails mehr zu ${what}?`,
      text: `Dieser Link ist aus einer E-Mail vom ${when}. Alles andere bleibt, wie es ist.`,
      button: 'Abbestellen',
    }),
    off: ({ what }) => ({
      title: `Du bekommst keine E-Mails mehr zu ${what}`,
      text: 'Das gilt ab sofort, und nur dafür. Das warst du nicht, oder so war es nicht gemeint?',
      button: 'Rückgängig machen',
    }),
    kept: ({ what }) => ({
      title: 'Deine Wahl ist gespeichert',
      text: `Du möchtest keine E-Mails zu ${what}. Aber deine Organisation hat festgelegt, dass diese immer verschickt werden, sie kommen also weiterhin. Deine Wahl bleibt gespeichert und gilt, sobald das endet.`,
      button: 'Rückgängig machen',
    }),
    on: ({ what }) => ({
      title: `Du bekommst wieder E-Mails zu ${what}`,
      text: 'Das gilt ab sofort.',
      button: 'Abbestellen',
    }),
    still: ({ what }) => ({
      title: `Du bekommst weiterhin keine E-Mails zu ${what}`,
      text: 'Das Abbestellen ist rückgängig gemacht. Aber du hast alle E-Mails abgeschaltet oder pausiert, oder deine Organisation verschickt diese nicht, und das gilt weiterhin.',
    }),
    gone: () => ({
      title: 'Du bekommst keine E-Mails mehr',
      text: 'Dein Konto wurde gelöscht. Es gibt nichts mehr abzubestellen.',
    }),
    unknown: () => ({
      title: 'Dieser Link führt nirgendwohin',
      text: 'Nichts wurde geändert. Ein Teil des Links fehlt oder wurde unterwegs verändert: Öffne ihn noch einmal in der E-Mail, oder kopiere ihn ganz.',
    }),
    unclear: () => ({
      title: 'Nichts wurde geändert',
      text: 'Wir haben nicht verstanden, was zu tun ist. Öffne den Link noch einmal in der E-Mail und nimm den Knopf.',
    }),
    locked:
      'Deine Organisation hat festgelegt, dass diese E-Mails immer verschickt werden, sie kommen also weiterhin. Deine Wahl bleibt gespeichert und gilt, sobald das endet.',
  },
}

const style = `
:root { color-scheme: light dark; --ink: #1a1b1f; --soft: #55585f; --page: #f3f4f6; --card: #fff; --act: #4338ca; --on-act: #fff }
@media (prefers-color-scheme: dark) { :root { --ink: #f1f2f4; --soft: #a9adb6; --page: #121316; --card: #1d1f24; --act: #a5b4fc; --on-act: #14152b } }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; background: var(--page); color: var(--ink); font: 1rem/1.6 system-ui, sans-serif }
main { box-sizing: border-box; width: min(100% - 2rem, 32rem); margin: 1rem; padding: 2rem; border-radius: 1rem; background: var(--card) }
h1 { margin: 0 0 .75rem; font-size: 1.5rem; line-height: 1.3; overflow-wrap: anywhere }
p { margin: 0 0 1rem; color: var(--soft) }
button { width: 100%; min-height: 3rem; margin-top: .5rem; border: 0; border-radius: .5rem; background: var(--act); color: var(--on-act); font: inherit; font-weight: 600; cursor: pointer }
button:focus-visible { outline: 3px solid var(--ink); outline-offset: 3px }
`
const policy = `default-src 'none'; style-src 'sha256-${hash('sha256', style, 'base64')}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`

import { render, type TemplateResult } from 'lit-html'

const main = document.querySelector('main')!
const title = document.querySelector('h1')!
const signOut = document.querySelector<HTMLButtonElement>('#sign-out')!
let leaving: (() => void) | undefined
signOut.addEventListener('click', () => leaving?.())

/** Draws what stands under the head of a page. `leave`: signs out whoever is signed in. */
export function drawPage(body: TemplateResult, leave?: () => void): void {
  signOut.hidden = leave === undefined
  leaving = leave
  keepingFocus(() => render(body, main))
}

/** Where a page begins. */
export const focusTitle = (): void => title.focus()

/**
 * The keys stay on the link that they were on, wherever it is drawn now, or on what stands for the same of another time; if that is gone,
 * they are where its card begins. Drawing anew may leave the focus on an element that has become another link, or on none.
 */
function keepingFocus(draw: () => void): void {
  const before = document.activeElement
  const href = before?.getAttribute('href')
  const meant = untimed(before)
  const card = before?.closest('.card')?.getAttribute('aria-labelledby')
  draw()
  const at = document.activeElement
  if (before === document.body || (at === before && at?.getAttribute('href') === href)) return
  const heading = document.getElementById(card ?? '')
  const links = heading?.closest('.card')?.querySelectorAll('a') ?? []
  const same = href && [...links].find(link => link.getAttribute('href') === href)
  if (same) same.focus()
  else if (at === document.body || untimed(at) !== meant)
    (heading ?? document.getElementById('answer') ?? title).focus()
}

/** What a link leads to, whenever that was. */
function untimed(link: Element | null): string | undefined {
  const href = link?.getAttribute('href')
  if (href == null) return undefined
  const url = new URL(href, location.href)
  for (const time of ['since', 'until']) url.searchParams.delete(time)
  return url.href
}

import type { Html, HtmlLink } from '#contracts/catalogue.ts'

/** A page with links, as the `html` tag of the SDK makes it. */
export function pageOf(said: string, urls: readonly string[]): Html {
  const links: HtmlLink[] = []
  let html = `<p>${said}</p>`
  for (const url of urls) {
    html += '<a href="'
    const text = url.replace(/[&<>"'`]/g, character => `&#${character.codePointAt(0)};`)
    links.push({ at: html.length, length: text.length, url })
    html += `${text}">x</a>`
  }
  return { html, links }
}

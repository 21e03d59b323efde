import type { Html, HtmlLink } from '#contracts/catalogue.ts'
import { escaped } from '#contracts/escaped.ts'

/** What may stand in an `html` template. Lists are joined; `false`, `null` and `undefined` give nothing. */
export type HtmlValue = string | number | Html | false | null | undefined | readonly HtmlValue[]

// Only what this file made passes unescaped: JSON that looks like Html was never in here.
const made = new WeakSet<object>()

/**
 * HTML from a template: html`<b>${name}</b>`. Every interpolation is escaped, for text and for quoted attributes
 * (OWASP XSS prevention, rules 1 and 2); only what `html` itself made passes as it is. It does not judge URLs, but knows
 * where every `href="…"` stands: throws where one is not a whole value in double quotes.
 */
export function html(strings: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  const out: Writing = { html: '', links: [] }
  for (const [at, literal] of strings.entries()) {
    const inHref = writeLiteral(out, literal)
    if (at === values.length) break
    if (inHref) writeHref(out, { url: values[at], next: strings[at + 1]! })
    else write(out, values[at])
  }
  const result: Html = out.links.length > 0 ? out : { html: out.html }
  made.add(result)
  return result
}

type Writing = { html: string; links: HtmlLink[] }

/** True when it ends where the value of an `href` begins. */
function writeLiteral(out: Writing, literal: string): boolean {
  const start = out.html.length
  out.html += literal
  for (const { index, 0: name } of literal.matchAll(/(?<![\w-])href\s*=\s*/gi)) {
    const at = index + name.length + 1
    const end = literal.indexOf('"', at)
    if (literal[at - 1] !== '"' || (end < 0 && at < literal.length)) throw new TypeError(wholeHref)
    if (end < 0) return true
    const url = literal.slice(at, end).replaceAll('&amp;', '&')
    out.links.push({ at: start + at, length: end - at, url })
  }
  return false
}

const wholeHref = 'a link is one whole value in double quotes: <a href="${url}">'

function writeHref(out: Writing, { url, next }: { url: HtmlValue; next: string }): void {
  if (typeof url !== 'string' || !next.startsWith('"')) throw new TypeError(wholeHref)
  const text = escaped(url)
  out.links.push({ at: out.html.length, length: text.length, url })
  out.html += text
}

function write(out: Writing, value: HtmlValue): void {
  if (value === false || value === null || value === undefined) return
  if (isList(value)) return value.forEach(item => write(out, item))
  if (typeof value !== 'object') {
    out.html += escaped(String(value))
    return
  }
  if (!made.has(value)) throw new TypeError('only texts, numbers and what html`…` made may stand in HTML')
  for (const link of value.links ?? []) out.links.push({ ...link, at: out.html.length + link.at })
  out.html += value.html
}

const isList = (value: HtmlValue): value is readonly HtmlValue[] => Array.isArray(value)

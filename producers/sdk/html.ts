import type { Html } from '#contracts/catalogue.ts'

/** What may stand in an `html` template. Lists are joined; `false`, `null` and `undefined` give nothing. */
export type HtmlValue = string | number | Html | false | null | undefined | readonly HtmlValue[]

// Only what this file made passes unescaped: JSON that looks like Html was never in here.
const made = new WeakSet<object>()

/**
 * HTML from a template: html`<b>${name}</b>`. Every interpolation is escaped, for text and for quoted attributes
 * (OWASP XSS prevention, rules 1 and 2); only what `html` itself made passes as it is. It does not judge URLs.
 */
export function html(strings: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  let text = strings[0]!
  for (const [at, value] of values.entries()) text += textOf(value) + strings[at + 1]!
  const result: Html = { html: text }
  made.add(result)
  return result
}

function textOf(value: HtmlValue): string {
  if (value === false || value === null || value === undefined) return ''
  if (Array.isArray(value)) return value.map((item: HtmlValue) => textOf(item)).join('')
  if (typeof value === 'object') {
    if (!made.has(value)) throw new TypeError('only texts, numbers and what html`…` made may stand in HTML')
    return (value as Html).html
  }
  return String(value).replace(/[&<>"'`]/g, character => entities[character]!)
}

const entities: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  '`': '&#96;',
}

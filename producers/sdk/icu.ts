import { IntlMessageFormat } from 'intl-messageformat'

/** What may stand in a message. Dates are told in UTC: what a person’s own clock says is not known here. */
export type IcuValues = Readonly<Record<string, string | number | bigint | boolean | Date>>

/**
 * A message with plurals, choices, numbers and dates as a language writes them
 * (https://unicode-org.github.io/icu/userguide/format_parse/messages/), compiled once:
 * `icu('en', '{count, plural, one {# reply} other {# replies}}')({ count: 2 })`. Throws at once where the message is none, and when it
 * is told where a value is missing. Values are never read as a message, nor is `<` as a tag.
 */
export function icu(locale: string, message: string): (values: IcuValues) => string {
  const key = `${locale} ${message}`
  const known = compiled.get(key)
  if (known) return known
  const format = new IntlMessageFormat(message, locale, undefined, { ignoreTag: true, formatters })
  const say = (values: IcuValues): string => String(format.format(values))
  // Messages are code and few; one that is put together from data must not fill the memory.
  if (compiled.size < compiledMax) compiled.set(key, say)
  return say
}

const compiled = new Map<string, (values: IcuValues) => string>()
const compiledMax = 1_000

const formatters = {
  getNumberFormat: kept(
    (locales?: Locales, options?: Intl.NumberFormatOptions) => new Intl.NumberFormat(locales, options),
  ),
  getDateTimeFormat: kept(
    (locales?: Locales, options?: Intl.DateTimeFormatOptions) =>
      new Intl.DateTimeFormat(locales, { timeZone: 'UTC', ...options }),
  ),
  getPluralRules: kept(
    (locales?: Locales, options?: Intl.PluralRulesOptions) => new Intl.PluralRules(locales, options),
  ),
}
type Locales = string | string[]

/** Makes one for a language and its options: making one costs a hundred times what using it does. */
function kept<Options, Format>(make: (locales?: Locales, options?: Options) => Format) {
  const known = new Map<string, Format>()
  return (locales?: Locales, options?: Options): Format => {
    const key = JSON.stringify([locales, options])
    let format = known.get(key)
    if (!format) known.set(key, (format = make(locales, options)))
    return format
  }
}

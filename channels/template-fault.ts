import type { Channel } from '#contracts/channel.ts'
import type { Why } from '#contracts/decision.ts'

/** What a template did wrong, in words that may be told: names of fields and numbers, no data. */
export class TemplateFault extends Error {
  override readonly name = 'TemplateFault'
}

type Failing = {
  /** The type, or the shared digest, that the template is of. */
  of: string
  channel: Channel
  locale: string
  error: unknown
  data: object
  /** Runs the template once more. */
  again: (data: object) => unknown
}

/**
 * Names the template that failed and the field that it failed at, as the reason of a `template_error`. What the error itself
 * says may quote data and is not told: the template, which is pure, runs once more to see what it looked at last.
 */
export function templateFault({ of, channel, locale, error, data, again }: Failing): Why {
  const what = error instanceof TemplateFault ? error.message : `it failed${after(lastRead(data, again))}`
  return { rule: 'template_failed', value: `${of}, ${channel}, ${locale}: ${what}` }
}

const after = (field: string | undefined): string => (field === undefined ? '' : ` after it read data.${field}`)

/** The field of the data that was read last, if it has a name that code would write: what is data itself is not told. */
function lastRead(data: object, again: (data: object) => unknown): string | undefined {
  let last: string | undefined
  const watched = new Proxy(data, {
    get(of, name, self) {
      last = typeof name === 'string' ? name : last
      return Reflect.get(of, name, self)
    },
  })
  try {
    again(watched)
  } catch {
    // It failed before.
  }
  return last !== undefined && /^[A-Za-z_$][\w$]{0,63}$/.test(last) ? last : undefined
}

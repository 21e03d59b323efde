import type { Channel } from '#contracts/channel.ts'
import type { Why } from '#contracts/decision.ts'

/** What a template did wrong, in words that may be told: names of fields and numbers, no data. */
export class TemplateFault extends Error {
  override readonly name = 'TemplateFault'
  /** Of what the template gives. */
  readonly field: string

  constructor(message: string, field: string) {
    super(message)
    this.field = field
  }
}

type Failed = {
  error: unknown
  data: object
  /** Runs the template once more. */
  again: (data: object) => unknown
}

type Failing = Failed & {
  /** The type, or the shared digest, that the template is of. */
  of: string
  channel: Channel
  locale: string
}

/**
 * Names the template that failed and the field that it failed at, as the reason of a `template_error`. What the error itself
 * says may quote data and is not told: the template, which is pure, runs once more to see what it looked at last.
 */
export const templateFault = ({ of, channel, locale, ...failed }: Failing): Why => ({
  rule: 'template_failed',
  value: `${of}, ${channel}, ${locale}: ${faultOf(failed).words}`,
})

/** What may be told of it, and the field that it is about: of what the template gives, or of the data. */
export function faultOf({ error, data, again }: Failed): { words: string; field?: string } {
  if (error instanceof TemplateFault) return { words: error.message, field: error.field }
  const field = lastRead(data, again)
  return field === undefined
    ? { words: 'it failed' }
    : { words: `it failed after it read data.${field}`, field: `data.${field}` }
}

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

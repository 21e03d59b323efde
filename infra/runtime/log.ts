import { pino } from 'pino'
import type { LogLevel } from './log-levels.ts'
import { errorFields, hidden, looksPrivate, redacted } from './redact.ts'

/** JSON lines for machines and operators. Fields that are not listed here do not pass; sentences name no one. */
export type Log = {
  debug(fields: LogFields, sentence: string): void
  info(fields: LogFields, sentence: string): void
  warn(fields: LogFields, sentence: string): void
  error(fields: LogFields, sentence: string): void
}

/**
 * Everything that may be logged: ids, counts, names, durations, codes. Never an address, a token, content, or a value
 * that a person typed. A new key is a decision of review; it belongs in one of these groups.
 */
const keys = {
  process: 'role task command name version catalogue host port pid signal store',
  places: 'lane channel provider queue topic subscription table partition migration',
  ids: 'intent set batch hold expansion pack attempt attemptId slot digest delivery messageId requestId traceId',
  subjects: 'recipient endpoint producer tenant audience type category',
  verdicts: 'status code rule reason outcome answer state kind method route ready',
  numbers: 'count counts outcomes received routed sent failed retried skipped batches deliveries recipients messages',
  sizes: 'bytes limit concurrency tries lanes channels',
  times: 'durationMs ageMs waitMs afterMs pauseMs leaseMs at dueAt day',
} as const
type Words<Text extends string> = Text extends `${infer Head} ${infer Tail}` ? Head | Words<Tail> : Text
type Key = Words<(typeof keys)[keyof typeof keys]>
type Value = string | number | boolean | undefined | null
export type LogFields = { [K in Key]?: Value | readonly Value[] | { readonly [name: string]: number } } & {
  error?: unknown
}

const known: ReadonlySet<string> = new Set(Object.values(keys).flatMap(group => group.split(' ')))
const itemsMax = 50

/** A log of one process role, to stderr. `write` takes the lines instead, for tests. */
export function createLog(options: { role: string; level?: LogLevel; write?: (line: string) => void }): Log {
  const { role, level = 'info', write } = options
  const settings = {
    level,
    base: { role, pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  }
  // Synchronous: the last line before an end says why.
  const logger = pino(settings, write ? { write } : pino.destination({ dest: 2, sync: true }))
  const say = (level: LogLevel) => (fields: LogFields, sentence: string) => {
    if (logger.isLevelEnabled(level)) logger[level](passed(fields), redacted(sentence))
  }
  return { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') }
}

/** The fields that are on the list, each in a shape that can hold no surprise. */
function passed(fields: LogFields): Record<string, unknown> {
  const out: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(fields)) {
    if (key === 'error') out.error = errorFields(value)
    else if (known.has(key)) out[key] = plain(value)
  }
  return out
}

function plain(value: unknown): unknown {
  if (typeof value === 'string') return looksPrivate(value) ? hidden : value
  if (typeof value === 'number' || typeof value === 'boolean' || value === null) return value
  if (typeof value === 'bigint') return String(value)
  if (Array.isArray(value))
    return value.slice(0, itemsMax).map(item => (typeof item === 'object' ? undefined : plain(item)))
  if (typeof value === 'object')
    return Object.fromEntries(Object.entries(value).filter(([name, n]) => typeof n === 'number' && !looksPrivate(name)))
  return undefined
}

import { parseArgs } from 'node:util'
import { traceIntent, traceRecipient } from '#analytics/trace-store.ts'
import { isUnknown, printTrace } from '#analytics/trace.ts'
import { type IntentId, isUuid } from '#contracts/ids.ts'
import { systemClock } from '#runtime/clock.ts'
import { CommandError } from '../command.ts'
import { sinceOf, terminal, visitDatabase } from '../visit.ts'

/** `carillon trace`. */
export async function runTrace(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({ args, allowPositionals: true, options: { since: { type: 'string' } } })
  const [subject, ...rest] = positionals
  if (subject === undefined || rest.length > 0)
    throw new CommandError('name one intent (its id, or producer/key) or one person')
  const since = sinceOf(values.since, systemClock.now())
  await using db = await visitDatabase()
  const [producer, ...key] = subject.split('/')
  const trace = isUuid(subject)
    ? await traceIntent(db, subject as IntentId)
    : key.length > 0
      ? await traceIntent(db, { producer: producer!, key: key.join('/') })
      : await traceRecipient(db, subject, since === undefined ? {} : { since })
  if (isUnknown(trace)) throw new CommandError(`nothing is known of ${subject}`, 1)
  console.log(printTrace(trace, terminal()))
  return 0
}

import { parseArgs } from 'node:util'
import { traceDelivery, traceIntent, traceRecipient } from '#analytics/trace-store.ts'
import { isUnknown, printTrace, type Trace } from '#analytics/trace.ts'
import { attemptOf, type EpochMs, type IntentId, isAttempt, isUuid } from '#contracts/ids.ts'
import { logAct } from '#ledger/operator-log.ts'
import { systemClock } from '#runtime/clock.ts'
import type { Database } from '#runtime/postgres.ts'
import { CommandError } from '../command.ts'
import { actorOf } from '../operator.ts'
import { sinceOf, terminal, visitDatabase } from '../visit.ts'

/** `carillon trace`. The look is logged before anything is told. */
export async function runTrace(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    ...{ args, allowPositionals: true },
    options: { since: { type: 'string' }, recipient: { type: 'string' }, as: { type: 'string' } },
  })
  const [subject, ...rest] = positionals
  if (subject === undefined || rest.length > 0)
    throw new CommandError('name one intent (its id, or producer/key), one person or one delivery (batch.slot)')
  const since = sinceOf(values.since, systemClock.now())
  const { recipient } = values
  const who = actorOf(values)
  await using db = await visitDatabase()
  const about = {
    ...{ subject, ...(recipient !== undefined && { recipient }) },
    ...(since !== undefined && { since: new Date(since).toISOString() }),
  }
  await logAct(db, { who, what: 'trace', about })
  const trace = await traceOf(db, subject, { since, recipient })
  if (isUnknown(trace)) throw new CommandError(`nothing is known of ${subject}`, 1)
  console.log(printTrace(trace, terminal()))
  return 0
}

type Narrowed = { since: EpochMs | undefined; recipient: string | undefined }

function traceOf(db: Database, subject: string, { since, recipient }: Narrowed): Promise<Trace> {
  if (isAttempt(subject)) return traceDelivery(db, attemptOf(subject))
  const part = recipient === undefined ? {} : { recipient }
  const [producer, ...key] = subject.split('/')
  if (isUuid(producer)) return traceIntent(db, producer as IntentId, part)
  if (key.length > 0) return traceIntent(db, { producer: producer!, key: key.join('/') }, part)
  if (recipient !== undefined) throw new CommandError('--recipient goes with an intent')
  return traceRecipient(db, subject, since === undefined ? {} : { since })
}

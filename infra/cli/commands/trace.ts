import { parseArgs } from 'node:util'
import { askedDelivery, type AskedIntent, askedIntent } from '#analytics/trace-asked.ts'
import { traceDelivery, traceIntent, traceRecipient } from '#analytics/trace-store.ts'
import { isUnknown, onlyRecipientOf, printTrace, type Trace } from '#analytics/trace.ts'
import { type Attempt, type EpochMs, isName } from '#contracts/ids.ts'
import { logAct } from '#ledger/operator-log.ts'
import { systemClock } from '#runtime/clock.ts'
import type { Database } from '#runtime/postgres.ts'
import { CommandError } from '../command.ts'
import { endpointsTable } from '../endpoints-table.ts'
import { actorOf } from '../operator.ts'
import { sinceOf, terminal, visitDatabase } from '../visit.ts'

/** `carillon trace`. The look is logged before anything is told. */
export async function runTrace(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    ...{ args, allowPositionals: true },
    options: { since: { type: 'string' }, recipient: { type: 'string' }, as: { type: 'string' } },
  })
  const [subject, ...rest] = positionals
  if (subject === undefined || rest.length > 0) throw new CommandError(wrongUse)
  const { recipient } = values
  const since = sinceOf(values.since, systemClock.now())
  const asked = subjectOf(subject, { since, recipient })
  const who = actorOf(values)
  await using db = await visitDatabase()
  const about = {
    ...{ subject, ...(recipient !== undefined && { recipient }) },
    ...(since !== undefined && { since: new Date(since).toISOString() }),
  }
  await logAct(db, { who, what: 'trace', about })
  const trace = await traceOf(db, asked)
  if (isUnknown(trace)) throw new CommandError(`nothing is known of ${subject}`, 1)
  console.log(printTrace(trace, terminal()))
  const only = onlyRecipientOf(trace)
  if (only !== undefined) console.log(`endpoints of ${only} now\n${await endpointsTable(db, only)}`)
  return 0
}

const wrongUse = 'name one intent (its id, or producer/key), one person or one delivery (batch.slot)'

type Narrowed = { since: EpochMs | undefined; recipient: string | undefined }
type Asked =
  | { delivery: Attempt }
  | { intent: AskedIntent; part: { recipient?: string } }
  | { recipient: string; from: { since?: EpochMs } }

function subjectOf(subject: string, { since, recipient }: Narrowed): Asked {
  const [delivery, intent] = [askedDelivery(subject), askedIntent(subject)]
  if (since !== undefined && (delivery || intent)) throw new CommandError('--since goes with a person')
  if (recipient !== undefined && (delivery || !intent)) throw new CommandError('--recipient goes with an intent')
  if (delivery) return { delivery }
  if (intent) return { intent, part: recipient === undefined ? {} : { recipient } }
  if (!isName(subject)) throw new CommandError(wrongUse)
  return { recipient: subject, from: since === undefined ? {} : { since } }
}

function traceOf(db: Database, asked: Asked): Promise<Trace> {
  if ('delivery' in asked) return traceDelivery(db, asked.delivery)
  if ('intent' in asked) return traceIntent(db, asked.intent, asked.part)
  return traceRecipient(db, asked.recipient, asked.from)
}

import { parseArgs } from 'node:util'
import { aboutOf, askedDelivery, askedIntent, type AskedTrace } from '#analytics/trace-asked.ts'
import { traceOf } from '#analytics/trace-store.ts'
import { isUnknown, onlyRecipientOf, printTrace } from '#analytics/trace.ts'
import { type EpochMs, isName } from '#contracts/ids.ts'
import { logAct } from '#ledger/operator-log.ts'
import { systemClock } from '#runtime/clock.ts'
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
  await logAct(db, { who, what: 'trace', about: aboutOf(asked) })
  const trace = await traceOf(db, asked)
  if (isUnknown(trace)) throw new CommandError(`nothing is known of ${subject}`, 1)
  console.log(printTrace(trace, terminal()))
  const only = onlyRecipientOf(trace)
  if (only !== undefined) console.log(`endpoints of ${only} now\n${await endpointsTable(db, only)}`)
  return 0
}

const wrongUse = 'name one intent (its id, or producer/key), one person or one delivery (batch.slot)'

type Narrowed = { since: EpochMs | undefined; recipient: string | undefined }
function subjectOf(subject: string, { since, recipient }: Narrowed): AskedTrace {
  const [delivery, intent] = [askedDelivery(subject), askedIntent(subject)]
  if (since !== undefined && (delivery || intent)) throw new CommandError('--since goes with a person')
  if (recipient !== undefined && (delivery || !intent)) throw new CommandError('--recipient goes with an intent')
  if (delivery) return { delivery }
  if (intent) return { intent, part: recipient === undefined ? {} : { recipient } }
  if (!isName(subject)) throw new CommandError(wrongUse)
  return { recipient: subject, since }
}

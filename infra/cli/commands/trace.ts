import { parseArgs } from 'node:util'
import { askedDelivery, type AskedIntent, askedIntent } from '#analytics/trace-asked.ts'
import { traceDelivery, traceIntent, traceRecipient } from '#analytics/trace-store.ts'
import { isUnknown, onlyRecipientOf, printTrace, type Trace } from '#analytics/trace.ts'
import { type Attempt, type EpochMs, isName } from '#contracts/ids.ts'
import { logAct } from '#ledger/operator-log.ts'
import { shownEndpoint } from '#preferences/endpoints-api.ts'
import { readPeople } from '#preferences/preferences.ts'
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
  if (only !== undefined) console.log(await addressesOf(db, only))
  return 0
}

/** Where a person is reached now, masked, a line each. */
async function addressesOf(db: Database, recipient: string): Promise<string> {
  const { endpoints } = (await readPeople(db, [recipient])).get(recipient)!
  if (endpoints.length === 0) return `${recipient} has no addresses now`
  const lines = endpoints.map(endpoint => {
    const { id, channel, provider, address, state, stateSince, why } = shownEndpoint(endpoint, systemClock.now())
    const since = state === 'active' ? '' : ` since ${stateSince}${why === undefined ? '' : ` (${why})`}`
    return `  ${channel}  ${provider}  ${id}${address === undefined ? '' : `  ${address}`}  ${state}${since}`
  })
  return [`addresses of ${recipient} now`, ...lines].join('\n')
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

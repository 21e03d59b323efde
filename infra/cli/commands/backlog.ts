import { parseArgs } from 'node:util'
import { lanes } from '#contracts/channel.ts'
import { waitReasons } from '#contracts/wait.ts'
import { type BatchId, isUuid } from '#contracts/ids.ts'
import { listRefused, readBacklog, readDoubts } from '#ledger/backlog.ts'
import { notReadmitted, readmit } from '#operators/readmit-act.ts'
import { requeue } from '#operators/requeue-act.ts'
import { CommandError } from '../command.ts'
import { actOptions, actorOf, table, whyOf } from '../operator.ts'
import { visitDatabase } from '../visit.ts'

type Listing<T> = {
  none: string
  read: (db: Parameters<typeof readBacklog>[0]) => Promise<T>
  show: (found: T) => Listed[]
}
type Listed = { heading: string[]; rows: (string | number)[][] }

/** A command that reads and prints tables, or with `--json` what it read. */
function listing<T>({ none, read, show }: Listing<T>): (args: string[]) => Promise<number> {
  return async args => {
    const { values } = parseArgs({ args, options: { json: { type: 'boolean', default: false } } })
    await using db = await visitDatabase()
    const found = await read(db)
    const tables = show(found).filter(({ rows }) => rows.length > 0)
    if (values.json) console.log(JSON.stringify(found))
    else if (tables.length === 0) console.log(none)
    else
      console.log(tables.map(({ heading, rows }) => table([heading, ...rows.map(row => row.map(String))])).join('\n\n'))
    return 0
  }
}

/** `carillon backlog`. */
export const runBacklog = listing({
  none: 'nothing is on its way',
  read: readBacklog,
  show: ({ deliveries, waiting, held, expanding }) => [
    {
      heading: ['lane', 'channel', 'ready', 'oldest (s)', 'with a worker', 'later', 'in doubt'],
      rows: deliveries.map(one => [
        ...[one.lane, one.channel, one.ready, one.oldestS, one.leased, one.later, one.doubts],
      ]),
    },
    {
      heading: ['lane', 'provider', 'deliveries', 'the first goes on', 'waits because'],
      rows: waiting.map(one => [
        ...[one.lane, one.provider, one.deliveries, one.nextDue.toISOString()],
        one.reason === null ? '' : (waitReasons[one.reason] ?? one.reason),
      ]),
    },
    {
      heading: ['lane', 'held by', 'decisions', 'the first is due'],
      rows: held.map(one => [one.lane, one.reason, one.decisions, one.nextDue.toISOString()]),
    },
    {
      heading: ['lane', 'audiences', 'members so far'],
      rows: expanding.map(one => [one.lane, one.audiences, one.members]),
    },
  ],
})

/** `carillon doubts`. */
export const runDoubts = listing({
  none: 'nothing is in doubt',
  read: readDoubts,
  show: doubts => [
    {
      heading: ['batch', 'lane', 'channel', 'provider', 'deliveries', 'sent again at'],
      rows: doubts.map(one => [
        ...[one.batch, one.lane, one.channel, one.provider, one.deliveries, one.resendAt.toISOString()],
      ]),
    },
  ],
})

/** `carillon refused`, and `refused readmit`. */
export async function runRefused(args: string[]): Promise<number> {
  const [what, ...rest] = args
  if (what === 'readmit') return runReadmit(rest)
  return listRefusals(what === 'list' ? rest : args)
}

async function runReadmit(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({ args, allowPositionals: true, options: actOptions })
  const [name = '', ...rest] = positionals
  const [laneName, message] = name.split('/')
  const lane = lanes.find(one => one === laneName)
  if (!lane || !message || rest.length > 0)
    throw new CommandError('name one message as `carillon refused` lists it: its lane and id, like default/42')
  const by = { who: actorOf(values), why: whyOf(values) }
  await using db = await visitDatabase()
  const wrong = notReadmitted(await readmit(db, by, { lane, message }))
  if (wrong !== undefined) throw new CommandError(`${name} cannot be admitted again: ${wrong}`, 1)
  console.log(`${name} goes back to its topic within seconds, if a router runs`)
  return 0
}

const listRefusals = listing({
  none: 'nothing was refused',
  read: listRefused,
  show: refused => [
    {
      heading: ['at', 'message', 'kept', 'reason', 'producer', 'type', 'intent', 'problems'],
      rows: refused.map(one => [
        ...[
          one.at.toISOString(),
          `${one.lane}/${one.message}`,
          one.kept ? 'yes' : 'no',
          one.reason,
          one.producer ?? '',
          one.type ?? '',
          one.intent ?? '',
        ],
        one.problems,
      ]),
    },
  ],
})

/** `carillon requeue`. */
export async function runRequeue(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    ...{ args, allowPositionals: true },
    options: { ...actOptions, lane: { type: 'string' } },
  })
  const [subject, ...rest] = positionals
  const batch = subject?.toLowerCase()
  const lane = lanes.find(one => one === values.lane)
  const wrong = rest.length > 0 || (batch === undefined) === (values.lane === undefined)
  if (wrong || (batch !== undefined && !isBatch(batch)) || (values.lane !== undefined && !lane))
    throw new CommandError(`name one batch by its id, or --lane ${lanes.join('|')}`)
  const by = { who: actorOf(values), why: whyOf(values) }
  await using db = await visitDatabase()
  const n = await requeue(db, by, lane ? { lane } : { batch: batch as BatchId })
  if (n === 0) throw new CommandError('nothing there waits that may be sent', 1)
  console.log(`${n.toLocaleString('en')} deliveries are due now`)
  return 0
}

/** Its id bears the day of its partition; that of an intent is a hash. */
const isBatch = (id: string): boolean => isUuid(id) && id[14] === '7'

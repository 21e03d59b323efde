import { parseArgs } from 'node:util'
import { lanes } from '#contracts/channel.ts'
import { type BatchId, isUuid } from '#contracts/ids.ts'
import { listRefused, readBacklog, readDoubts } from '#ledger/backlog.ts'
import { requeue } from '#operators/requeue-act.ts'
import { type Command, CommandError } from '../command.ts'
import { actOptions, actorOf, table, whyOf } from '../operator.ts'
import { visitDatabase } from '../visit.ts'

type Listed = { heading: string[]; rows: (string | number)[][] }

/** A command that reads and prints tables, or with `--json` what it read. */
const listing = <T>(
  about: { name: string; summary: string; none: string },
  { read, show }: { read: (db: Parameters<typeof readBacklog>[0]) => Promise<T>; show: (found: T) => Listed[] },
): Command => ({
  name: about.name,
  usage: `${about.name} [--json]`,
  summary: about.summary,
  async run(args) {
    const { values } = parseArgs({ args, options: { json: { type: 'boolean', default: false } } })
    await using db = await visitDatabase()
    const found = await read(db)
    const tables = show(found).filter(({ rows }) => rows.length > 0)
    if (values.json) console.log(JSON.stringify(found))
    else if (tables.length === 0) console.log(about.none)
    else
      console.log(tables.map(({ heading, rows }) => table([heading, ...rows.map(row => row.map(String))])).join('\n\n'))
    return 0
  },
})

const backlogCommand = listing(
  {
    name: 'backlog',
    summary: 'Tells what is on its way: deliveries by lane and channel, what is held and why, audiences being read.',
    none: 'nothing is on its way',
  },
  {
    read: readBacklog,
    show: ({ deliveries, held, expanding }) => [
      {
        heading: ['lane', 'channel', 'ready', 'oldest (s)', 'with a worker', 'later', 'in doubt'],
        rows: deliveries.map(one => [
          ...[one.lane, one.channel, one.ready, one.oldestS, one.leased, one.later, one.doubts],
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
  },
)

const doubtsCommand = listing(
  {
    name: 'doubts',
    summary: 'Lists batches of which nobody knows whether they were sent: they wait for receipts, then are sent again.',
    none: 'nothing is in doubt',
  },
  {
    read: readDoubts,
    show: doubts => [
      {
        heading: ['batch', 'lane', 'channel', 'provider', 'deliveries', 'sent again at'],
        rows: doubts.map(one => [
          ...[one.batch, one.lane, one.channel, one.provider, one.deliveries, one.resendAt.toISOString()],
        ]),
      },
    ],
  },
)

const refusedCommand = listing(
  {
    name: 'refused',
    summary:
      'Lists the latest messages that could not become intents, with what was wrong. Parked ones go back by themselves.',
    none: 'nothing was refused',
  },
  {
    read: listRefused,
    show: refused => [
      {
        heading: ['at', 'lane', 'reason', 'producer', 'type', 'intent', 'problems'],
        rows: refused.map(one => [
          ...[one.at.toISOString(), one.lane, one.reason, one.producer ?? '', one.type ?? '', one.intent ?? ''],
          one.problems,
        ]),
      },
    ],
  },
)

const requeueCommand: Command = {
  name: 'requeue',
  usage: `requeue BATCH|--lane ${lanes.join('|')} --why TEXT [--as NAME]`,
  summary: 'Makes a batch, or everything that waits in a lane, due now and has it enqueued again; doubts stay.',
  async run(args) {
    const { values, positionals } = parseArgs({
      ...{ args, allowPositionals: true },
      options: { ...actOptions, lane: { type: 'string' } },
    })
    const [batch, ...rest] = positionals
    const lane = lanes.find(one => one === values.lane)
    const wrong = rest.length > 0 || (batch === undefined) === (values.lane === undefined)
    if (wrong || (batch !== undefined && !isUuid(batch)) || (values.lane !== undefined && !lane))
      throw new CommandError(`name one batch by its id, or --lane ${lanes.join('|')}`)
    const by = { who: actorOf(values), why: whyOf(values) }
    await using db = await visitDatabase()
    const n = await requeue(db, by, lane ? { lane } : { batch: batch as BatchId })
    if (n === 0) throw new CommandError('nothing there waits that may be sent', 1)
    console.log(`${n.toLocaleString('en')} deliveries are due now`)
    return 0
  },
}

/** What waits, and how to send it on. */
export const backlogCommands: readonly Command[] = [backlogCommand, doubtsCommand, refusedCommand, requeueCommand]

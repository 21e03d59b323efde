import { parseArgs } from 'node:util'
import type { WorkerPacing } from '#channels/pace/pacing-store.ts'
import type { Backlog } from '#ledger/backlog.ts'
import { table } from '../operator.ts'
import { pacedProviders } from '../pacings.ts'
import { visitDatabase } from '../visit.ts'

/** `carillon providers`. */
export async function runProviders(args: string[]): Promise<number> {
  const { values } = parseArgs({ args, options: { json: { type: 'boolean', default: false } } })
  await using db = await visitDatabase()
  const paced = await pacedProviders(db)
  const { providers: pacings, waiting } = paced
  if (values.json) console.log(JSON.stringify(paced))
  else if (pacings.length === 0) console.log('no worker runs, or none has said anything for 15 s')
  else {
    const heading = ['provider', 'worker', 'circuit', 'since', 'paused until', 'rate', 'retries left', 'calls']
    console.log(table([heading, ...pacings.map(rowOf)]))
    for (const said of adviceOf(pacings, waiting)) console.log(`\n${said}`)
  }
  return 0
}

const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`
const instant = (at: Date, ms: number): string => `${new Date(at.getTime() + ms).toISOString().slice(0, 19)}Z`

function rowOf({ provider, worker, at, circuit, pauses, rate, retries, calls }: WorkerPacing): string[] {
  return [
    ...[provider, worker],
    circuit.state === 'closed' ? 'closed' : `${circuit.state}: ${circuit.cause} ${circuit.reason ?? ''}`.trim(),
    circuit.state === 'closed' ? '' : instant(at, -circuit.forMs),
    pauses.map(({ lane, leftMs, reason }) => `${lane} ${instant(at, leftMs)} ${reason}`).join(', '),
    rate ? rateOf(rate) : 'no limit of ours',
    retries.map(({ lane, left }) => `${lane} ${Math.max(0, Math.floor(left))}`).join(', '),
    `${calls.underWay} of ${calls.most}`,
  ]
}

/** Nothing is saved up: what is left is how soon the next turn is. */
function rateOf({ perSecond, given }: NonNullable<WorkerPacing['rate']>): string {
  const limit = `${Math.round(perSecond * 10) / 10}/s`
  if (!given) return limit
  const now = `${Math.round(given.perSecond * 10) / 10} of ${limit}`
  return given.aheadMs > 0 ? `${now}, given away for ${seconds(given.aheadMs)}` : now
}

/** For each provider that workers do not call: how many of them, why, what waits and what to do. */
function adviceOf(pacings: readonly WorkerPacing[], waiting: Backlog['waiting']): string[] {
  return [...Map.groupBy(pacings, one => one.provider)].flatMap(([provider, ofWorkers]) => {
    const held = waiting.filter(one => one.provider === provider && one.reason === 'circuit')
    const n = held.reduce((sum, one) => sum + one.deliveries, 0)
    const open = ofWorkers.flatMap(({ circuit }) => (circuit.state === 'closed' ? [] : [circuit]))
    const refused = open.filter(({ cause }) => cause === 'config')
    const [first] = refused.length > 0 ? refused : open
    if (!first) return []
    const who = `${provider}: ${open.length} of ${ofWorkers.length} workers do not call it`
    const waits = `${n.toLocaleString('en')} deliveries wait for it and spend no try.`
    const why = first.reason === undefined ? '' : ` (${first.reason})`
    if (first.cause === 'failures')
      return [
        `${who}: calls fail${why}. ${waits} One message a second finds out when it is back; see the provider's status page.`,
      ]
    return [
      `${who}: it refuses our settings${why}. ${waits} Mend its key, right or project: a right that was given back is found ` +
        'within 30 s, a new key needs a restart of the workers. Until then they stay open, and end only as they expire.',
    ]
  })
}

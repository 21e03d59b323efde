import { parseArgs } from 'node:util'
import { benchAnalytics, missed } from './analytics.ts'
import { peakMaxMb, routeAudience } from './audience.ts'
import { compare } from './compare.ts'
import { NoRedis } from './machine.ts'
import { costOfRules, everyRuleMax } from './rules.ts'
import { costOfClients } from './clients.ts'
import { FewFiles, inboxStreams } from './inbox.ts'
import { latency, slowdownMax } from './latency.ts'
import { scale } from './scale.ts'
import { resultOf, tableOf } from './report.ts'
import { writeFigures } from './write-figures.ts'

const usage = `npm run bench                       the pipeline beside a baseline written by hand, about ten minutes
npm run bench -- audience           one intent to 1,000,000 people, and the router's memory
npm run bench -- scale [--full]     cost per notification from 1,000 to 200,000, with --full to 1,000,000
npm run bench -- rules              what each rule of the router costs, and all of them together
npm run bench -- clients            what calling each provider costs, by its official library, directly, and at the least
npm run bench -- latency [--backlog N]  the critical lane alone, and beside a backlog of 1,000,000 bulk deliveries
npm run bench -- analytics          a sink with a backlog, and what is asked of a day of 10,000,000 events (--size N for fewer), beside DuckDB
npm run bench -- inbox [--streams N]    5,000 inbox streams in one API process: memory, and latency of items (ulimit -Hn 5200)
options: --rounds N (3)  --size N (50000, notifications of one round; the baseline's are a fifth)  --write (README, docs)`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '3' },
    size: { type: 'string' },
    backlog: { type: 'string', default: '1000000' },
    streams: { type: 'string', default: '5000' },
    full: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
})
/** What a baseline may cost at most; beyond, the comparison is not fair to it. */
const baselineMaxUs = 1_000
const audienceMembers = 1_000_000
const eventsOfDay = 10_000_000
const sizes = [1_000, 10_000, 50_000, 200_000]
const latencySeconds = 60
const sizeFull = 1_000_000
const begunMs = performance.now()
const progress = (line: string) => console.error(`bench ${Math.round((performance.now() - begunMs) / 1000)} s: ${line}`)

try {
  process.exitCode = await run(positionals[0])
} catch (error) {
  if (!(error instanceof NoRedis || error instanceof FewFiles)) throw error
  console.error(error.message)
  process.exitCode = 1
}

async function run(what: string | undefined): Promise<number> {
  const ofAnalytics = what === 'analytics'
  const [rounds, size] = [Number(values.rounds), Number(values.size ?? (ofAnalytics ? eventsOfDay : 50_000))]
  const streams = Number(values.streams)
  const known = ['analytics', 'audience', 'scale', 'rules', 'latency', 'clients', 'inbox', undefined]
  if (!(rounds >= 1 && size >= 500 && streams >= 1 && known.includes(what))) {
    console.error(usage)
    return 2
  }
  if (ofAnalytics) {
    const result = await benchAnalytics(size, progress)
    console.log(JSON.stringify(result))
    if (values.write) await writeFigures({ analytics: result })
    const late = missed(result)
    for (const one of late) console.error(one)
    return late.length === 0 ? 0 : 1
  }
  if (what === 'audience') {
    const result = await routeAudience(audienceMembers, progress)
    console.log(JSON.stringify(result))
    if (values.write) await writeFigures({ audience: result })
    return result.peak_mb < peakMaxMb ? 0 : 1
  }
  if (what === 'scale') {
    const result = await scale(values.full ? [...sizes, sizeFull] : sizes, progress)
    for (const { count, single, fanout } of result)
      console.log(`${String(count).padStart(9)}: single ${single} µs, fan-out ${fanout} µs`)
    console.log(JSON.stringify(result))
    if (values.write) await writeFigures({ scale: result })
    return 0
  }
  if (what === 'rules') {
    const result = await costOfRules({ rounds, size }, progress)
    const times = (way: 'single' | 'fanout') => result.all![way] / result.plain![way]
    for (const [name, { single, fanout }] of Object.entries(result))
      console.log(`${name.padStart(12)}: one per recipient ${single} µs, fan-out ${fanout} µs`)
    console.log(`all rules: ${times('single').toFixed(2)} and ${times('fanout').toFixed(2)} times the plain route`)
    console.log(JSON.stringify(result))
    if (values.write) await writeFigures({ rules: result })
    return Math.max(times('single'), times('fanout')) <= everyRuleMax ? 0 : 1
  }
  if (what === 'clients') {
    const result = await costOfClients(rounds, progress)
    console.log(JSON.stringify(result))
    if (values.write) await writeFigures({ clients: result })
    return 0
  }
  if (what === 'latency') {
    const result = await latency({ backlog: Number(values.backlog), seconds: latencySeconds }, progress)
    const { idle, draining } = result
    console.log(`alone: p50 ${idle.p50_ms} ms, p99 ${idle.p99_ms} ms`)
    console.log(`beside the backlog: p50 ${draining.p50_ms} ms, p99 ${draining.p99_ms} ms`)
    console.log(JSON.stringify(result))
    if (values.write) await writeFigures({ latency: result })
    return draining.p99_ms <= slowdownMax * idle.p99_ms ? 0 : 1
  }
  if (what === 'inbox') return runInbox(streams)
  const compared = await compare({ rounds, size }, progress)
  console.log(tableOf(compared))
  const result = resultOf(compared)
  const fair = result.baseline.cpu_us <= baselineMaxUs
  if (!fair)
    console.error(
      `bench: the baseline took ${result.baseline.cpu_us} µs, more than ${baselineMaxUs}: this machine is busy, which hurts ` +
        'whoever works in small steps most. The ratios flatter us and are not written; run it again alone.',
    )
  if (values.write && fair) await writeFigures({ compare: result })
  console.log(JSON.stringify(result))
  return fair ? 0 : 1
}

async function runInbox(count: number): Promise<number> {
  const result = await inboxStreams(count, progress)
  console.log(`${result.streams} streams held, ${result.kb_per_stream} kB each, peak ${result.peak_mb} MB`)
  console.log(`${result.items} items: p50 ${result.p50_ms} ms, p99 ${result.p99_ms} ms`)
  console.log(JSON.stringify(result))
  if (values.write) await writeFigures({ inbox: result })
  return result.streams === count ? 0 : 1
}

import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { AnalyticsFigures } from './analytics.ts'
import { type AudienceResult, heapFlags } from './audience.ts'
import type { ClientsResult } from './clients.ts'
import type { InboxResult } from './inbox.ts'
import type { LatencyResult } from './latency.ts'
import { type Question, type QuestionName, questions } from './questions.ts'
import type { Result } from './report.ts'
import type { RulesResult } from './rules.ts'
import type { ScaleResult } from './scale.ts'

/** What was measured last, each part by its own run. */
export type Figures = {
  compare?: Result
  audience?: AudienceResult
  scale?: ScaleResult
  rules?: RulesResult
  latency?: LatencyResult
  clients?: ClientsResult
  inbox?: InboxResult
  analytics?: AnalyticsFigures
}

const root = path.join(import.meta.dirname, '..', '..', '..')
export const figuresFile = path.join(root, 'infra', 'docs', 'bench.json')
export const readmeFile = path.join(root, 'README.md')
const section = /(<!-- bench -->\n)[\s\S]*?(<!-- \/bench -->)/

/** Puts new figures beside those of other runs, and into the README where it has a place for them. */
export async function writeFigures(measured: Figures): Promise<void> {
  const known = existsSync(figuresFile) ? (JSON.parse(await readFile(figuresFile, 'utf8')) as Figures) : {}
  const figures = { ...known, ...measured }
  await writeFile(figuresFile, `${JSON.stringify(figures, null, 2)}\n`)
  if (!existsSync(readmeFile)) return
  const readme = await readFile(readmeFile, 'utf8')
  await writeFile(
    readmeFile,
    readme.replace(section, (_, begin: string, end: string) => `${begin}${readmeText(figures)}${end}`),
  )
}

/** The text between the README's markers; undefined when it has none. */
export const benchSection = (readme: string): string | undefined =>
  section.exec(readme)?.[0].slice('<!-- bench -->\n'.length, -'<!-- /bench -->'.length)

export function readmeText({ compare, audience, scale, rules, latency, clients, inbox, analytics }: Figures): string {
  const lines: string[] = []
  if (compare) lines.push(...comparison(compare), '')
  else
    lines.push(
      '`npm run bench` puts the pipeline beside a baseline written by hand; `--write` writes what it found here.',
      '',
    )
  if (audience)
    lines.push(
      `One intent to an audience of ${number(audience.members)} people is routed in ${audience.seconds} s; ` +
        `the router process (\`${heapFlags.join(' ')}\`) peaks at ${audience.peak_mb} MB.`,
      '',
    )
  if (scale)
    lines.push(
      `CPU-µs per notification by how many are sent at once: ${scale
        .map(({ count, single, fanout }) => `${number(count)}: ${single} (fan-out ${fanout})`)
        .join(', ')}.`,
      '',
    )
  if (rules)
    lines.push(
      'A rule that looks at every notification and lets it pass makes it cost so many times as much, fan-out in ' +
        `brackets: ${Object.entries(rules)
          .filter(([name]) => name !== 'plain')
          .map(([name, cost]) => `${ruleLabels[name] ?? name} ${timesPlain(cost, rules)}`)
          .join(', ')}.`,
      '',
    )
  if (latency)
    lines.push(
      `From \`notify\` to the provider the critical lane takes ${latency.idle.p50_ms} ms (p99 ${latency.idle.p99_ms} ms), and ` +
        `${latency.draining.p50_ms} ms (p99 ${latency.draining.p99_ms} ms) while ${number(latency.backlog)} bulk deliveries ` +
        `drain at ${number(latency.drained_per_s)}/s on the same two cores.`,
      '',
    )
  if (clients)
    lines.push(
      'CPU-µs of one message in the process that calls the provider: by its official library, directly (`CARILLON_TRANSPORT`), by nothing ' +
        `but \`node:http2\` and \`node:http\`: ${Object.entries(clients)
          .map(([name, { official, direct, floor }]) => `${name} ${official}, ${direct}, ${floor}`)
          .join('; ')}.`,
      '',
    )
  if (inbox)
    lines.push(
      `One API process holds ${number(inbox.streams)} inbox streams at ${inbox.kb_per_stream} kB each (peak ${inbox.peak_mb} MB in all); an ` +
        `item is with its reader ${inbox.p50_ms} ms (p99 ${inbox.p99_ms} ms) after the worker sent it.`,
      '',
    )
  if (analytics) lines.push(...ofAnalytics(analytics), '')
  return lines.join('\n')
}

function ofAnalytics({ events, sink, storing, rollup_s, asked, duckdb }: AnalyticsFigures): string[] {
  const rows = [
    ...Object.entries<Question>(questions).map(([name, { label }]) => ({ label, ...asked[name as QuestionName] })),
    { label: 'funnel by DuckDB, of the same rows as Parquet', ...duckdb },
  ]
  return [
    `A sink alone drains ${number(sink.events)} events from Pub/Sub at ${number(sink.events_per_s)}/s, ${sink.times_fanout} times what fan-out makes; CPU-µs of one: its ` +
      `process ${sink.cpu_us.sink}, PostgreSQL ${sink.cpu_us.postgres}. It peaks at ${sink.peak_mb} MB (half-way ${sink.half_mb}). Storing a day of ${number(events)} events ` +
      `takes ${storing.cpu_us} CPU-µs of one, and counting them by the hour ${rollup_s} s. What is then asked of that day:`,
    '',
    '| | ms | cold |',
    '| --- | ---: | ---: |',
    ...rows.map(({ label, ms, cold }) => `| ${label} | ${number(ms)} | ${number(cold)} |`),
  ]
}

function timesPlain({ single, fanout }: RulesResult[string], { plain }: RulesResult): string {
  return `${(single / plain!.single).toFixed(2)} (${(fanout / plain!.fanout).toFixed(2)})`
}

const ruleLabels: Record<string, string> = {
  windows: 'throttle + dedupe',
  budget: 'budget',
  digest: 'digest (each opens one)',
  experiments: 'holdout + arms',
  wishes: 'quiet hours, levels and choices of the person',
  all: 'all of them',
}

function comparison(compare: Result): string[] {
  const labels: Record<keyof Result, string> = {
    baseline: 'written by hand',
    single: 'one intent per recipient',
    fanout: 'fan-out intents of 500',
    single_direct: 'one intent per recipient, providers called directly',
    fanout_direct: 'fan-out intents of 500, providers called directly',
    single_windows: 'one intent per recipient, throttle + dedupe',
    fanout_windows: 'fan-out intents of 500, throttle + dedupe',
  }
  return [
    '| | CPU-µs per notification | notifications/s | times less CPU |',
    '| --- | ---: | ---: | ---: |',
    ...Object.entries(compare).map(
      ([name, { cpu_us, per_s, ratio }]) =>
        `| ${labels[name as keyof Result]} | ${cpu_us} | ${number(per_s)} | ${ratio ?? 1} |`,
    ),
  ]
}

const number = (value: number): string => value.toLocaleString('en-US')

import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'
import { withDeadline } from './deadline.ts'

/** Values that are read when they are asked for. Ages in seconds. */
const gauges = {
  oldest_ready_age: {
    labels: ['lane', 'channel'],
    help: 'Seconds that the oldest ready batch has waited to be claimed',
  },
  ready_batches: { labels: ['lane', 'channel'], help: 'Batches that are ready and not claimed' },
  oldest_unacked_age: { labels: ['lane'], help: 'Seconds since the publish of the oldest intent message in work' },
  open_batches: { labels: [], help: 'Batches that are not closed' },
  holds_open: { labels: [], help: 'Held decisions' },
  holds_overdue: { labels: [], help: 'Held decisions that should have been released a minute ago' },
  doubts_open: { labels: [], help: 'Deliveries that may have been sent and wait for their receipt' },
  leases_lapsed: { labels: [], help: 'Open batches whose worker did not come back' },
  expansions_open: { labels: [], help: 'Audiences that are being expanded' },
  quarantined_intents: { labels: ['guard'], help: 'Intents that a blast guard holds until an operator decides' },
  prunes_held: {
    labels: ['provider'],
    help: 'Endpoints that are said to be dead and that the prune guard holds until an operator decides',
  },
  outbox_packs: { labels: [], help: 'Event packs that wait to be published' },
  outbox_refused: { labels: [], help: 'Event packs that Pub/Sub refuses, kept in the outbox' },
  circuit_open: {
    labels: ['provider', 'cause'],
    help: '1 while this process does not call a provider: config (somebody must mend our settings) or failures',
  },
  refused_of_some: {
    labels: ['provider', 'reason'],
    help: '1 while a provider refuses a setting of ours that some addresses need, and serves the others',
  },
  newest_event_age: { labels: [], help: 'Seconds since the newest event that is stored happened' },
  rollups_dirty: { labels: [], help: 'Hours of types whose funnels are to be counted anew' },
  sink_lag: { labels: [], help: 'Seconds since the publish of the oldest event pack that is pulled and not stored' },
} as const
const counters = {
  messages_total: { labels: ['lane', 'result'], help: 'Intent messages by what became of them' },
  refused_total: {
    labels: ['reason'],
    help: 'Messages that this process refused, by reason; one that is delivered twice counts twice',
  },
  outcomes_total: { labels: ['channel', 'outcome'], help: 'Deliveries closed, by outcome' },
  answers_total: { labels: ['provider', 'answer'], help: 'Answers of providers' },
  sms_segments_total: {
    labels: ['priced'],
    help: 'Segments of text messages that were accepted; those whose price is known',
  },
  sms_cost_total: { labels: ['currency'], help: 'What those are estimated to cost, by `CARILLON_SMS_PRICES`' },
  receipts_total: {
    labels: ['event', 'result'],
    help: 'What devices, links of mails and providers told us: of known deliveries, of too old ones, of none',
  },
  texts_total: { labels: ['word'], help: 'Texts of people to us, by what they ask for: stop, start, help, none' },
  standings_total: {
    labels: ['provider', 'standing'],
    help: 'Attempts by the furthest that their provider reports: each once for each that it came to',
  },
  removals_total: { labels: ['provider', 'answer'], help: 'Removals from screens, by answer of the provider' },
  fenced_total: { labels: ['channel'], help: 'Batches whose record came after another claim' },
  put_off_total: {
    labels: ['provider', 'reason'],
    help: 'Batches that were put off, unclaimed or given back, because their provider is not to be called now',
  },
  rerouted_total: {
    labels: ['from', 'to'],
    help: 'Deliveries that went on by another account, because theirs could not send them',
  },
  rollups_too_late_total: {
    labels: [],
    help: 'Hours of types that events came for when those of that hour may have been dropped: counted as they were before',
  },
  errors_total: { labels: ['part'], help: 'Errors that were survived, by part' },
} as const
const histograms = {
  http_seconds: { labels: ['method', 'route', 'status'], help: 'HTTP requests answered' },
  set_seconds: {
    labels: ['lane'],
    help: 'Routing of one set, from the closing of the set until its batches are enqueued',
  },
  send_seconds: { labels: ['provider'], help: 'One call to a provider' },
  batch_seconds: { labels: ['channel'], help: 'One batch, from claim to record' },
} as const

/** Every metric of the project. What they tell is in `infra/docs/operations.md`; a test compares. */
export const metricTables = { gauges, counters, histograms } as const

type Table = Record<string, { labels: readonly string[]; help: string }>
type Labels<T extends Table, N extends keyof T> = Record<T[N]['labels'][number], string>
export type GaugeName = keyof typeof gauges
/** What a reader found: a number, or one for each combination of labels. Combinations it does not name are gone. */
export type Readings = {
  [N in GaugeName]?: number | readonly { labels: Labels<typeof gauges, N>; value: number }[]
}

/** Counters of this process and gauges read on demand. Labels have few values: never an id. */
export type Metrics = {
  count<N extends keyof typeof counters>(name: N, labels: Labels<typeof counters, N>, n?: number): void
  /** Durations in seconds. */
  observe<N extends keyof typeof histograms>(name: N, labels: Labels<typeof histograms, N>, seconds: number): void
  /** `read` runs at each scrape and has 5 s; when it fails its gauges are absent, which an alert should notice. */
  onScrape(read: () => Promise<Readings>): void
  /** The Prometheus text format 0.0.4. */
  text(): Promise<string>
  contentType: string
}

const readLimitMs = 5_000
const buckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

/** A registry of its own with every metric of the project and Node's (`process_…`, `nodejs_…`). */
export function createMetrics(): Metrics {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })
  const gaugeOf = made(gauges, (name, { help, labels }) => new Gauge({ name, help, labelNames: labels, registers }))
  const counterOf = made(
    counters,
    (name, { help, labels }) => new Counter({ name, help, labelNames: labels, registers }),
  )
  const histogramOf = made(
    histograms,
    (name, { help, labels }) => new Histogram({ name, help, labelNames: labels, registers, buckets }),
  )
  const readers: (() => Promise<Readings>)[] = []
  const scrape = async () => {
    for (const name of Object.keys(gauges) as GaugeName[]) forget(gaugeOf[name], gauges[name].labels)
    await Promise.all(
      readers.map(async read => {
        try {
          const readings = await withDeadline(read(), { ms: readLimitMs, what: 'reading gauges' })
          for (const [name, reading] of Object.entries(readings)) set(gaugeOf[name as GaugeName], reading)
        } catch {
          counterOf.errors_total.inc({ part: 'metrics' })
        }
      }),
    )
    return registry.metrics()
  }
  return {
    count: (name, labels, n = 1) => counterOf[name].inc(labels, n),
    observe: (name, labels, seconds) => histogramOf[name].observe(labels, seconds),
    onScrape: read => void readers.push(read),
    text: scrape,
    contentType: registry.contentType,
  }
}

function made<T extends Table, M>(table: T, make: (name: string, spec: Table[string]) => M): { [N in keyof T]: M } {
  return Object.fromEntries(Object.entries(table).map(([name, spec]) => [name, make(name, spec)])) as {
    [N in keyof T]: M
  }
}

/** Absent, not 0: nobody knows until somebody has read it. */
function forget(gauge: Gauge, labels: readonly string[]): void {
  gauge.reset()
  if (labels.length === 0) gauge.remove()
}

type Reading = NonNullable<Readings[GaugeName]>
function set(gauge: Gauge, reading: Reading): void {
  if (typeof reading === 'number') return gauge.set(reading)
  for (const { labels, value } of reading) gauge.set(labels, value)
}

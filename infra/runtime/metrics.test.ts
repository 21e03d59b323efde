import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { createMetrics, metricTables, type Readings } from './metrics.ts'

const root = path.join(import.meta.dirname, '..', '..')

const samples = (text: string, name: string): string[] =>
  text.split('\n').filter(line => line.startsWith(`${name} `) || line.startsWith(`${name}{`))

test('counters add up by label', async () => {
  const metrics = createMetrics()
  metrics.count('refused_total', { reason: 'malformed' })
  metrics.count('refused_total', { reason: 'malformed' }, 2)
  metrics.count('outcomes_total', { channel: 'push', outcome: 'sent' }, 500)
  metrics.observe('send_seconds', { provider: 'fcm' }, 0.02)
  const text = await metrics.text()
  assert.deepEqual(samples(text, 'refused_total'), ['refused_total{reason="malformed"} 3'])
  assert.deepEqual(samples(text, 'outcomes_total'), ['outcomes_total{channel="push",outcome="sent"} 500'])
  assert.deepEqual(samples(text, 'send_seconds_count'), ['send_seconds_count{provider="fcm"} 1'])
  assert.match(text, /^nodejs_eventloop_lag_seconds /m)
})

test('gauges are read at each scrape, and absent when nobody could read them', async () => {
  const metrics = createMetrics()
  const first: Readings = {
    holds_overdue: 7,
    oldest_ready_age: [
      { labels: { lane: 'critical', channel: 'push' }, value: 1.5 },
      { labels: { lane: 'bulk', channel: 'sms' }, value: 60 },
    ],
  }
  let read = () => Promise.resolve(first)
  metrics.onScrape(() => read())
  metrics.onScrape(async () => ({ sink_lag: 2 }))
  let text = await metrics.text()
  assert.deepEqual(samples(text, 'holds_overdue'), ['holds_overdue 7'])
  assert.equal(samples(text, 'oldest_ready_age').length, 2)
  assert.deepEqual(samples(text, 'doubts_open'), [])

  read = () => Promise.resolve({ oldest_ready_age: [{ labels: { lane: 'bulk', channel: 'sms' }, value: 61 }] })
  text = await metrics.text()
  assert.deepEqual(samples(text, 'oldest_ready_age'), ['oldest_ready_age{lane="bulk",channel="sms"} 61'])
  assert.deepEqual(samples(text, 'holds_overdue'), [], 'not said again is not known')

  read = () => Promise.reject(new Error('the database is away'))
  text = await metrics.text()
  assert.deepEqual(samples(text, 'oldest_ready_age'), [])
  assert.deepEqual(samples(text, 'sink_lag'), ['sink_lag 2'], 'the other reader is heard')
  assert.deepEqual(samples(text, 'errors_total'), ['errors_total{part="metrics"} 1'])
})

test('operations.md lists every metric with its labels, and no other', () => {
  const page = readFileSync(path.join(root, 'infra', 'docs', 'operations.md'), 'utf8')
  const [, table] = /^\| metric \|.*\n((?:\|.*\n)+)/m.exec(page)!
  const listed = table!
    .split('\n')
    .flatMap(row => [...(row.split('|')[1] ?? '').matchAll(/`([^`]+)`/g)].map(one => one[1]!))
  const declared = Object.values(metricTables).flatMap(ofKind =>
    Object.entries(ofKind).map(([name, { labels }]) => (labels.length > 0 ? `${name}{${labels.join(',')}}` : name)),
  )
  assert.deepEqual(listed.sort(), declared.sort())
})

test('every metric is counted, observed or read somewhere', () => {
  const files = globSync(['{analytics,channels,router}/**/*.ts', 'infra/{cli,ledger,runtime}/**/*.ts'], { cwd: root })
  const sources = files
    .filter(file => !/\.(test|fixture)\.ts$/.test(file) && !file.endsWith('runtime/metrics.ts'))
    .map(file => readFileSync(path.join(root, file), 'utf8'))
    .join('\n')
  const spelled = { gauges: (name: string) => `${name}:`, counters: counted, histograms: observed }
  const missing = Object.entries(metricTables).flatMap(([kind, ofKind]) =>
    Object.keys(ofKind).filter(name => !sources.includes(spelled[kind as keyof typeof spelled](name))),
  )
  assert.deepEqual(missing, [])
})

const counted = (name: string) => `.count('${name}'`
const observed = (name: string) => `.observe('${name}'`

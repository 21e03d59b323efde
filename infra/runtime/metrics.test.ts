import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMetrics, type Readings } from './metrics.ts'

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

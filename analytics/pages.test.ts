import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rules } from '#contracts/decision.ts'
import { refusals } from '#contracts/intent.ts'
import { outcomes } from '#contracts/outcome.ts'
import { standings } from '#contracts/standing.ts'
import { createHttp } from '#runtime/http.ts'
import { createLog } from '#runtime/log.ts'
import { createMetrics } from '#runtime/metrics.ts'
import { meaningOf } from './dashboard/meaning-link.ts'
import { analyticsPages } from './pages.ts'
import { deeds, openStates } from './trace-words.ts'

async function rulesPage(): Promise<string> {
  const log = createLog({ role: 'test', write() {} })
  const app = createHttp({ log, metrics: createMetrics(), bodyLimitBytes: 1_024 })
  analyticsPages(app)
  const { body } = await app.inject({ url: '/rules' })
  await app.close()
  return body
}

test('each code that a trace links to has its place among the rules: what it says, when, and what to do', async () => {
  const told = new Map<string, string[]>()
  for (const [, anchor, row] of (await rulesPage()).matchAll(/<tr role="row" id="([^"]+)">(.*?)<\/tr>/gs)) {
    assert.ok(!told.has(anchor!), `${anchor} is there once`)
    told.set(
      anchor!,
      [...row!.matchAll(/<td [^>]*>(.*?)<\/td>/gs)].map(([, text]) => text!),
    )
  }
  const toldStandings = standings.filter(one => one !== 'accepted')
  const { deliver, held, ...done } = deeds
  const anchors = [
    ...rules.map(code => `rule-${code}`),
    ...outcomes.map(code => meaningOf({ kind: 'settled', what: code })),
    ...outcomes.map(code => meaningOf({ kind: 'decided', what: code })),
    ...Object.keys({ deliver, held }).map(code => meaningOf({ kind: 'decided', what: code })),
    ...toldStandings.map(code => meaningOf({ kind: 'standing', what: code })),
    ...Object.keys(done).map(code => meaningOf({ kind: 'engaged', what: code })),
    ...Object.keys(openStates).map(code => meaningOf({ state: code })),
    ...refusals.map(code => meaningOf({ what: code })),
    meaningOf({ what: 'taken_off', recipient: 'ada' }),
  ]
  for (const anchor of anchors) {
    const texts = told.get(anchor) ?? []
    assert.equal(texts.length, 3, anchor)
    for (const text of texts) assert.match(text, /\w.*[.…]$/, anchor)
  }
  assert.deepEqual(new Set(told.keys()), new Set(anchors))
})

test('a link within the rules leads to a place that is there', async () => {
  const page = await rulesPage()
  const links = [...page.matchAll(/href="#([^"]+)"/g)].map(([, to]) => to!)
  assert.ok(links.length > 20)
  for (const to of links) assert.ok(page.includes(`id="${to}"`), to)
})

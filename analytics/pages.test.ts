import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rules } from '#contracts/decision.ts'
import { refusals } from '#contracts/intent.ts'
import { outcomes } from '#contracts/outcome.ts'
import { standings } from '#contracts/standing.ts'
import { createHttp } from '#runtime/http.ts'
import { createLog } from '#runtime/log.ts'
import { createMetrics } from '#runtime/metrics.ts'
import { analyticsPages } from './pages.ts'
import { deeds, openStates } from './trace.ts'

test('each code that a trace links to has its place among the rules, with a sentence', async () => {
  const log = createLog({ role: 'test', write() {} })
  const app = createHttp({ log, metrics: createMetrics(), bodyLimitBytes: 1_024 })
  analyticsPages(app)
  const { body } = await app.inject({ url: '/rules' })
  await app.close()
  const told = new Map([...body.matchAll(/<dt id="([^"]+)">.*?<dd>([^<]*)/g)].map(([, code, text]) => [code!, text!]))
  const toldStandings = standings.filter(one => one !== 'accepted')
  const codes = [...rules, ...outcomes, ...refusals, ...toldStandings, ...Object.keys({ ...deeds, ...openStates })]
  for (const code of codes) assert.ok((told.get(code) ?? '').length > 0, code)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { serveBrowserCode } from './browser-code.ts'
import { createHttp } from './http.ts'
import { createLog } from './log.ts'
import { createMetrics } from './metrics.ts'

test('code is packed for whoever takes it packed (RFC 9110, 12.5.3)', async () => {
  const log = createLog({ role: 'test', write() {} })
  const app = createHttp({ log, metrics: createMetrics(), bodyLimitBytes: 1_024 })
  serveBrowserCode(app, {})
  const taken = { gzip: true, 'br, GZIP;q=0.5': true, '*': true }
  const refused = { 'gzip;q=0': false, 'br, gzip; q=0.000, *': false, '*;q=0': false, 'br, identity': false, '': false }
  for (const [accepted, packed] of Object.entries({ ...taken, ...refused })) {
    const answer = await app.inject({ url: '/ui/lit-html.js', headers: { 'accept-encoding': accepted } })
    assert.equal(answer.headers['content-encoding'], packed ? 'gzip' : undefined, accepted)
  }
  await app.close()
})

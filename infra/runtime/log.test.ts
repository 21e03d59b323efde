import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLog, type LogFields } from './log.ts'

const canaries = {
  mailbox: 'anna.canary@example.com',
  number: '+4915123456789',
  spacedNumber: '+49 151 234 56 789',
  deviceToken: 'a1b2c3d4'.repeat(8),
  fcmToken: 'dGVzdC10b2tlbg:APA91bHun4MxP5egoKMwt2KZFBaFUH-1RYqx_canary',
  apiKey: 'SG.canaryx7Yz0123456789.abcdefghijklmnop',
  bearer: 'Bearer canarytoken',
  password: 'postgres://carillon:canarypw@db.example:5432/x',
  query: 'https://bell.example/u?token=canaryquery',
  typed: 'invalid input syntax for type uuid: "Anna Canary"',
}

function logged(work: (log: ReturnType<typeof createLog>) => void): { text: string; lines: Record<string, unknown>[] } {
  const lines: string[] = []
  work(createLog({ role: 'worker', level: 'debug', write: line => void lines.push(line) }))
  return { text: lines.join(''), lines: lines.map(line => JSON.parse(line) as Record<string, unknown>) }
}

test('known fields pass, anything else does not', () => {
  const fields = { lane: 'critical', batch: 'b1', durationMs: 12, counts: { sent: 3 }, lanes: ['bulk'] } as const
  const { lines, text } = logged(log =>
    log.info({ ...fields, ...({ body: 'canary', to: 'canary' } as object) }, 'sent'),
  )
  const { level, role, msg, pid, time, ...rest } = lines[0]!
  assert.deepEqual([level, role, msg, pid], ['info', 'worker', 'sent', process.pid])
  assert.ok(!Number.isNaN(Date.parse(String(time))))
  assert.deepEqual(rest, fields)
  assert.doesNotMatch(text, /canary/)
})

test('no address and no secret passes: not in a field, not in a sentence, not in an error or its cause', () => {
  for (const [name, canary] of Object.entries(canaries)) {
    const cause = Object.assign(new Error(`cause: ${canary}`), { response: canary, detail: canary })
    const error = Object.assign(new Error(`failed: ${canary}`, { cause }), { code: 'E1', config: { auth: canary } })
    const { text } = logged(log => {
      log.error({ error }, `it failed for ${canary} again`)
      log.warn({ error: new AggregateError([error], 'all of them') }, 'failed')
      log.info({ error: canary }, 'thrown as a string')
    })
    assert.doesNotMatch(text, /canary|151[ 2]|a1b2c3d4|Anna/i, name)
  }
  for (const canary of [canaries.mailbox, canaries.number, canaries.deviceToken]) {
    const { text } = logged(log =>
      log.info({ endpoint: canary, batch: canary, outcomes: { [canary]: 1, text: 'canary' as never } }, 'x'),
    )
    assert.doesNotMatch(text, /canary|15123|a1b2c3d4/)
  }
})

test('what operators need of an error stays', () => {
  const id = '0192f1a0-1111-7abc-8def-0123456789ab'
  const said = `relation "batches" does not exist, batch ${id}, connect ECONNREFUSED 127.0.0.1:5432 after 3000 ms`
  const { lines } = logged(log => log.error({ error: Object.assign(new RangeError(said), { code: '42P01' }) }, 'x'))
  const error = lines[0]!.error as Record<string, string>
  assert.deepEqual([error.name, error.code, error.message], ['RangeError', '42P01', said])
  assert.match(error.at!, /log\.test\.ts/)
})

test('ids of any product pass', () => {
  const ids = {
    recipient: '813712345678901234',
    tenant: 'acme',
    intent: '0192f1a0-1111-8abc-8def-0123456789ab',
    endpoint: 'ep_9f8e7d6c',
  }
  const { lines } = logged(log => log.info(ids satisfies LogFields, 'x'))
  for (const [key, id] of Object.entries(ids)) assert.equal(lines[0]![key], id)
})

test('the level decides', () => {
  const lines: string[] = []
  const log = createLog({ role: 'api', level: 'warn', write: line => void lines.push(line) })
  log.info({}, 'quiet')
  log.warn({}, 'loud')
  assert.equal(lines.length, 1)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type AnswerTable, answerTo } from './answer-table.ts'
import { sendgridAnswers } from './email/sendgrid-answers.ts'
import { apnsAnswers } from './push/apns-answers.ts'
import { fcmAnswers } from './push/fcm-answers.ts'
import { twilioAnswers } from './sms/twilio-answers.ts'

const tables: Record<string, AnswerTable> = { fcmAnswers, apnsAnswers, sendgridAnswers, twilioAnswers }
const statuses = Array.from({ length: 500 }, (_, n) => n + 100)

for (const [name, table] of Object.entries(tables)) {
  test(`${name}: every row is found by its code, whatever the status`, () => {
    for (const [code, row] of Object.entries(table))
      for (const status of [400, 500, undefined]) {
        const answer = answerTo({ code, status }, table)
        assert.deepEqual([answer.kind, 'reason' in answer && answer.reason], [row.kind, code])
      }
  })

  test(`${name}: what is not in it is refused or in doubt, never tried again for ever`, () => {
    for (const status of statuses) {
      const { kind } = answerTo({ code: 'never heard of', status }, table)
      if (`HTTP ${status}` in table) continue
      assert.equal(kind, status >= 400 && status < 500 && status !== 408 ? 'messageDead' : 'doubt', `HTTP ${status}`)
    }
    assert.equal(answerTo({ code: 'constructor' }, table).kind, 'doubt')
  })
}

test('a provider may ask for more patience than we have, and says itself how long a pause is', () => {
  const table: AnswerTable = {
    busy: { kind: 'retry', afterMs: 10_000 },
    broken: { kind: 'retry', afterMs: 10_000, atLeast: true },
    full: { kind: 'pause', afterMs: 60_000 },
  }
  const afterMs = (code: string, said: number) =>
    (answerTo({ code }, table, { afterMs: said }) as { afterMs: number }).afterMs
  assert.deepEqual([afterMs('busy', 0), afterMs('busy', 1_000), afterMs('busy', 20_000)], [10_000, 1_000, 20_000])
  assert.deepEqual([afterMs('broken', 1_000), afterMs('broken', 20_000)], [10_000, 20_000], 'never sooner than we say')
  assert.deepEqual([afterMs('full', 0), afterMs('full', 1_000)], [60_000, 1_000])
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Question, questionOf } from './question.ts'

const since = (text: string, zone?: string) => {
  const question = questionOf({ since: text, ...(zone !== undefined && { zone }) }) as Question
  return new Date(question.since!).toISOString()
}

test('a date is its beginning in the zone that is said, else in UTC; a time says its own', () => {
  assert.equal(since('2026-11-20'), '2026-11-20T00:00:00.000Z')
  assert.equal(since('2026-11-20', 'Europe/Berlin'), '2026-11-19T23:00:00.000Z')
  assert.equal(since('2026-07-20', 'Europe/Berlin'), '2026-07-19T22:00:00.000Z')
  // There the clocks were put on at midnight: the day began at one.
  assert.equal(since('2018-11-04', 'America/Sao_Paulo'), '2018-11-04T03:00:00.000Z')
  assert.equal(since('2026-11-20T00:00:00+01:00', 'Asia/Kathmandu'), '2026-11-19T23:00:00.000Z')
})

test('what is no time and no zone is told, all at once', () => {
  const problems = questionOf({ since: '2026-02-30', until: 'now', zone: 'Mars/Olympus', by: 'body', window: '91d' })
  assert.deepEqual(
    (problems as string[]).map(text => text.split(' ')[0]),
    ['zone', 'window', 'since', 'until', 'by'],
  )
  // An offset is no zone: it says nothing of the days on which clocks change.
  for (const zone of ['+05:30', '2026-11-20T00:00:00+01:00[Europe/Berlin]', ''])
    assert.ok(Array.isArray(questionOf({ zone })), zone)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type EventRow, fieldsApart, startFolding } from './folding.ts'

const cohort = Date.UTC(2026, 10, 20)
const saidOf = (what: string, arm: string): string =>
  ['decided', what, '', '', '', '', '0', arm, '', '0', ''].join(fieldsApart)
const said = fc.constantFrom(saidOf('deliver', ''), saidOf('deliver', 'a'), saidOf('deliver', 'b'), saidOf('held', ''))

/** Each notification with what its story says, in the order of time. */
function storiesOf(rows: readonly EventRow[]): string[] {
  const folding = startFolding({ cohort, type: 'social.like' })
  for (const row of rows) folding.add(row)
  const { fact, facts, events, code, codes, at, story, shared } = folding.done()
  const starts = [...events].map((_, n) => events.subarray(0, n).reduce((sum, many) => sum + many, 0))
  assert.deepEqual(
    [...shared],
    [...events.keys()].map(place => story.filter(one => one === place).length),
  )
  return [...story].map(place =>
    Array.from({ length: events[place]! }, (_, nth) => starts[place]! + nth)
      .map(n => `${codes[code[n]!]!.what} at ${at[n]! - cohort}`)
      .join(', ')
      .concat(` in ${facts[fact[place]!]!.arm}`),
  )
}

test('a notification is its events in the order of time, in whatever order they come; of its arms it is in the last', () => {
  const event = fc.record({ notification: fc.nat(5), after: fc.nat(100), said })
  const events = fc.uniqueArray(event, {
    selector: ({ notification, after }) => `${notification} ${after}`,
    minLength: 1,
  })
  fc.assert(
    fc.property(events, given => {
      // Numbered as they come first.
      const numbers = [...new Set(given.map(({ notification }) => notification))]
      const rows = given.map(({ notification, after, said }): EventRow => ({
        ...{ notification: numbers.indexOf(notification), occurredAt: cohort, person: [1, notification] },
        ...{ common: ['social', 'default', 'team', '', 'push'].join(fieldsApart), said, at: cohort + after },
      }))
      const expected = numbers.map((_, number) => {
        const own = rows.filter(row => row.notification === number).toSorted((a, b) => a.at - b.at)
        const arms = own.map(row => row.said.split(fieldsApart)[7]!).toSorted()
        const told = own.map(row => `${row.said.split(fieldsApart)[1]} at ${row.at - cohort}`)
        return `${told.join(', ')} in ${arms.at(-1) || null}`
      })
      assert.deepEqual(storiesOf(rows), expected)
    }),
  )
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { anyQuiet, changesOf, compare, wallAround, zones } from './quiet-hours.fixture.ts'

test('quiet hours hold in every zone, around every change of its clock from 2025 to 2030', () => {
  let changes = 0
  for (const zone of zones) {
    const found = changesOf(zone)
    changes += found.length
    // Where no clock is changed one week is like another.
    const walls = (found.length > 0 ? found : [Date.parse('2027-03-28T01:00Z')]).map(at => wallAround(zone, at))
    fc.assert(
      fc.property(anyQuiet, quiet => {
        for (const wall of walls) compare(wall, quiet, 'telling')
      }),
      { numRuns: 3 },
    )
  }
  assert.ok(zones.length > 400 && changes > 1500, `${zones.length} zones, ${changes} changes`)
})

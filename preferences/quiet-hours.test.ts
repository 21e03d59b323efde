import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { QuietHours } from '#contracts/quiet-hours.ts'
import { anyQuiet, changesOf, compare, wallAround, zones } from './quiet-hours.fixture.ts'
import { quietUntil } from './quiet-hours.ts'

/** Shifts of an hour at each time of day, of half an hour and of two, in both hemispheres; a whole day that was skipped. */
const strange: [zone: string, at: string | number][] = [
  ...'Europe/Berlin America/Santiago America/St_Johns Africa/Casablanca Africa/Cairo Asia/Beirut Australia/Lord_Howe Antarctica/Troll'
    .split(' ')
    .flatMap(zone =>
      changesOf(zone)
        .slice(0, 2)
        .map((at): [string, number] => [zone, at]),
    ),
  ['Pacific/Apia', '2011-12-30T10:00Z'],
  ['Asia/Kathmandu', '2027-03-28T01:00Z'],
]
for (const [zone, at] of strange)
  test(`quiet hours hold at every minute around ${new Date(at).toISOString()} in ${zone}`, () => {
    const wall = wallAround(zone, new Date(at).getTime())
    fc.assert(
      fc.property(anyQuiet, quiet => compare(wall, quiet, 'every')),
      { numRuns: 8 },
    )
  })

for (const zone of ['Pacific/Pago_Pago', 'Pacific/Kiritimati'])
  test(`quiet hours of nearly a day hold far from UTC, in ${zone}`, () => {
    const wall = wallAround(zone, Date.parse('2026-11-21'))
    for (const window of ['21:00-20:45', '00:15-00:00', '12:30-12:15'])
      compare(wall, { start: window.slice(0, 5), end: window.slice(6) }, 'every')
  })

test('quiet hours hold around changes of clocks from 2025 to 2030, in a sample of zones', () => {
  const change = fc
    .constantFrom(...zones)
    .filter(zone => changesOf(zone).length > 0)
    .chain(zone => fc.constantFrom(...changesOf(zone)).map(at => ({ zone, at })))
  fc.assert(
    fc.property(change, anyQuiet, ({ zone, at }, quiet) => compare(wallAround(zone, at), quiet, 'telling')),
    { numRuns: 60 },
  )
})

const short = { start: '22:00', end: '02:30' }
type Row = [what: string, at: string, until: string | undefined, quiet?: { start: string; end: string }]
const table: Row[] = [
  ['over midnight', '2026-11-20T23:30+01:00', '2026-11-21T08:00+01:00'],
  ['after midnight', '2026-11-21T00:30+01:00', '2026-11-21T08:00+01:00'],
  ['its start is quiet', '2026-11-21T22:00+01:00', '2026-11-22T08:00+01:00'],
  ['its end is not', '2026-11-21T08:00+01:00', undefined],
  ['a night that is an hour shorter', '2027-03-27T23:00+01:00', '2027-03-28T08:00+02:00'],
  ['an end that is skipped', '2027-03-28T01:30+01:00', '2027-03-28T03:00+02:00', short],
  ['an end that comes twice, before the first', '2027-10-31T01:30+02:00', '2027-10-31T02:30+01:00', short],
  ['an end that comes twice, between them', '2027-10-31T02:45+02:00', '2027-10-31T02:30+01:00', short],
  ['an end that comes twice, after the second', '2027-10-31T02:30+01:00', undefined, short],
]
for (const [what, at, until, quiet = { start: '22:00', end: '08:00' }] of table)
  test(`quiet hours in Berlin: ${what}`, () => {
    const end = quietUntil({ quiet, zone: 'Europe/Berlin', at: Date.parse(at) })
    assert.equal(end, until === undefined ? undefined : Date.parse(until))
  })

const berlin = (quiet: QuietHours, at: string) => {
  const end = quietUntil({ quiet, zone: 'Europe/Berlin', at: Date.parse(at) })
  return end === undefined ? undefined : new Date(end).toISOString()
}

test('a night belongs to the day on which it begins', () => {
  const quiet: QuietHours = { days: ['fri'], start: '22:00', end: '08:00' }
  assert.equal(berlin(quiet, '2026-11-20T23:00+01:00'), '2026-11-21T07:00:00.000Z', 'Friday night')
  assert.equal(berlin(quiet, '2026-11-21T07:59+01:00'), '2026-11-21T07:00:00.000Z', 'Saturday morning')
  assert.equal(berlin(quiet, '2026-11-20T07:00+01:00'), undefined, 'Friday morning')
  assert.equal(berlin(quiet, '2026-11-21T23:00+01:00'), undefined, 'Saturday night')
})

test('windows that touch or overlap end together', () => {
  const windows: QuietHours = {
    windows: [
      { days: ['mon', 'tue', 'wed', 'thu', 'fri'], start: '22:00', end: '07:00' },
      { days: ['sat', 'sun'], start: '00:00', end: '24:00' },
      { days: ['mon'], start: '00:00', end: '09:30' },
      { days: ['mon'], start: '12:00', end: '13:00' },
    ],
  }
  const monday = '2026-11-23T08:30:00.000Z'
  assert.equal(berlin(windows, '2026-11-20T22:00+01:00'), monday, 'from Friday night')
  assert.equal(berlin(windows, '2026-11-22T12:00+01:00'), monday, 'from Sunday')
  assert.equal(berlin(windows, '2026-11-23T12:30+01:00'), '2026-11-23T12:00:00.000Z', 'a second window of the day')
  assert.equal(berlin(windows, '2026-11-20T21:59+01:00'), undefined)
})

test('the one free hour of a week may be skipped; quiet hours without end are told as ending, to be asked again', () => {
  const free: QuietHours = {
    windows: [
      { days: ['mon', 'tue', 'wed', 'thu', 'fri', 'sat'], start: '00:00', end: '24:00' },
      { days: ['sun'], start: '00:00', end: '02:00' },
      { days: ['sun'], start: '03:00', end: '24:00' },
    ],
  }
  assert.equal(berlin(free, '2027-03-27T12:00+01:00'), '2027-04-04T00:00:00.000Z')
  assert.ok(berlin({ start: '00:00', end: '24:00' }, '2027-03-27T12:00+01:00')! > '2027-04-10')
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { quietUntil } from './quiet-hours.ts'

const minuteMs = 60_000
const zones = (
  'UTC Europe/Berlin Europe/London America/New_York America/Santiago America/St_Johns Africa/Casablanca Africa/Cairo ' +
  'Asia/Kathmandu Asia/Beirut Australia/Lord_Howe Pacific/Chatham'
).split(' ')
/** Every change of a clock of the sample from 2025 to 2030: where mistakes are. */
const changes = zones.flatMap(zone => {
  const found: { zone: string; at: number }[] = []
  const end = Temporal.ZonedDateTime.from(`2031-01-01T00:00[${zone}]`)
  let wall: Temporal.ZonedDateTime | null = Temporal.ZonedDateTime.from(`2025-01-01T00:00[${zone}]`)
  for (;;) {
    wall = wall.getTimeZoneTransition('next')
    if (!wall || Temporal.ZonedDateTime.compare(wall, end) > 0) return found
    found.push({ zone, at: wall.epochMilliseconds })
  }
})

const time = fc
  .tuple(fc.integer({ min: 0, max: 23 }), fc.integer({ min: 0, max: 59 }))
  .map(two => two.map(part => String(part).padStart(2, '0')).join(':'))
/** Times at which clocks are changed, more often than chance would have it. */
const smallHours = fc.constantFrom('00:00', '00:30', '01:00', '01:30', '02:00', '02:30', '02:59', '03:00')
const quiet = fc
  .record({ start: fc.oneof(time, smallHours), end: fc.oneof(time, smallHours) })
  .filter(({ start, end }) => start !== end)
const around = fc.constantFrom(...changes).chain(({ zone, at }) =>
  fc.record({
    zone: fc.constant(zone),
    at: fc.integer({ min: -26 * 60, max: 26 * 60 }).map(by => at + by * minuteMs),
  }),
)
const anywhere = fc.record({
  zone: fc.constantFrom(...zones),
  at: fc.integer({ min: Date.parse('2025-01-01'), max: Date.parse('2030-12-31') }),
})

/** The definition itself, a minute at a time. */
function slowly(ask: { quiet: { start: string; end: string }; zone: string; at: number }): number | undefined {
  const { start, end } = ask.quiet
  const inside = (at: number) => {
    const wall = Temporal.Instant.fromEpochMilliseconds(at).toZonedDateTimeISO(ask.zone).toPlainTime().toString()
    return start < end ? start <= wall && wall < end : start <= wall || wall < end
  }
  if (!inside(ask.at)) return undefined
  let at = ask.at - (ask.at % minuteMs)
  do at += minuteMs
  while (inside(at))
  return at
}

test('quiet hours end at the first minute outside of them, also where clocks change', () => {
  assert.ok(changes.length > 100)
  fc.assert(
    fc.property(quiet, fc.oneof({ arbitrary: around, weight: 4 }, anywhere), (quiet, when) => {
      const ask = { quiet, ...when }
      assert.equal(quietUntil(ask), slowly(ask))
    }),
    { numRuns: 400 },
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
  ['an end that comes twice, before the first', '2027-10-31T01:30+02:00', '2027-10-31T02:30+02:00', short],
  ['an end that comes twice, between them', '2027-10-31T02:10+01:00', '2027-10-31T02:30+01:00', short],
]
for (const [what, at, until, quiet = { start: '22:00', end: '08:00' }] of table)
  test(`quiet hours in Berlin: ${what}`, () => {
    const end = quietUntil({ quiet, zone: 'Europe/Berlin', at: Date.parse(at) })
    assert.equal(end, until === undefined ? undefined : Date.parse(until))
  })

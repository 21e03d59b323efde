import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { startCounting } from './count.ts'
import { hourMs } from './fold.ts'
import { fieldsApart, startFolding } from './folding.ts'

const zero = Date.UTC(2026, 10, 20)
const hashOf = (person: number): readonly [number, number] => {
  const bytes = createHash('sha1').update(String(person)).digest()
  // Second words are alike for many: what looks for them must look at both.
  return [bytes.readUInt32BE(0), bytes.readUInt32BE(4) % 1024]
}
const common = ['social', 'default', 'team', '', 'push'].join(fieldsApart)
const inApp = ['social', 'default', 'team', '', 'in_app'].join(fieldsApart)
type Story = { said: string; after: number }[]
const anyOrdering = { windowMs: 1, graceMs: 0 }
/** kind, what, rule, provider, platform, arm, locale. */
const said = (...[kind, what, rule = '', provider = '', platform = '', arm = '', locale = '']: string[]) =>
  [kind, what, rule, provider, platform, '', '0', arm, locale].join(fieldsApart)
const deliver = said('decided', 'deliver')
const sent = said('settled', 'sent')
const opened = said('engaged', 'opened')

const saids = [
  ...[deliver, sent, opened, said('decided', 'throttled', 'throttled'), said('decided', 'held', 'quiet_hours')],
  ...[said('settled', 'delivered'), said('settled', 'moved'), said('settled', 'rejected'), said('settled', 'expired')],
  ...[said('engaged', 'seen'), said('engaged', 'machine_opened'), said('settled', 'sent', '', 'apns', 'ios')],
  ...[said('decided', 'deliver', '', '', '', 'b', 'de-AT'), said('decided', 'deliver', '', '', '', 'a', 'fr-CA')],
]

test('a person is counted as one notification that all events of theirs belong to', async () => {
  const event = fc.record({ said: fc.constantFrom(...saids), after: fc.integer({ min: 0, max: 12 }) })
  const history = fc.array(fc.array(event, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 5 })
  const ordering = fc.constantFrom({ windowMs: 6, graceMs: 0 }, { windowMs: 100, graceMs: 2 })
  const by = fc.constantFrom([], ['provider'] as const, ['outcome'] as const, ['locale', 'arm'] as const)
  const countedOf = (unit: 'recipient' | 'notification', { told, counting }: { told: Story[]; counting: object }) => {
    const folding = startFolding({ cohort: zero, type: 'social.like' })
    for (const [notification, events] of told.entries())
      for (const { said, after } of events)
        folding.add({ notification, occurredAt: zero, person: [1, 2], common: inApp, said, at: zero + after })
    const counter = startCounting({ unit, times: true, ...(counting as typeof anyOrdering) })
    counter.add(folding.done())
    return counter.done()
  }
  await fc.assert(
    fc.asyncProperty(history, ordering, by, async (told, order, by) => {
      const counting = { ...order, by }
      const person = await countedOf('recipient', { told, counting })
      assert.deepEqual(person, await countedOf('notification', { told: [told.flat()], counting }))
    }),
    { numRuns: 2_000 },
  )
})

test('of several devices the last that was told counts; a provider is one that was called', async () => {
  const endOf = async (...events: string[]) => {
    const folding = startFolding({ cohort: zero, type: 'social.like' })
    ;[deliver, ...events].forEach((said, n) =>
      folding.add({ notification: 0, occurredAt: zero, person: [1, 2], common, said, at: zero + n }),
    )
    const counter = startCounting({ windowMs: 100, graceMs: 0, unit: 'notification', by: ['provider'] })
    counter.add(folding.done())
    return (await counter.done()).counted.map(({ fate, groups: [provider] }) => [fate, provider])
  }
  const dead = said('settled', 'address_dead', '', 'fcm')
  const moved = said('settled', 'moved', '', 'apns')
  assert.deepEqual(await endOf(dead, moved), [['retrying', 'fcm']])
  assert.deepEqual(await endOf(moved, dead), [['address_dead', 'apns']])
  assert.deepEqual(await endOf(said('settled', 'expired', 'expired', 'fcm')), [['expired', null]])
  assert.deepEqual(await endOf(dead, moved, sent), [['sent', null]])
})

/** Who was told in which hour, and whether they opened it, in so many hours. */
const told = (person: number, hour: number) => (person * 31 + hour * 17) % 3 !== 0
const looked = (person: number, hour: number) => told(person, hour) && (person + hour) % 5 === 0

test('many people over many hours are each one: in all of the time, in each period, of each type', async () => {
  const [people, hours, span] = [20_000, 4, 2]
  const folds = Array.from({ length: hours }, (_, hour) => {
    const cohort = zero + hour * hourMs
    const folding = startFolding({ cohort, type: `social.${hour < span ? 'like' : 'follow'}` })
    let notification = 0
    for (let person = 0; person < people; person++) {
      if (!told(person, hour)) continue
      const occurredAt = cohort + (person % 3600) * 1000
      const row = { notification: notification++, occurredAt, person: hashOf(person), common }
      folding.add({ ...row, said: deliver, at: occurredAt })
      folding.add({ ...row, said: sent, at: occurredAt + 1 })
      if (looked(person, hour)) folding.add({ ...row, said: opened, at: occurredAt + 2 })
    }
    return folding.done()
  })
  const among = (of: (person: number, hour: number) => boolean, from: number, to: number) =>
    Array.from({ length: people }, (_, person) => person).filter(person =>
      Array.from({ length: to - from }, (_, n) => from + n).some(hour => of(person, hour)),
    ).length
  const ordering = { windowMs: 30 * 24 * hourMs, graceMs: 60_000 }
  const halves = (first: string, second: string) => [[0, span, first] as const, [span, hours, second] as const]
  const questions = [
    { asked: {}, groups: [[0, hours, undefined] as const] },
    { asked: { edges: [zero, zero + span * hourMs] }, groups: halves('0', '1') },
    { asked: { by: ['type'] as const }, groups: halves('social.like', 'social.follow') },
  ]
  for (const { asked, groups } of questions) {
    const counter = startCounting({ ...ordering, unit: 'recipient', ...asked })
    folds.forEach(counter.add)
    const { counted } = await counter.done()
    for (const [from, to, group] of groups) {
      const own = counted.filter(unit => unit.groups[0] === group)
      const sum = (rows: typeof own) => rows.reduce((total, { n }) => total + n, 0)
      assert.equal(sum(own), among(told, from, to))
      assert.equal(sum(own.filter(({ reached }) => reached === 6)), among(looked, from, to))
    }
  }
})

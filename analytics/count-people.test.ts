import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { startCounting } from './count.ts'
import { fieldsApart, hourMs, startFolding } from './fold.ts'

const zero = Date.UTC(2026, 10, 20)
const hashOf = (person: number): readonly [number, number] => {
  const bytes = createHash('sha1').update(String(person)).digest()
  // Second words are alike for many: what looks for them must look at both.
  return [bytes.readUInt32BE(0), bytes.readUInt32BE(4) % 1024]
}
const common = ['social', 'default', 'team', '', 'push'].join(fieldsApart)
const said = (...fields: string[]) => [...fields, '', '', '', '', '0', '', ''].join(fieldsApart)
const deliver = said('decided', 'deliver')
const sent = said('settled', 'sent')
const opened = said('engaged', 'opened')

/** Who was told in which hour, and whether they opened it, in so many hours. */
const told = (person: number, hour: number) => (person * 31 + hour * 17) % 3 !== 0
const looked = (person: number, hour: number) => told(person, hour) && (person + hour) % 5 === 0

test('many people over many hours are each one, in all of the time and in each period', () => {
  const [people, hours, span] = [20_000, 4, 2]
  const folds = Array.from({ length: hours }, (_, hour) => {
    const cohort = zero + hour * hourMs
    const folding = startFolding({ cohort, type: 'social.like' })
    for (let person = 0; person < people; person++) {
      if (!told(person, hour)) continue
      const occurredAt = cohort + (person % 3600) * 1000
      const row = { occurredAt, person: hashOf(person), common }
      folding.add({ ...row, first: true, said: deliver, at: occurredAt })
      folding.add({ ...row, first: false, said: sent, at: occurredAt + 1 })
      if (looked(person, hour)) folding.add({ ...row, first: false, said: opened, at: occurredAt + 2 })
    }
    return folding.done()
  })
  const among = (of: (person: number, hour: number) => boolean, from: number, to: number) =>
    Array.from({ length: people }, (_, person) => person).filter(person =>
      Array.from({ length: to - from }, (_, n) => from + n).some(hour => of(person, hour)),
    ).length
  const ordering = { windowMs: 30 * 24 * hourMs, graceMs: 60_000 }
  for (const edges of [undefined, [zero, zero + span * hourMs]]) {
    const counter = startCounting({ ...ordering, unit: 'recipient', ...(edges && { edges }) })
    folds.forEach(counter.add)
    const { counted } = counter.done()
    for (const [from, to, group] of edges
      ? ([
          [0, span, '0'],
          [span, hours, '1'],
        ] as const)
      : ([[0, hours, undefined]] as const)) {
      const own = counted.filter(({ groups }) => groups[0] === group)
      const sum = (rows: typeof own) => rows.reduce((total, { n }) => total + n, 0)
      assert.equal(sum(own), among(told, from, to))
      assert.equal(sum(own.filter(({ reached }) => reached === 6)), among(looked, from, to))
    }
  }
})

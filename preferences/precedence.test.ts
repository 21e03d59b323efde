import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { test } from 'node:test'
import type { TenantSettings } from '#contracts/preferences.ts'
import { effectiveOf } from './effective.ts'
import { mayWe } from './may-we.ts'
import type { Choices, Person } from './preferences.ts'
import { inTenant } from './tenants.ts'

const readme = await readFile(path.join(import.meta.dirname, 'README.md'), 'utf8')
/** The rows of the table under a heading, each a list of its cells. */
const tableUnder = (heading: string): string[][] =>
  readme
    .slice(readme.indexOf(heading))
    .split(/\n(?=\|)/)
    .slice(1)
    .join('\n')
    .split('\n\n')[0]!
    .split('\n')
    .slice(2)
    .map(row =>
      row
        .split('|')
        .slice(1, -1)
        .map(cell => cell.trim()),
    )
const codesIn = (cell: string): string[] => [...cell.matchAll(/`(\w+)`/g)].map(match => match[1]!)

type Said = { erased?: true; mandatory?: true; choices?: Choices; within?: TenantSettings; silent?: true }
const off = { push: false }
const on = { push: true }

/** What makes each row of the table speak, from the last to the first against all that come after it. */
const said: readonly (Said & { on: boolean })[] = [
  { erased: true, on: false },
  { mandatory: true, on: true },
  { within: { locks: { social: off } }, on: false },
  { choices: { paused: true }, on: false },
  { choices: { threads: { t1: true } }, on: false },
  { choices: { levels: { thread: { t1: { everyone: false } } } }, on: false },
  { choices: { levels: { tenant: { acme: { level: 'none' } } } }, on: false },
  { within: { locks: { '*': on } }, on: true },
  { choices: { categories: { social: off } }, on: false },
  { choices: { categories: { '*': on } }, on: true },
  { within: { defaults: { '*': off } }, on: false },
  { on: true },
]

test('the table of precedence says what effective says: each row before all that come after it', () => {
  const rows = tableUnder('## May we?')
  assert.equal(rows.length, said.length, 'a row for each rule, and what makes it speak')
  for (const [at, [number, rule, , answer]] of rows.entries()) {
    const first = said[at]!
    const ask = merged(said.slice(at))
    const known: Person = {
      ...{ id: 'ann', choices: ask.choices ?? {}, endpoints: [], erased: ask.erased ?? false, tenant: 'acme' },
      tenants: new Map([['acme', ask.within ?? {}]]),
    }
    const place = { thread: 't1', tenant: 'acme' }
    const asked = { categories: ['social'], channels: ['push' as const], at: 0, place, reason: 'everyone' }
    const shown = effectiveOf(known, asked).effective[0]!.channels[0]!
    // `effective` is of types that are not mandatory.
    const may = mayWe(inTenant(known), {
      ...{ category: 'social', channel: 'push', place, reason: 'everyone', at: 0, mandatory: first.mandatory ?? false },
    })
    const told = first.mandatory ? { rule: may.why.rule, on: may.allowed } : { ...shown, rule: ruleOf(shown, may) }
    assert.equal(number, String(at + 1))
    assert.ok(codesIn(rule!).includes(told.rule), `row ${number} is ${rule}, and ${told.rule} decides`)
    assert.equal(told.on, first.on, `row ${number}`)
    if (!answer!.startsWith('as ')) assert.equal(answer!.startsWith('yes'), first.on, `row ${number} says ${answer}`)
  }
})

/** Where a person may be told, `effective` names what is missing to reach them. */
const ruleOf = (shown: { rule: string; reachable: boolean; on: boolean }, may: { why: { rule: string } }): string =>
  shown.on && !shown.reachable ? may.why.rule : shown.rule

function merged(all: readonly Said[]): Said {
  const sum: Said = {}
  for (const one of all) {
    const { choices = {}, within = {} } = sum
    Object.assign(sum, one, {
      choices: deep(one.choices ?? {}, choices),
      within: deep(one.within ?? {}, within),
      ...(sum.erased && { erased: sum.erased }),
    })
  }
  return sum
}

/** Both; where they speak of the same, the first. */
function deep<T extends object>(first: T, second: T): T {
  const both = { ...second } as Record<string, unknown>
  for (const [name, value] of Object.entries(first)) {
    const other = both[name]
    both[name] = typeof value === 'object' && typeof other === 'object' && other !== null ? deep(value, other) : value
  }
  return both as T
}

test('the table of quiet hours says what effective says', () => {
  const night = { start: '22:00', end: '08:00' }
  const nap = { start: '12:00', end: '13:00' }
  const cases = {
    tenant_locked: { own: nap, tenant: { quiet: night, quietLocked: true }, windows: [night, nap] },
    own: { own: nap, tenant: { quiet: night }, windows: [nap] },
    tenant_default: { own: undefined, tenant: { quiet: night }, windows: [night] },
    default: { own: undefined, tenant: {}, windows: [] },
  }
  const rows = tableUnder('## Quiet hours')
  assert.deepEqual(rows.map(([rule]) => codesIn(rule!)).flat(), Object.keys(cases))
  for (const [rule, { own, tenant, windows }] of Object.entries(cases)) {
    const known: Person = {
      ...{ id: 'ann', choices: {}, endpoints: [], erased: false, tenant: 'acme', ...(own && { quiet: own }) },
      tenants: new Map([['acme', tenant]]),
    }
    const { quietHours } = effectiveOf(known, { categories: [], at: 0 })
    assert.deepEqual([quietHours.rule, quietHours.windows], [rule, windows])
  }
})

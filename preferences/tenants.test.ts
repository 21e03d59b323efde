import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TenantSettings } from '#contracts/preferences.ts'
import type { QuietHours } from '#contracts/quiet-hours.ts'
import { effectiveOf } from './effective.ts'
import { inTenant, type Person, quietUntil } from './preferences.ts'
import { noQuiet } from './quiet-windows.ts'

const night = { start: '22:00', end: '08:00' }
const noonNap = { start: '12:00', end: '14:00' }
/** 23:00 and 13:00 in Berlin, 22:00 and 12:00 in UTC. */
const evening = Date.parse('2026-11-21T22:00:00Z')
const noon = Date.parse('2026-11-21T12:00:00Z')

const person = (own: Partial<Person>, tenants: Record<string, TenantSettings>): Person => ({
  ...{ id: 'ann', choices: {}, endpoints: [], erased: false, tenant: 'acme' },
  ...{ tenants: new Map(Object.entries(tenants)), ...own },
})

/** Whose quiet hours count: those of the person by those of the tenant; and whether it is quiet in the evening, and at noon. */
const cases: [own: QuietHours | undefined, tenant: TenantSettings, rule: string, quiet: [boolean, boolean]][] = [
  [undefined, {}, 'default', [false, false]],
  [undefined, { quiet: night }, 'tenant_default', [true, false]],
  [noonNap, {}, 'own', [false, true]],
  [noonNap, { quiet: night }, 'own', [false, true]],
  [noQuiet, {}, 'own', [false, false]],
  [noQuiet, { quiet: night }, 'own', [false, false]],
  [undefined, { quiet: night, quietLocked: true }, 'tenant_locked', [true, false]],
  [noonNap, { quiet: night, quietLocked: true }, 'tenant_locked', [true, true]],
  [noQuiet, { quiet: night, quietLocked: true }, 'tenant_locked', [true, false]],
]
for (const [own, tenant, rule, quiet] of cases)
  test(`quiet hours ${JSON.stringify(own)} in a tenant that sets ${JSON.stringify(tenant)}`, () => {
    const known = person({ ...(own && { quiet: own }), zone: 'Europe/Berlin' }, { acme: tenant })
    const asked = inTenant(known)
    const quietAt = (at: number) =>
      asked.quiet !== undefined && quietUntil({ quiet: asked.quiet, zone: asked.zone!, at }) !== undefined
    assert.deepEqual([quietAt(evening), quietAt(noon)], quiet)
    for (const [at, isQuiet] of [
      [evening, quiet[0]],
      [noon, quiet[1]],
    ] as const) {
      const { quietHours } = effectiveOf(known, { categories: [], at })
      assert.equal(quietHours.rule, rule)
      assert.equal(quietHours.until !== undefined, isQuiet, 'what is told is what counts')
    }
  })

test('a zone that nobody set is that of the tenant of the intent, else of their own tenant', () => {
  const zoneOf = (own: Partial<Person>, tenant?: string) =>
    inTenant(person(own, { acme: { zone: 'Asia/Tokyo' }, work: { zone: 'Europe/Berlin' }, bare: {} }), tenant).zone
  assert.equal(zoneOf({ zone: 'Asia/Kolkata' }, 'work'), 'Asia/Kolkata')
  assert.equal(zoneOf({}, 'work'), 'Europe/Berlin')
  assert.equal(zoneOf({}), 'Asia/Tokyo')
  for (const silent of ['bare', 'unknown']) assert.equal(zoneOf({}, silent), 'Asia/Tokyo')
})

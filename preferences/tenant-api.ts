import type { TenantSettings } from '#contracts/preferences.ts'
import type { Clock } from '#runtime/clock.ts'
import type { FastifyInstance } from '#runtime/http.ts'
import type { Database } from '#runtime/postgres.ts'
import { invalid, nameOf } from './api-requests.ts'
import { checkWishes, patchedCategories } from './choices.ts'
import type { No } from './merge-patch.ts'
import { fieldRules, isObject, type Parsed, pointerTo, type Problem } from './profile.ts'
import { checkQuiet } from './quiet-windows.ts'
import { putTenant, readTenant } from './tenant-store.ts'

type TenantApi = { db: Database; clock: Clock; categories: readonly string[] }
type ById = { Params: { id: string } }

/** `/v1/tenants/:id`: GET, and PUT of everything at once; what is not given, or null, is not set. */
export function tenantRoutes(app: FastifyInstance, { db, clock, categories }: TenantApi): void {
  const path = '/v1/tenants/:id'
  app.get<ById>(path, async request => readTenant(db, nameOf(request.params.id)))
  app.put<ById>(path, async (request, reply) => {
    const id = nameOf(request.params.id)
    const tenant = parseTenant(request.body, categories)
    if (!tenant.ok) throw invalid(tenant.problems)
    await putTenant(db, { id, tenant: tenant.value, now: clock.now() })
    return reply.code(204).send()
  })
}

const wishFields = ['defaults', 'locks'] as const
const ownFields = ['zone', 'locale'] as const

/** Reads what a tenant sets, all problems at once. */
export function parseTenant(body: unknown, categories: readonly string[]): Parsed<TenantSettings> {
  if (!isObject(body)) return { ok: false, problems: [{ pointer: '#', detail: 'the body must be an object' }] }
  const problems: Problem[] = []
  const no: No = (path, detail) => void problems.push({ pointer: pointerTo(...path), detail })
  const known: readonly string[] = [...wishFields, ...ownFields, 'quiet', 'quietLocked']
  for (const field of Object.keys(body)) if (!known.includes(field)) no([field], `is none of ${known.join(', ')}`)
  for (const field of wishFields) checkWishes(body[field], { field, categories, no })
  const set: Record<string, unknown> = {}
  for (const field of ownFields) {
    const value = body[field] ?? undefined
    if (value === undefined) continue
    if (!fieldRules[field].holds(value)) no([field], fieldRules[field].detail)
    set[field] = value
  }
  if (body.quiet !== undefined && body.quiet !== null) {
    checkQuiet(body.quiet, (pointer, detail) => void problems.push({ pointer: `#/quiet${pointer}`, detail }))
    set.quiet = body.quiet
  }
  const locked = body.quietLocked ?? undefined
  if (locked !== undefined && typeof locked !== 'boolean') no(['quietLocked'], 'must be true or false')
  else if (locked && set.quiet === undefined) no(['quietLocked'], 'goes with quiet')
  if (locked === true) set.quietLocked = true
  if (problems.length > 0) return { ok: false, problems }
  for (const field of wishFields) {
    const wishes = patchedCategories(undefined, body[field] as TenantSettings['locks'])
    if (wishes.size > 0) set[field] = Object.fromEntries(wishes)
  }
  return { ok: true, value: set }
}

import type { Clock } from '#runtime/clock.ts'
import type { FastifyInstance, FastifyRequest, onRequestAsyncHookHandler } from '#runtime/http.ts'
import type { Database } from '#runtime/postgres.ts'
import { gone, invalid, nameOf, stale } from './api-requests.ts'
import { audienceRoutes } from './audience-api.ts'
import { changeChoices } from './choice-store.ts'
import { parseChoicesPatch } from './choices.ts'
import { effectiveOf } from './effective.ts'
import { parseEffective } from './effective-query.ts'
import { endpointRoutes, knownPerson, shownEndpoint, vouched } from './endpoints-api.ts'
import { readPeople } from './preferences.ts'
import { parseProfile, type Profile } from './profile.ts'
import { shownQuiet } from './quiet-windows.ts'
import { deleteRecipient, upsertRecipients } from './recipient-store.ts'
import { revisionOf } from './revision.ts'
import { suppressionRoutes } from './suppressions-api.ts'
import { tenantRoutes } from './tenant-api.ts'

export type PreferencesApiOptions = {
  db: Database
  clock: Clock
  /** Addresses are compared and remembered by hashes made with it; must stay the same for ever. */
  addressKey: string
  /** Lets a request through, or throws 401 or 403. Asked before the body is read. */
  authorize: onRequestAsyncHookHandler
  /** Who says so. */
  producerOf: (request: FastifyRequest) => Promise<{ producer: string }>
  /** The categories that a person can switch. */
  categories: readonly string[]
  /** Erases a person here and elsewhere. Default: here. */
  erase?: (recipient: string) => Promise<void>
}

type ById = { Params: { id: string } }

/**
 * Recipients, what they chose, suppressed addresses, audiences and tenants: `/v1/recipients/…`, `/v1/suppressions`,
 * `/v1/audiences/…`, `/v1/tenants/…`. GET changes nothing and shows no
 * address whole. Every error is RFC 9457, with all problems of a body at once.
 */
export function preferencesApi(app: FastifyInstance, options: PreferencesApiOptions): void {
  void app.register(async scope => {
    scope.addHook('onRequest', options.authorize)
    scope.addContentTypeParser(
      'application/merge-patch+json',
      { parseAs: 'string' },
      scope.getDefaultJsonParser('error', 'error'),
    )
    recipientRoutes(scope, options)
    endpointRoutes(scope, options)
    suppressionRoutes(scope, options)
    choiceRoutes(scope, options)
    audienceRoutes(scope, options)
    tenantRoutes(scope, options)
  })
}

function recipientRoutes(app: FastifyInstance, options: PreferencesApiOptions): void {
  const { db, clock, addressKey, producerOf } = options
  const { erase = recipient => deleteRecipient({ db, now: clock.now() }, recipient) } = options
  app.put<ById>('/v1/recipients/:id', async (request, reply) => {
    const profile = profileOf(request.params.id, request.body)
    const endpoints = profile.endpoints && (await vouched(profile.endpoints, () => producerOf(request)))
    await upsertRecipients({ db, addressKey, now: clock.now() }, [{ ...profile, ...(endpoints && { endpoints }) }])
    return reply.code(204).send()
  })
  app.get<ById>('/v1/recipients/:id', async request => {
    const { id, tenant, locale, zone, quiet, endpoints } = await knownPerson({ db }, request.params.id)
    const at = clock.now()
    const shown = endpoints.map(one => shownEndpoint(one, at))
    return { id, tenant, locale, zone, quiet: quiet && shownQuiet(quiet), endpoints: shown }
  })
  app.delete<ById>('/v1/recipients/:id', async (request, reply) => {
    await erase(nameOf(request.params.id))
    return reply.code(204).send()
  })
}

function choiceRoutes(app: FastifyInstance, { db, clock, categories }: PreferencesApiOptions): void {
  const path = '/v1/recipients/:id/preferences'
  app.get<ById>(path, async (request, reply) => {
    const id = nameOf(request.params.id)
    const asked = parseEffective(request.query as Record<string, unknown>, categories)
    if (!asked.ok) throw invalid(asked.problems)
    const { place } = asked.value
    const person = (await readPeople(db, [id], [place])).get(id)!
    reply.header('etag', revisionOf(person))
    return effectiveOf(person, { ...asked.value, at: clock.now() })
  })
  app.patch<ById>(path, async (request, reply) => {
    const id = nameOf(request.params.id)
    const patch = parseChoicesPatch(request.body, categories)
    if (!patch.ok) throw invalid(patch.problems)
    const now = clock.now()
    const chosen = await changeChoices({ db, now, basis: request.headers['if-match'] }, id, patch.value)
    if (chosen.kind === 'refused') throw invalid(chosen.problems)
    if (chosen.kind === 'gone') throw gone()
    if (chosen.kind === 'stale') throw stale()
    const person = (await readPeople(db, [id])).get(id)!
    reply.header('etag', revisionOf(person))
    return effectiveOf(person, { categories, at: now })
  })
}

function profileOf(id: string, body: unknown): Profile {
  const profile = parseProfile(nameOf(id), body)
  if (!profile.ok) throw invalid(profile.problems)
  return profile.value
}

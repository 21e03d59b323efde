import type { EpochMs } from '#contracts/ids.ts'
import type { FastifyInstance } from '#runtime/http.ts'
import { masked, readAddress } from './address.ts'
import type { PreferencesApiOptions } from './api.ts'
import { fieldsOf, gone, invalid, nameOf } from './api-requests.ts'
import { stateAt } from './endpoint-state.ts'
import { type Endpoint, type Person, readPeople } from './preferences.ts'
import { parseNamedEndpoint, parseProfile, type Problem } from './profile.ts'
import { putEndpoint, removeEndpoints, upsertRecipients } from './recipient-store.ts'

type ById = { Params: { id: string } }
type ByEndpoint = { Params: { id: string; endpoint: string } }

/**
 * `PUT /v1/recipients/:id/endpoints` (all of them), `PUT` and `DELETE …/endpoints/:endpoint` (one), and
 * `POST /v1/recipients/:id/sign-out`: of one device, by its endpoint or its token, or of all. Each answers with what is left.
 */
export function endpointRoutes(app: FastifyInstance, options: PreferencesApiOptions): void {
  const { db, clock, addressKey, producerOf } = options
  const left = async (id: string, at: EpochMs) => {
    const person = (await readPeople(db, [id])).get(id)!
    return { endpoints: person.endpoints.map(one => shownEndpoint(one, at)) }
  }

  app.put<ById>('/v1/recipients/:id/endpoints', async request => {
    const { endpoints: list } = fieldsOf(request.body, ['endpoints'])
    if (list === undefined) throw invalid([{ pointer: '#/endpoints', detail: 'is missing' }])
    const profile = parseProfile(nameOf(request.params.id), { endpoints: list })
    if (!profile.ok) throw invalid(profile.problems)
    const now = clock.now()
    const endpoints = await vouched(profile.value.endpoints ?? [], () => producerOf(request))
    await upsertRecipients({ db, addressKey, now }, [{ ...profile.value, endpoints }])
    return left(profile.value.id, now)
  })
  app.put<ByEndpoint>('/v1/recipients/:id/endpoints/:endpoint', async request => {
    const id = nameOf(request.params.id)
    const parsed = parseNamedEndpoint(id, { named: nameOf(request.params.endpoint), body: request.body })
    if (!parsed.ok) throw invalid(parsed.problems)
    const now = clock.now()
    const [endpoint] = await vouched([parsed.value], () => producerOf(request))
    await putEndpoint({ db, addressKey, now }, id, endpoint!)
    return left(id, now)
  })
  app.delete<ByEndpoint>('/v1/recipients/:id/endpoints/:endpoint', async (request, reply) => {
    const endpoint = nameOf(request.params.endpoint)
    await removeEndpoints({ db, now: clock.now() }, nameOf(request.params.id), one => one.id === endpoint)
    return reply.code(204).send()
  })
  app.post<ById>('/v1/recipients/:id/sign-out', async request => {
    const id = nameOf(request.params.id)
    await knownPerson(options, id)
    const goes = signedOut(request.body)
    const signedOutOf = await removeEndpoints({ db, now: clock.now() }, id, one => one.channel === 'push' && goes(one))
    return { signedOut: signedOutOf }
  })
}

/** An endpoint as it is shown: with enough of its address to tell it from others, in the state that it has at `at`. */
export const shownEndpoint = (endpoint: Endpoint, at: EpochMs) => {
  const { id, channel, provider, address, since, app, platform, version, stateSince, why, verifiedAt, verifiedBy } =
    endpoint
  const state = stateAt(endpoint, at)
  return {
    ...{ id, channel, provider, app, platform, version, state },
    ...(state !== 'active' && { why, stateSince: isoOf(stateSince), until: isoOf(endpoint.until) }),
    address: address === '' ? undefined : masked({ channel, address }),
    since: since === 0 ? undefined : isoOf(since),
    ...(verifiedAt !== undefined && { verifiedAt: isoOf(verifiedAt), verifiedBy }),
  }
}

/** A person who was not erased. */
export async function knownPerson({ db }: Pick<PreferencesApiOptions, 'db'>, id: string): Promise<Person> {
  const person = (await readPeople(db, [nameOf(id)])).get(id)!
  if (person.erased) throw gone()
  return person
}

/** With the name of the producer that says so, of each that is said to be verified. */
export async function vouched<E extends { verifiedAt?: EpochMs }>(
  endpoints: readonly E[],
  producerOf: () => Promise<{ producer: string }>,
): Promise<(E & { verifiedBy?: string })[]> {
  if (!endpoints.some(one => one.verifiedAt !== undefined)) return [...endpoints]
  const { producer } = await producerOf()
  return endpoints.map(one => (one.verifiedAt === undefined ? one : { ...one, verifiedBy: producer }))
}

const isoOf = (at: EpochMs | undefined) => (at === undefined ? undefined : new Date(at).toISOString())

/** Exactly one of the three: a body that lost its field must not sign everything out. */
function signedOut(body: unknown): (endpoint: Endpoint) => boolean {
  const problems: Problem[] = []
  const { endpoint, address, everywhere } = fieldsOf(body, ['endpoint', 'address', 'everywhere'], problems)
  const said = [endpoint, address, everywhere].filter(one => one !== undefined)
  if (said.length !== 1) problems.push({ pointer: '#', detail: 'name one of endpoint, address, or everywhere: true' })
  if (endpoint !== undefined && typeof endpoint !== 'string')
    problems.push({ pointer: '#/endpoint', detail: 'must be the id of an endpoint' })
  if (address !== undefined && typeof address !== 'string')
    problems.push({ pointer: '#/address', detail: 'must be the token of a device' })
  if (everywhere !== undefined && everywhere !== true)
    problems.push({ pointer: '#/everywhere', detail: 'must be true, or not be there' })
  if (problems.length > 0) throw invalid(problems)
  return one => everywhere === true || one.id === endpoint || (typeof address === 'string' && sameToken(one, address))
}

/** However it is written: it is kept as its reader reads it. */
const sameToken = (one: Endpoint, address: string): boolean =>
  [address, readAddress(one.provider, address).address].includes(one.address)

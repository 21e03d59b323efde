import type { Offer, OwnPreferences } from '#contracts/preferences.ts'
import type { Clock } from '#runtime/clock.ts'
import { type FastifyInstance, type FastifyReply, problem } from '#runtime/http.ts'
import type { Database } from '#runtime/postgres.ts'
import type { Users } from '#runtime/user-requests.ts'
import type { User } from '#runtime/user-tokens.ts'
import { gone, invalid, nameOf, stale } from './api-requests.ts'
import { changeChoices } from './choice-store.ts'
import { parseChoicesPatch } from './choices.ts'
import { readHistory } from './history-store.ts'
import { ownPreferences } from './own-preferences.ts'
import { type Endpoint, type Person, readPeople } from './preferences.ts'
import { pointerTo } from './profile.ts'
import { removeEndpoints } from './recipient-store.ts'
import { revisionOf } from './revision.ts'

export type MeApiOptions = {
  db: Database
  clock: Clock
  users: Users
  /** What people can switch. */
  offers: readonly Offer[]
}

const shownChanges = 8
const changesMax = 100

/**
 * What people see and change of their own preferences by a token of theirs: `/v1/me/preferences`, `/v1/me/devices`, `/v1/me/history`. No path,
 * query or body names a person or a tenant: both are the token's. A change may name what it was made from (If-Match).
 */
export function meApi(app: FastifyInstance, options: MeApiOptions): void {
  void app.register(async scope => {
    scope.addHook('onRequest', options.users.authorize('preferences'))
    scope.addContentTypeParser(
      'application/merge-patch+json',
      { parseAs: 'string' },
      scope.getDefaultJsonParser('error', 'error'),
    )
    preferencesRoutes(scope, options)
    scope.get('/v1/me/history', async request => {
      const query = queryOf(request.query, ['before'])
      if (query.before !== undefined && !/^\d{1,18}$/.test(query.before))
        throw invalid([{ pointer: '#/before', detail: 'must be the id of a change' }])
      const { recipient } = options.users.of(request)
      await living(options.db, { recipient })
      const found = await readHistory(options.db, recipient, { ...query, limit: changesMax + 1 })
      return { changes: found.slice(0, changesMax), more: found.length > changesMax }
    })
  })
}

function preferencesRoutes(app: FastifyInstance, { db, clock, users, offers }: MeApiOptions): void {
  const path = '/v1/me/preferences'
  const categories = offers.map(({ category }) => category)
  const pageOf = async (user: User, reply: FastifyReply): Promise<OwnPreferences> => {
    const [person, history] = await Promise.all([
      living(db, user),
      readHistory(db, user.recipient, { limit: shownChanges }),
    ])
    reply.header('etag', revisionOf(person))
    return ownPreferences(person, { offers, history, tenant: user.tenant, at: clock.now() })
  }
  app.get(path, async (request, reply) => {
    queryOf(request.query, [])
    return pageOf(users.of(request), reply)
  })
  app.patch(path, async (request, reply) => {
    const user = users.of(request)
    const patch = parseChoicesPatch(request.body, categories)
    if (!patch.ok) throw invalid(patch.problems)
    const basis = request.headers['if-match']
    const chosen = await changeChoices(
      { db, now: clock.now(), basis, source: user.through },
      user.recipient,
      patch.value,
    )
    switch (chosen.kind) {
      case 'refused':
        throw invalid(chosen.problems)
      case 'gone':
        throw gone()
      case 'stale':
        throw stale()
      case 'chosen':
        return pageOf(user, reply)
      default:
        return chosen satisfies never
    }
  })
  app.delete<{ Params: { device: string } }>('/v1/me/devices/:device', async (request, reply) => {
    const user = users.of(request)
    const device = nameOf(request.params.device)
    const by = { db, now: clock.now(), source: user.through }
    const isIt = ({ channel, id }: Endpoint) => channel === 'push' && id === device
    if ((await removeEndpoints(by, user.recipient, isIt)) === 0) {
      await living(db, user)
      throw problem(404, { detail: 'there is no such device' })
    }
    return pageOf(user, reply)
  })
}

/** What a query says: these fields and no others, since one that is passed over might have meant somebody. */
function queryOf<F extends string>(query: unknown, known: readonly F[]): { [N in F]?: string } {
  const given = query as Record<string, unknown>
  const wrong = Object.keys(given).filter(field => !known.includes(field as F) || typeof given[field] !== 'string')
  if (wrong.length > 0) throw invalid(wrong.map(field => ({ pointer: pointerTo(field), detail: 'is not asked here' })))
  return given as { [N in F]?: string }
}

async function living(db: Database, { recipient, tenant }: User): Promise<Person> {
  const person = (await readPeople(db, [recipient], tenant === undefined ? [] : [{ tenant }])).get(recipient)!
  if (person.erased) throw gone()
  return person
}

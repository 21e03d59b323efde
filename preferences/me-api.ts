import type { Clock } from '#runtime/clock.ts'
import { type FastifyInstance, type FastifyReply, problem } from '#runtime/http.ts'
import type { Database } from '#runtime/postgres.ts'
import type { Users } from '#runtime/user-requests.ts'
import type { User } from '#runtime/user-tokens.ts'
import { gone, invalid, stale } from './api-requests.ts'
import { changeChoices } from './choice-store.ts'
import { parseChoicesPatch } from './choices.ts'
import { effectiveOf } from './effective.ts'
import { parseEffective } from './effective-query.ts'
import { type Person, readPeople } from './preferences.ts'
import { revisionOf } from './revision.ts'

export type MeApiOptions = {
  db: Database
  clock: Clock
  users: Users
  /** The categories that a person can switch. */
  categories: readonly string[]
}

/**
 * What people see and change of their own preferences by a token of theirs: `/v1/me/preferences`. No path, query or body
 * names a person: it is the token's. A change names what it was made from (If-Match), and is refused where that is old.
 */
export function meApi(app: FastifyInstance, options: MeApiOptions): void {
  void app.register(async scope => {
    scope.addHook('onRequest', options.users.authorize('preferences'))
    scope.addContentTypeParser(
      'application/merge-patch+json',
      { parseAs: 'string' },
      scope.getDefaultJsonParser('error', 'error'),
    )
    ownPreferences(scope, options)
  })
}

function ownPreferences(app: FastifyInstance, { db, clock, users, categories }: MeApiOptions): void {
  const path = '/v1/me/preferences'
  const answer = async (user: User, reply: FastifyReply, query: Record<string, unknown> = {}) => {
    const asked = parseEffective({ ...query, tenant: query['tenant'] ?? user.tenant }, categories)
    if (!asked.ok) throw invalid(asked.problems)
    const { place } = asked.value
    if (user.tenant !== undefined && place.tenant !== user.tenant)
      throw problem(403, { detail: 'the token is for another tenant' })
    const person = await living(db, user, place)
    reply.header('etag', revisionOf(person))
    return effectiveOf(person, { ...asked.value, at: clock.now() })
  }
  app.get(path, async (request, reply) => answer(users.of(request), reply, request.query as Record<string, unknown>))
  app.patch(path, async (request, reply) => {
    const user = users.of(request)
    const patch = parseChoicesPatch(request.body, categories)
    if (!patch.ok) throw invalid(patch.problems)
    const basis = request.headers['if-match']
    const chosen = await changeChoices({ db, now: clock.now(), basis, source: 'person' }, user.recipient, patch.value)
    switch (chosen.kind) {
      case 'refused':
        throw invalid(chosen.problems)
      case 'gone':
        throw gone()
      case 'stale':
        throw stale()
      case 'chosen':
        return answer(user, reply)
      default:
        return chosen satisfies never
    }
  })
}

async function living(db: Database, { recipient }: User, place: { tenant?: string }): Promise<Person> {
  const person = (await readPeople(db, [recipient], [place])).get(recipient)!
  if (person.erased) throw gone()
  return person
}

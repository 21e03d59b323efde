import { isName } from '#contracts/ids.ts'
import type { FastifyInstance } from '#runtime/http.ts'
import type { Database } from '#runtime/postgres.ts'
import { fieldsOf, invalid, nameOf } from './api-requests.ts'
import { byCodePoint } from './audience-page.ts'
import { addMembers, type AudienceMember, removeMembers, replaceMembers } from './audience-store.ts'
import { isObject, type Problem } from './profile.ts'

type Body = Record<string, unknown>
type Range = { after: string | null; until: string | null }
type ByAudience = { Params: { audience: string } }

/** Members in one request. A longer list is replaced range by range. */
const membersMax = 100_000
/** So many members with ids of usual length. */
const bodyBytesMax = 8 * 1024 * 1024
/** Enough to mend a list by. */
const problemsMax = 100

/** `/v1/audiences/:audience/members`: POST adds, PUT replaces, DELETE removes; all may be repeated. */
export function audienceRoutes(app: FastifyInstance, { db }: { db: Database }): void {
  const path = '/v1/audiences/:audience/members'
  const options = { bodyLimit: bodyBytesMax }

  app.post<ByAudience>(path, options, async (request, reply) => {
    await addMembers(db, nameOf(request.params.audience), membersOf(fieldsOf(request.body, ['members'])))
    return reply.code(204).send()
  })
  app.put<ByAudience>(path, options, async (request, reply) => {
    const body = fieldsOf(request.body, ['after', 'until', 'members'])
    const members = membersOf(body)
    await replaceMembers(db, nameOf(request.params.audience), { ...rangeOf(body, members), members })
    return reply.code(204).send()
  })
  // The second for proxies that take no DELETE with a body.
  for (const [method, url] of [
    ['DELETE', path],
    ['POST', `${path}/remove`],
  ] as const)
    app.route<ByAudience>({
      ...options,
      method,
      url,
      handler: async (request, reply) => {
        await removeMembers(db, nameOf(request.params.audience), idsOf(fieldsOf(request.body, ['ids'])))
        return reply.code(204).send()
      },
    })
}

/** `{"members": ["u1", {"id": "u2", "reason": "author"}]}` */
function membersOf(body: Body): AudienceMember[] {
  return listOf(body, 'members', member => {
    if (isName(member)) return { id: member }
    if (!isObject(member) || !isName(member.id)) return undefined
    const { id, reason } = member
    if (reason === undefined) return { id }
    return isName(reason) ? { id, reason } : undefined
  })
}

/** `{"ids": ["u1", "u2"]}` */
const idsOf = (body: Body): string[] => listOf(body, 'ids', id => (isName(id) ? id : undefined))

function listOf<T>(body: Body, field: 'members' | 'ids', parse: (item: unknown) => T | undefined): T[] {
  const list = body[field]
  if (!Array.isArray(list) || list.length > membersMax)
    throw invalid([{ pointer: `#/${field}`, detail: `must be a list of at most ${membersMax}` }])
  const problems: Problem[] = []
  const items = list.flatMap((item, at) => {
    const parsed = parse(item)
    if (parsed !== undefined) return [parsed]
    if (problems.length < problemsMax) problems.push({ pointer: `#/${field}/${at}`, detail: wrong[field] })
    return []
  })
  if (problems.length > 0) throw invalid(problems)
  return items
}

const wrong = { members: 'a member is a name or {"id": name, "reason"?: name}', ids: 'an id is a name' }

/** The part of the audience that is replaced: behind `after`, up to and with `until`. Absent or null: all of it. */
function rangeOf({ after = null, until = null }: Body, members: readonly AudienceMember[]): Range {
  if (!isBound(after) || !isBound(until)) throw invalid([{ pointer: '#', detail: 'after and until are names or null' }])
  const outside = members.findIndex(
    ({ id }) => (after !== null && byCodePoint(id, after) <= 0) || (until !== null && byCodePoint(id, until) > 0),
  )
  if (outside >= 0)
    throw invalid([
      { pointer: `#/members/${outside}`, detail: 'is not behind after and up to until, by Unicode code point' },
    ])
  return { after, until }
}
const isBound = (value: unknown): value is string | null => value === null || isName(value)

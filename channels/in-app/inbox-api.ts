import type { IncomingHttpHeaders } from 'node:http'
import type { Catalogue } from '#contracts/catalogue.ts'
import { type InboxDeed, inboxDeeds } from '#contracts/engagement.ts'
import type { DeliveryId } from '#contracts/ids.ts'
import type { InboxCounts, InboxPage } from '#contracts/inbox.ts'
import type { Clock } from '#runtime/clock.ts'
import { type FastifyInstance, type FastifyRequest, problem } from '#runtime/http.ts'
import type { Database } from '#runtime/postgres.ts'
import type { Users } from '#runtime/user-requests.ts'
import { readCounts, readItems, shownItem, type Whose } from './inbox-feed-store.ts'
import { markOwnItems, type OwnMark } from './inbox-store.ts'
import type { InboxStreams } from './inbox-streams.ts'

export type InboxApiOptions = {
  db: Database
  clock: Clock
  catalogue: Catalogue
  users: Users
  streams: InboxStreams
  /** Tells other processes, and the streams of this one, whose inbox has changed. */
  tell: (recipients: readonly string[]) => void
}

const limitPreset = 20
const limitMax = 100
const idsMax = 500

/**
 * A person's own inbox, by a token of theirs: `GET /v1/me/inbox`, `/counts` and `/stream`, `POST /v1/me/inbox/marks`. No
 * path, query or body names a person, and what is somebody else's is not there. A token of a tenant opens what was told in it
 * and in none; any other token all of it, or what it asks for. Every error is RFC 9457.
 */
export function inboxApi(app: FastifyInstance, options: InboxApiOptions): void {
  void app.register(async scope => {
    scope.addHook('onRequest', options.users.authorize('inbox'))
    readRoutes(scope, options)
    markRoute(scope, options)
    streamRoute(scope, options)
  })
}

/** Whose inbox is asked for, by the token, and by the tenant that is named, which can only be that of a token that has one. */
function whose(users: Users, request: FastifyRequest, named: string | undefined): Whose {
  const { recipient, tenant = named } = users.of(request)
  if (named !== undefined && named !== tenant) throw problem(403, { detail: 'the token is of another tenant' })
  return { recipient, ...(tenant !== undefined && { tenant }) }
}

function readRoutes(app: FastifyInstance, { db, catalogue, users }: InboxApiOptions): void {
  app.get<{ Querystring: Query }>('/v1/me/inbox', { schema: { querystring } }, async (request): Promise<InboxPage> => {
    const { cursor, limit = limitPreset, unread, archived, thread, type, category } = request.query
    const asked = {
      ...{ ...whose(users, request, request.query.tenant), limit: Number(limit) },
      ...{ unread: unread === 'true', archived: archived === 'true' },
      ...(cursor !== undefined && { before: Number(cursor) }),
      ...(thread !== undefined && { thread }),
      ...((type !== undefined || category !== undefined) && { types: typesOf(catalogue, { type, category }) }),
    }
    const { items, ...inbox } = await readItems(db, asked)
    const more = items.length === asked.limit && { cursor: String(items.at(-1)!.number) }
    return { ...inbox, items: items.map(item => shownItem(item, catalogue)), ...more }
  })
  app.get<{ Querystring: InTenant }>('/v1/me/inbox/counts', { schema: { querystring: inTenant } }, async request =>
    readCounts(db, whose(users, request, request.query.tenant)),
  )
}

type Query = { [K in keyof typeof querystring.properties]?: string }
const name = { type: 'string', minLength: 1, maxLength: 200 }
const flag = { enum: ['true', 'false'] }
/** Small enough to be exact in JavaScript. */
const number = { type: 'string', pattern: '^[0-9]{1,15}$' }
const querystring = {
  type: 'object',
  additionalProperties: false,
  properties: {
    ...{ cursor: number, limit: { type: 'string', pattern: `^([1-9][0-9]?|${limitMax})$` } },
    ...{ unread: flag, archived: flag, thread: name, type: name, category: name, tenant: name },
  },
}
type InTenant = { tenant?: string }
const inTenant = { type: 'object', additionalProperties: false, properties: { tenant: name } }

const typesOf = (
  { types }: Catalogue,
  { type, category }: { type?: string | undefined; category?: string | undefined },
): string[] =>
  category === undefined
    ? [type!]
    : [...types.values()]
        .filter(one => one.category === category && one.type === (type ?? one.type))
        .map(one => one.type)

function markRoute(app: FastifyInstance, { db, clock, users, tell }: InboxApiOptions): void {
  app.post<{ Body: Marks }>('/v1/me/inbox/marks', { schema: { body } }, async (request): Promise<Marked> => {
    const own = whose(users, request, request.body.tenant)
    const { what, ids, upTo = Number.MAX_SAFE_INTEGER, thread } = request.body
    const which: OwnMark = {
      ...{ ...own, what, now: clock.now() },
      ...(ids ? { deliveries: ids as DeliveryId[] } : { upToNumber: upTo, ...(thread !== undefined && { thread }) }),
    }
    const found = await db.transaction(tx => markOwnItems(tx, which))
    tell([own.recipient])
    return { found, ...(await readCounts(db, own)) }
  })
}

/** `found`: of the ids that are given those that lie in the inbox; else how many were marked. */
type Marked = { found: number; number: number; counts: InboxCounts }
type Marks = InTenant & { what: InboxDeed; ids?: string[]; upTo?: number; all?: true; thread?: string }
const body = {
  type: 'object',
  required: ['what'],
  additionalProperties: false,
  properties: {
    what: { enum: inboxDeeds },
    ids: { type: 'array', minItems: 1, maxItems: idsMax, items: { type: 'string', pattern: '^[\\w-]{1,64}$' } },
    upTo: { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
    all: { const: true },
    thread: name,
    tenant: name,
  },
  oneOf: [{ required: ['ids'], not: { required: ['thread'] } }, { required: ['upTo'] }, { required: ['all'] }],
}

function streamRoute(app: FastifyInstance, { db, users, streams }: InboxApiOptions): void {
  const schema = { querystring: inTenant, headers }
  app.get<{ Querystring: InTenant }>('/v1/me/inbox/stream', { schema }, async (request, reply) => {
    const own = whose(users, request, request.query.tenant)
    const expiresAt = users.until(request)
    const { number } = await readCounts(db, own)
    streams.admit(own.recipient)
    reply.hijack()
    reply.raw.writeHead(200, {
      ...(reply.getHeaders() as IncomingHttpHeaders),
      'content-type': 'text/event-stream; charset=utf-8',
      // What buffers a whole answer would never pass this one on.
      'x-accel-buffering': 'no',
    })
    const last = request.headers['last-event-id']
    streams.open({
      ...own,
      expiresAt,
      number,
      since: last === undefined ? number : Number(last),
      response: reply.raw,
    })
  })
}

const headers = { type: 'object', properties: { 'last-event-id': number } }

import type { FastifyInstance, FastifyRequest, preHandlerAsyncHookHandler } from 'fastify'
import { type Channel, channels } from '#contracts/channel.ts'
import { sentence } from '#contracts/decision.ts'
import { isName } from '#contracts/ids.ts'
import type { Clock } from '#runtime/clock.ts'
import { problem } from '#runtime/http.ts'
import type { Database } from '#runtime/postgres.ts'
import { addMembers, type AudienceMember, removeMembers, replaceMembers } from './audience-store.ts'
import { type Choices, type Endpoint, mayWe, type Person, readPeople, whereTo } from './preferences.ts'
import { isObject, parseProfile } from './profile.ts'
import { type Choice, choose, eraseRecipient, upsertRecipient } from './recipient-store.ts'

export type PreferencesApiOptions = {
  db: Database
  clock: Clock
  addressKey: string
  /** Lets a request through or throws 401. */
  authorize: preHandlerAsyncHookHandler
  /** The categories that a person can switch. */
  categories: readonly string[]
}

const membersMax = 1_000
type ById = { Params: { id: string } }
type ByAudience = { Params: { audience: string } }

/** Recipients, their preferences and audiences: `/v1/recipients/…`, `/v1/audiences/…`. Every error is RFC 9457. */
export function preferencesApi(app: FastifyInstance, options: PreferencesApiOptions): void {
  const { db, clock, addressKey, authorize } = options
  const guarded = { preHandler: authorize }

  app.put<ById>('/v1/recipients/:id', guarded, async (request, reply) => {
    const profile = parseProfile(request.body)
    if (!profile.ok) throw invalid(profile.problems)
    await upsertRecipient(nameOf(request.params.id), profile.value, { db, addressKey, now: clock.now() })
    return reply.code(204).send()
  })
  app.get<ById>('/v1/recipients/:id', guarded, async request => {
    const person = await personOf(db, nameOf(request.params.id))
    const { id, tenant, locale, zone, quiet, erased } = person
    return { id, tenant, locale, zone, quiet, erased, endpoints: person.endpoints.map(shown) }
  })
  app.delete<ById>('/v1/recipients/:id', guarded, async (request, reply) => {
    await eraseRecipient(nameOf(request.params.id), { db, now: clock.now() })
    return reply.code(204).send()
  })
  app.get<ById>('/v1/recipients/:id/preferences', guarded, async request =>
    preferencesOf(await personOf(db, nameOf(request.params.id)), options),
  )
  app.patch<ById>('/v1/recipients/:id/preferences', guarded, async request => {
    const id = nameOf(request.params.id)
    await choose(id, choicesOf(request.body), { db, now: clock.now(), source: 'api' })
    return preferencesOf(await personOf(db, id), options)
  })
  audienceRoutes(app, options)
}

function audienceRoutes(app: FastifyInstance, { db, authorize }: PreferencesApiOptions): void {
  const guarded = { preHandler: authorize }
  const membersPath = '/v1/audiences/:audience/members'
  app.post<ByAudience>(membersPath, guarded, async (request, reply) => {
    await addMembers(db, nameOf(request.params.audience), membersOf(request))
    return reply.code(204).send()
  })
  app.put<ByAudience>(membersPath, guarded, async (request, reply) => {
    const { after = null, until = null } = isObject(request.body) ? request.body : {}
    if (!isBound(after) || !isBound(until))
      throw invalid([{ pointer: '#', detail: 'after and until must be names or null' }])
    await replaceMembers(db, nameOf(request.params.audience), { after, until, members: membersOf(request) })
    return reply.code(204).send()
  })
  app.post<ByAudience>(`${membersPath}/remove`, guarded, async (request, reply) => {
    const ids = isObject(request.body) ? request.body.ids : undefined
    if (!Array.isArray(ids) || ids.length > membersMax || !ids.every(isName))
      throw invalid([{ pointer: '#/ids', detail: `ids must be a list of at most ${membersMax} names` }])
    await removeMembers(db, nameOf(request.params.audience), ids)
    return reply.code(204).send()
  })
}

const invalid = (errors: { pointer: string; detail: string }[]) =>
  problem(422, { title: 'Invalid', detail: errors[0]!.detail, errors })
const isBound = (value: unknown): value is string | null => value === null || isName(value)

function nameOf(id: string): string {
  if (!isName(id))
    throw problem(404, {
      detail: 'an id has 1 to 200 characters, none of them a quote, a backslash or a control character',
    })
  return id
}

function membersOf({ body }: FastifyRequest): AudienceMember[] {
  const members = isObject(body) ? body.members : undefined
  if (!Array.isArray(members) || members.length > membersMax)
    throw invalid([{ pointer: '#/members', detail: `members must be a list of at most ${membersMax}` }])
  const wrong = members.flatMap((member, at) =>
    isObject(member) && isName(member.id) && (member.reason === undefined || isName(member.reason)) ? [] : [at],
  )
  if (wrong.length > 0)
    throw invalid(
      wrong.map(at => ({ pointer: `#/members/${at}`, detail: 'a member is {"id": name, "reason"?: name}' })),
    )
  return members as AudienceMember[]
}

const personOf = async (db: Database, id: string): Promise<Person> => (await readPeople(db, [id])).get(id)!

/** An endpoint without its address: enough to tell devices apart. */
const shown = ({ id, channel, provider, state, since, app }: Endpoint) => ({ id, channel, provider, state, since, app })

/** What a person has chosen and what follows from it, each with the rule that decided. */
function preferencesOf(person: Person, { categories, clock }: PreferencesApiOptions) {
  const effective = categories.map(category => ({
    category,
    channels: channels.map(channel => {
      const may = mayWe(person, { category, channel, mandatory: false, at: clock.now() })
      const where = whereTo(person, channel)
      const why = may.allowed ? (where.why ?? may.why) : may.why
      return {
        channel,
        on: may.allowed,
        reachable: where.endpoints.length > 0,
        rule: why.rule,
        sentence: sentence(why),
      }
    }),
  }))
  return { choices: person.choices satisfies Choices, effective }
}

/** `{"choices": [{"category": "social", "channel": "push", "wish": false}, {"thread": "t42", "wish": false}]}` */
function choicesOf(body: unknown): Choice[] {
  const choices = isObject(body) ? body.choices : undefined
  if (!Array.isArray(choices) || choices.length === 0 || choices.length > membersMax)
    throw invalid([{ pointer: '#/choices', detail: `choices must be a list of 1 to ${membersMax}` }])
  const wrong = choices.flatMap((choice, at) => (isChoice(choice) ? [] : [at]))
  if (wrong.length > 0)
    throw invalid(
      wrong.map(at => ({
        pointer: `#/choices/${at}`,
        detail:
          'a choice is {"category": name, "channel"?: channel, "wish": boolean} or {"thread": name, "wish": boolean}',
      })),
    )
  return choices as Choice[]
}

const isChoice = (value: unknown): boolean =>
  isObject(value) &&
  typeof value.wish === 'boolean' &&
  isName(value.thread) !== isName(value.category) &&
  (value.channel === undefined || channels.includes(value.channel as Channel))

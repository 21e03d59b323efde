import { type EpochMs, type IntentId, isName, isUuid } from '#contracts/ids.ts'
import type { Clock } from '#runtime/clock.ts'
import type { FastifyInstance, FastifyRequest, onRequestAsyncHookHandler } from '#runtime/http.ts'
import { fieldsOf, invalid, nameOf } from './api-requests.ts'
import { type EngagementStore, look, type TellSuccess, track } from './engagement.ts'
import { writePresence } from './presence-store.ts'
import { notAName, pointerTo, type Problem } from './profile.ts'

export type EngagementApiOptions = Omit<EngagementStore, 'now'> & {
  clock: Clock
  /** Lets a request through, or throws 401 or 403. Asked before the body is read. */
  authorize: onRequestAsyncHookHandler
  /** The same for events, and who tells of them. */
  producerOf: (request: FastifyRequest) => Promise<{ producer: string }>
  /** The successes that the catalogue's types wait for. */
  successes: ReadonlySet<string>
  tellSuccess: TellSuccess
}

type ById = { Params: { id: string } }

/**
 * What people do: `POST /v1/recipients/:id/read` and `/seen`, `PUT /v1/recipients/:id/presence`, `POST /v1/events`. All may
 * be repeated. Every error is RFC 9457, with all problems of a body at once.
 */
export function engagementApi(app: FastifyInstance, options: EngagementApiOptions): void {
  void app.register(async scope => {
    scope.addHook('onRequest', options.authorize)
    lookRoutes(scope, options)
  })
  eventRoutes(app, options)
}

function lookRoutes(app: FastifyInstance, { clock, ...store }: EngagementApiOptions): void {
  for (const what of ['read', 'seen'] as const)
    app.post<ById>(`/v1/recipients/:id/${what}`, async (request, reply) => {
      const now = clock.now()
      const recipient = nameOf(request.params.id)
      await look({ ...store, now }, { recipient, what, ...lookedOf(request.body ?? {}, { what, now }) })
      return reply.code(204).send()
    })
  app.put<ById>('/v1/recipients/:id/presence', async (request, reply) => {
    const now = clock.now()
    const recipient = nameOf(request.params.id)
    await writePresence(store.db, { recipient, activeUntil: activeUntilOf(request.body, now) })
    return reply.code(204).send()
  })
}

/** A person did what types wait for. */
function eventRoutes(app: FastifyInstance, { clock, successes, producerOf, ...store }: EngagementApiOptions): void {
  app.post('/v1/events', async (request, reply) => {
    const { producer } = await producerOf(request)
    const problems: Problem[] = []
    const { user, event, key } = fieldsOf(request.body, ['user', 'event', 'key'], problems)
    if (!isName(user)) problems.push({ pointer: '#/user', detail: `user must be a name: ${notAName}` })
    if (typeof event !== 'string' || !successes.has(event))
      problems.push({ pointer: '#/event', detail: noSuccess(successes) })
    if (key !== undefined && !isName(key))
      problems.push({ pointer: '#/key', detail: `key must be a name: ${notAName}` })
    if (problems.length > 0) throw invalid(problems)
    const intent = key === undefined ? {} : { intent: { producer, key: key as string } }
    await track({ ...store, now: clock.now() }, { recipient: user as string, event: event as string, ...intent })
    return reply.code(204).send()
  })
}

/** Why nobody waits for an event. */
export const noSuccess = (successes: ReadonlySet<string>): string =>
  `event must be what a type names as its success: ${[...successes].join(', ') || 'none does'}`

/** Clocks of others are ahead of ours by at most this. */
const aheadMs = 60_000
const presenceMaxMs = 24 * 3_600_000

/** What is wrong with an instant until which everything is read. */
export const upToProblem = (upTo: EpochMs | undefined, now: EpochMs): string | undefined =>
  upTo !== undefined && upTo <= now + aheadMs
    ? undefined
    : 'upTo must be a time like 2026-11-21T08:00:00Z that is not ahead'

/** What is wrong with an instant until which a person is active. */
export const activeUntilProblem = (until: EpochMs | undefined, now: EpochMs): string | undefined =>
  until !== undefined && until <= now + presenceMaxMs
    ? undefined
    : 'activeUntil must be a time like 2026-11-21T08:00:00Z, at most 24 hours ahead, or null'

type What = { device?: string } & ({ intent: IntentId } | { thread?: string; upTo: EpochMs })

function lookedOf(body: unknown, { what, now }: { what: 'read' | 'seen'; now: EpochMs }): What {
  const known = ['intent', 'thread', 'upTo', ...(what === 'read' ? ['device'] : [])]
  const problems: Problem[] = []
  const { intent, thread, upTo, device } = fieldsOf(body, known, problems)
  const no = (field: string, detail: string) => void problems.push({ pointer: pointerTo(field), detail })
  if (intent !== undefined && !isUuid(intent)) no('intent', 'intent must be the id of an intent')
  if (thread !== undefined && !isName(thread)) no('thread', `thread must be a name: ${notAName}`)
  if (device !== undefined && !isName(device)) no('device', `device must be the id of an endpoint: ${notAName}`)
  if (intent !== undefined && (thread !== undefined || upTo !== undefined))
    no('intent', 'an intent is looked at by itself, without thread and upTo')
  const until = upTo === undefined ? now : instantOf(upTo)
  const wrong = upToProblem(until, now)
  if (wrong) no('upTo', wrong)
  if (problems.length > 0) throw invalid(problems)
  const where = device === undefined ? {} : { device: device as string }
  if (intent !== undefined) return { ...where, intent: intent as IntentId }
  return { ...where, upTo: until!, ...(thread !== undefined && { thread: thread as string }) }
}

function activeUntilOf(body: unknown, now: EpochMs): EpochMs {
  const { activeUntil } = fieldsOf(body, ['activeUntil'])
  const until = activeUntil === null ? now : instantOf(activeUntil)
  const detail = activeUntilProblem(until, now)
  if (detail) throw invalid([{ pointer: '#/activeUntil', detail }])
  return until!
}

function instantOf(text: unknown): EpochMs | undefined {
  try {
    return typeof text === 'string' ? Temporal.Instant.from(text).epochMilliseconds : undefined
  } catch {
    return undefined
  }
}

import type { Catalogue } from '#contracts/catalogue.ts'
import { type Lane, lanes } from '#contracts/channel.ts'
import type { BatchId } from '#contracts/ids.ts'
import { type ResumePolicy, resumePolicies, type StopScope, stopScopes } from '#contracts/stop.ts'
import { listRefused, readBacklog, readDoubts } from '#ledger/backlog.ts'
import { readActs } from '#ledger/operator-log.ts'
import { listStops } from '#ledger/stops.ts'
import { type FastifyInstance, problem } from '#runtime/http.ts'
import type { Database } from '#runtime/postgres.ts'
import { name, uuidOf, why } from './input.ts'
import { notReadmitted, readmit } from './readmit-act.ts'
import { requeue } from './requeue-act.ts'
import { resume, stop, stopProblem } from './stop-acts.ts'

type Asking = { headers: { authorization?: string | undefined } }
export type OperatorsApiOptions = {
  db: Database
  catalogue: Catalogue
  /** Whose token may look or act. Throws 401 or 403; asked before the body is read. */
  operatorOf: (request: Asking, scope: 'observe' | 'operate' | 'approve') => Promise<{ name: string }>
  /** What paces each provider, and what waits for it. */
  paced: () => Promise<object>
}

const stopBody = {
  type: 'object',
  additionalProperties: false,
  required: ['scope', 'name', 'why'],
  properties: {
    scope: { enum: stopScopes },
    name,
    resume: { enum: resumePolicies },
    why,
  },
}
type StopRequest = { Body: { scope: StopScope; name: string; resume?: ResumePolicy; why: string } }

const requeueBody = {
  type: 'object',
  additionalProperties: false,
  required: ['why'],
  properties: {
    batch: uuidOf('7'),
    lane: { enum: lanes },
    why,
  },
}
type RequeueRequest = { Body: { batch?: string; lane?: Lane; why: string } }

const readmitSchema = {
  params: { type: 'object', properties: { lane: { enum: lanes }, message: name } },
  body: {
    type: 'object',
    additionalProperties: false,
    required: ['why'],
    properties: { why },
  },
}
type ReadmitRequest = { Params: { lane: Lane; message: string }; Body: { why: string } }

const stopsQuery = {
  type: 'object',
  additionalProperties: false,
  properties: { all: { enum: ['true', 'false'] } },
}

/**
 * What operators do, over HTTP: `POST`, `GET` and `DELETE /v1/operators/stops`, `GET /v1/operators/log`,
 * `backlog`, `providers`, `doubts` and `refused`, `POST /v1/operators/requeue` and `refused/LANE/MESSAGE/readmit`. The token's owner is
 * who acts. Every error is RFC 9457, with all problems of a body at once.
 */
export function operatorsApi(app: FastifyInstance, { db, catalogue, operatorOf, paced }: OperatorsApiOptions): void {
  const looks = { onRequest: async (request: Asking) => void (await operatorOf(request, 'observe')) }
  const acts = { onRequest: async (request: Asking) => void (await operatorOf(request, 'operate')) }

  app.post<StopRequest>('/v1/operators/stops', { ...acts, schema: { body: stopBody } }, async (request, reply) => {
    const { name: who } = await operatorOf(request, 'operate')
    const { scope, name, resume: policy = 'send', why } = request.body
    const wrong = stopProblem(scope, name, catalogue)
    if (wrong !== undefined) throw problem(422, { detail: wrong, errors: [{ detail: wrong, pointer: '#/name' }] })
    const id = await stop(db, { who, why }, { scope, name, resume: policy })
    reply.code(201).header('location', `/v1/operators/stops/${id}`)
    return { id, scope, name, resume: policy }
  })
  app.get<{ Querystring: { all?: 'true' | 'false' } }>(
    '/v1/operators/stops',
    { ...looks, schema: { querystring: stopsQuery } },
    async ({ query }) => ({ stops: await listStops(db, { all: query.all === 'true' }) }),
  )
  app.delete<{ Params: { id: string } }>('/v1/operators/stops/:id', acts, async (request, reply) => {
    const { name: who } = await operatorOf(request, 'operate')
    const { id } = request.params
    const ended = /^\d{1,18}$/.test(id) && (await resume(db, { who }, id))
    if (!ended) throw problem(404, { detail: 'no stop of this id is open' })
    return reply.code(204).send()
  })
  app.get('/v1/operators/backlog', looks, () => readBacklog(db))
  app.get('/v1/operators/providers', looks, paced)
  app.get('/v1/operators/doubts', looks, async () => ({ doubts: await readDoubts(db) }))
  app.get('/v1/operators/refused', looks, async () => ({ refused: await listRefused(db) }))
  app.post<ReadmitRequest>(
    '/v1/operators/refused/:lane/:message/readmit',
    { ...acts, schema: readmitSchema },
    async (request, reply) => {
      const { name: who } = await operatorOf(request, 'operate')
      const readmission = await readmit(db, { who, why: request.body.why }, request.params)
      const wrong = notReadmitted(readmission)
      if (wrong !== undefined) throw problem(readmission === 'not refused' ? 404 : 409, { detail: wrong })
      return reply.code(204).send()
    },
  )
  app.post<RequeueRequest>('/v1/operators/requeue', { ...acts, schema: { body: requeueBody } }, async request => {
    const { name: who } = await operatorOf(request, 'operate')
    const { batch, lane, why } = request.body
    if ((batch === undefined) === (lane === undefined)) throw problem(422, { detail: 'name either a batch or a lane' })
    return { deliveries: await requeue(db, { who, why }, lane ? { lane } : { batch: batch!.toLowerCase() as BatchId }) }
  })
  app.get('/v1/operators/log', looks, async () => ({ acts: await readActs(db, { limit: 1_000 }) }))
}

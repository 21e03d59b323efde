import type { IntentId } from '#contracts/ids.ts'
import { listBlasts, listQuarantines } from '#ledger/quarantine.ts'
import { type FastifyInstance, problem } from '#runtime/http.ts'
import type { Clock } from '#runtime/clock.ts'
import { actOnBlast, approveBlast } from './blast-acts.ts'
import { name, uuidOf, why } from './input.ts'
import type { OperatorsApiOptions } from './operators-api.ts'
import { act, approve, type NotDone, type QuarantineAct } from './quarantine-acts.ts'

const params = { type: 'object', properties: { intent: uuidOf() } }
const intentOf = ({ intent }: { intent: string }) => intent.toLowerCase() as IntentId
const bodyOf = (more: Record<string, object> = {}) => ({
  type: 'object',
  additionalProperties: false,
  required: ['why', ...Object.keys(more)],
  properties: { why, ...more },
})
type Request = { Params: { intent: string }; Body: { why: string; n: number } }

export type QuarantineApiOptions = Pick<OperatorsApiOptions, 'db' | 'operatorOf'> & {
  clock: Clock
  /** For more people than this a second person must agree. */
  approvalAbove: number
}

/**
 * `GET /v1/operators/quarantine`, and `POST /v1/operators/quarantine/INTENT/release`, `sample`, `discard` and `approve`;
 * without `INTENT` all that is held for its volume of the type and producer in the body, by release, discard and approve.
 * 409 where a second person must agree first.
 */
export function quarantineApi(app: FastifyInstance, options: QuarantineApiOptions): void {
  const { db, operatorOf } = options
  blastsApi(app, options)
  app.get('/v1/operators/quarantine', async request => {
    await operatorOf(request, 'observe')
    return { quarantines: await listQuarantines(db), blasts: await listBlasts(db) }
  })
  app.post<Request>(
    '/v1/operators/quarantine/:intent/approve',
    {
      onRequest: async request => void (await operatorOf(request, 'approve')),
      schema: { params, body: bodyOf() },
    },
    async (request, reply) => {
      const { name: who } = await operatorOf(request, 'approve')
      if (!(await approve(db, { who, why: request.body.why }, intentOf(request.params))))
        throw notDone('not in quarantine')
      return reply.code(204).send()
    },
  )
  for (const kind of ['release', 'discard', 'sample'] as const)
    app.post<Request>(
      `/v1/operators/quarantine/:intent/${kind}`,
      {
        onRequest: async request => void (await operatorOf(request, 'operate')),
        schema: {
          params,
          body: bodyOf(kind === 'sample' ? { n: { type: 'integer', minimum: 1, maximum: 1_000_000 } } : {}),
        },
      },
      async (request, reply) => {
        const { name: who } = await operatorOf(request, 'operate')
        const { n } = request.body
        const doing: QuarantineAct = kind === 'sample' ? { kind, n } : { kind }
        const failed = await act(
          db,
          { who, why: request.body.why },
          {
            intent: intentOf(request.params),
            act: doing,
            now: options.clock.now(),
            approvalAbove: options.approvalAbove,
          },
        )
        if (failed) throw notDone(failed)
        return reply.code(204).send()
      },
    )
}

type BlastRequest = { Body: { type: string; producer: string; why: string } }

function blastsApi(app: FastifyInstance, { db, operatorOf, clock, approvalAbove }: QuarantineApiOptions): void {
  for (const kind of ['release', 'discard', 'approve'] as const) {
    const scope = kind === 'approve' ? 'approve' : 'operate'
    app.post<BlastRequest>(
      `/v1/operators/quarantine/${kind}`,
      {
        onRequest: async request => void (await operatorOf(request, scope)),
        schema: { body: bodyOf({ type: name, producer: name }) },
      },
      async request => {
        const { name: who } = await operatorOf(request, scope)
        const { why, ...of } = request.body
        const by = { who, why }
        if (kind === 'approve') {
          const intents = await approveBlast(db, by, of)
          if (intents === 0) throw notDone('not in quarantine')
          return { intents }
        }
        const done = await actOnBlast(db, by, { of, act: kind, now: clock.now(), approvalAbove })
        if (typeof done === 'string') throw notDone(done)
        return done
      },
    )
  }
}

const notDone = (why: NotDone): Error =>
  why === 'not in quarantine'
    ? problem(404, { detail: 'nothing of this is in quarantine' })
    : problem(409, { detail: 'it is for so many people that somebody of another name must approve it first' })

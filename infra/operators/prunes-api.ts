import { type Provider, providers } from '#contracts/channel.ts'
import { type FastifyInstance, problem } from '#runtime/http.ts'
import { why } from './input.ts'
import type { OperatorsApiOptions } from './operators-api.ts'

type Act = { provider: Provider; app: string } & ({ act: 'release' | 'discard' } | { act: 'undo'; since: number })
export type PrunesApiOptions = Pick<OperatorsApiOptions, 'operatorOf'> & {
  list: () => Promise<readonly object[]>
  /** Gives how many endpoints it was about. */
  settle: (by: { who: string; why: string }, doing: Act) => Promise<number>
}

const acts = ['release', 'discard', 'undo'] as const
type Request = { Body: { provider: Provider; app?: string; since: string; why: string } }

/**
 * `GET /v1/operators/prunes`, and `POST /v1/operators/prunes/release`, `discard` and `undo` (with `since`) of a provider and
 * app: endpoints that were found dead, and those that the guard holds.
 */
export function prunesApi(app: FastifyInstance, { operatorOf, list, settle }: PrunesApiOptions): void {
  app.get('/v1/operators/prunes', async request => {
    await operatorOf(request, 'observe')
    return { prunes: await list() }
  })
  for (const act of acts)
    app.post<Request>(
      `/v1/operators/prunes/${act}`,
      {
        onRequest: async request => void (await operatorOf(request, 'operate')),
        schema: { body: bodyOf(act) },
      },
      async request => {
        const { name: who } = await operatorOf(request, 'operate')
        const { provider, app: named = '', since, why: said } = request.body
        const group = { provider, app: named }
        const doing = act === 'undo' ? { ...group, act, since: Date.parse(since) } : { ...group, act }
        const endpoints = await settle({ who, why: said }, doing)
        if (endpoints === 0) throw problem(404, { detail: 'there are no such endpoints of this provider and app' })
        return { endpoints }
      },
    )
}

const bodyOf = (act: (typeof acts)[number]) => ({
  type: 'object',
  additionalProperties: false,
  required: ['provider', 'why', ...(act === 'undo' ? ['since'] : [])],
  properties: {
    provider: { enum: Object.keys(providers) },
    app: { type: 'string', maxLength: 200, pattern: '^[^\\u0000-\\u001f]*$' },
    why,
    ...(act === 'undo' && { since: { type: 'string', format: 'date-time' } }),
  },
})

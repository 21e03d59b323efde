import type { Deed } from '#contracts/event.ts'
import { clientOf, createRequestLimit } from '#runtime/request-limit.ts'
import type { FastifyInstance } from '#runtime/http.ts'
import { receiptAttempt } from '../attempt-token.ts'
import { applyReceipts, type Receipt, type ReceiptDeps } from './apply-receipts.ts'

/** `secret`: what the tokens of pushes are signed with. */
export type DeviceReceipts = ReceiptDeps & { secret: string }

const receiptsMax = 100
const bodyBytesMax = 32 * 1024
const preflightS = '86400'
/** Thousands of phones may share the address of their carrier: only a flood is stopped. */
const clientRate = { perSecond: 100, burst: 1_000 }

/**
 * `POST /v1/receipts`: what a device says of pushes, up to 100 at once, each by the token that its push carried. The token
 * is all the right that it takes, so any origin may call it and no cookie or other token is looked at. Answers 200 with how
 * many were known; a token of nobody is counted and changes nothing, so that no device repeats it for ever. An address that floods is
 * answered 429; devices keep what they have to say.
 */
export function deviceReceiptsApi(app: FastifyInstance, deps: DeviceReceipts): void {
  const clients = createRequestLimit(clientRate, deps.clock)
  void app.register(async scope => {
    scope.addHook('onRequest', async (request, reply) => {
      reply.header('access-control-allow-origin', '*')
      clients.take(clientOf(request))
    })
    scope.options('/v1/receipts', async (_request, reply) =>
      reply
        .headers({
          'access-control-allow-methods': 'POST',
          'access-control-allow-headers': 'content-type',
          'access-control-max-age': preflightS,
        })
        .code(204)
        .send(),
    )
    scope.post<{ Body: Body }>('/v1/receipts', { bodyLimit: bodyBytesMax, schema: { body } }, async request => {
      const receipts = request.body.receipts.flatMap(said => receiptOf(said, deps) ?? [])
      const known = await applyReceipts(deps, receipts)
      return { known, unknown: request.body.receipts.length - known }
    })
  })
}

const deeds = { shown: 'seen', opened: 'opened', dismissed: 'dismissed', acted: 'acted' } as const satisfies Record<
  string,
  Deed
>
type Said = { token: string; event: keyof typeof deeds; at: string }
type Body = { receipts: Said[] }

const body = {
  type: 'object',
  required: ['receipts'],
  additionalProperties: false,
  properties: {
    receipts: {
      type: 'array',
      minItems: 1,
      maxItems: receiptsMax,
      items: {
        type: 'object',
        required: ['token', 'event', 'at'],
        additionalProperties: false,
        properties: {
          token: { type: 'string' },
          event: { enum: Object.keys(deeds) },
          at: { type: 'string', format: 'date-time' },
        },
      },
    },
  },
}

function receiptOf({ token, event, at }: Said, { secret, metrics }: DeviceReceipts): Receipt | undefined {
  const attempt = receiptAttempt(token, secret)
  const deed = deeds[event]
  if (attempt) return { attempt, deed, at: Date.parse(at) }
  metrics.count('receipts_total', { event: deed, result: 'unknown' })
  return undefined
}

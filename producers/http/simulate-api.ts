import type { AnyNotificationType } from '#contracts/catalogue.ts'
import type { EpochMs } from '#contracts/ids.ts'
import { type Intent, intentBytesMax } from '#contracts/intent.ts'
import type { createHttp } from '#runtime/http.ts'
import { systemClock } from '../sdk/clock.ts'
import { available, identify, type IntentsApi, read } from './intents-api.ts'

export type SimulateApi = Pick<IntentsApi, 'catalogue' | 'db' | 'clock'> & {
  /** What would be decided. Must change nothing, and name no address. */
  simulate: (supposed: { intent: Intent; entry: AnyNotificationType; now: EpochMs }) => Promise<object>
}

/**
 * POST /v1/intents/simulate: takes what POST /v1/intents takes, refuses what it refuses, and answers 200 with what would be
 * decided for each person and channel. Nothing is stored, nobody is told; a key that was used before may be given.
 */
export function simulateApi(app: ReturnType<typeof createHttp>, api: SimulateApi): void {
  const { catalogue, db, clock = systemClock, simulate } = api
  app.post('/v1/intents/simulate', { bodyLimit: intentBytesMax }, async ({ body, headers }) => {
    const by = await identify(db, headers)
    const { made } = await read({ body, header: headers['idempotency-key'] }, api, by)
    const { intent } = made
    return available(simulate({ intent, entry: catalogue.types.get(intent.type)!, now: clock.now() }))
  })
}

import type { Channel } from '#contracts/channel.ts'
import type { Why } from '#contracts/decision.ts'
import type { EpochMs } from '#contracts/ids.ts'
import { isUsed, stateAt } from './endpoint-state.ts'
import type { Endpoint, Person } from './preferences.ts'

export type Where = { endpoints: readonly Endpoint[]; why?: Why; outcome?: 'no_endpoint' | 'suppressed_address' }

/**
 * Where to, at an instant? The person's endpoints that may be used for a channel, what is suspect last; when there is none,
 * why. Pure.
 */
export function whereTo(person: Person, channel: Channel, at: EpochMs): Where {
  const endpoints: Endpoint[] = []
  const suspects: Endpoint[] = []
  let suppressed = false
  for (const endpoint of person.endpoints) {
    if (endpoint.channel !== channel) continue
    if (isUsed(endpoint, at)) (endpoint.state === 'suspect' ? suspects : endpoints).push(endpoint)
    else if (stateAt(endpoint, at) === 'suppressed') suppressed = true
  }
  endpoints.push(...suspects)
  if (endpoints.length > 0) return { endpoints }
  if (suppressed)
    return { endpoints, why: { rule: 'endpoint_suppressed', value: channel }, outcome: 'suppressed_address' }
  return { endpoints, why: { rule: 'no_endpoint', value: channel }, outcome: 'no_endpoint' }
}

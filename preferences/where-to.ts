import type { Channel } from '#contracts/channel.ts'
import type { Why } from '#contracts/decision.ts'
import type { Endpoint, Person } from './preferences.ts'

export type Where = { endpoints: readonly Endpoint[]; why?: Why; outcome?: 'no_endpoint' | 'suppressed_address' }

/** Where to? The person's endpoints that may be used for a channel; when there is none, why. Pure. */
export function whereTo(person: Person, channel: Channel): Where {
  const endpoints: Endpoint[] = []
  let suppressed = false
  for (const endpoint of person.endpoints) {
    if (endpoint.channel !== channel) continue
    if (endpoint.state === 'active') endpoints.push(endpoint)
    else if (endpoint.state === 'suppressed') suppressed = true
  }
  if (endpoints.length > 0) return { endpoints }
  if (suppressed)
    return { endpoints, why: { rule: 'endpoint_suppressed', value: channel }, outcome: 'suppressed_address' }
  return { endpoints, why: { rule: 'no_endpoint', value: channel }, outcome: 'no_endpoint' }
}

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
  return { endpoints, why: noEndpoint(person, channel), outcome: 'no_endpoint' }
}

/** That a channel has no address of the person, and since when: the day on which the last that died was dropped. */
export function noEndpoint(person: Person, channel: Channel): Why {
  const dropped = person.endpoints.flatMap(one =>
    one.channel === channel && one.state === 'dead' ? (one.stateSince ?? []) : [],
  )
  if (dropped.length === 0) return { rule: 'no_endpoint', value: channel }
  const day = new Date(Math.max(...dropped)).toISOString().slice(0, 10)
  return { rule: 'no_endpoint', value: `${channel}: its ${addressWords[channel]} was dropped on ${day}` }
}

const addressWords: Record<Channel, string> = {
  ...{ push: 'token', sms: 'number', email: 'mailbox', in_app: 'inbox' },
}

import type { Channel } from '#contracts/channel.ts'
import type { EpochMs } from '#contracts/ids.ts'
import { addressHash } from './address.ts'
import type { Word } from './endpoint-state.ts'
import type { Endpoint } from './preferences.ts'

/**
 * What was learned about the address that an endpoint had; `at` is when it was so. `taken back`: the suppression of that
 * very reason is, where nothing was said later.
 */
export type Mark = {
  recipient: string
  endpoint: string
  channel: Channel
  address: string
  state: 'dead' | 'suspect' | 'alive' | 'suppressed' | 'taken back'
  reason: string
  at: EpochMs
  /**
   * The registration (`since`) that it is about, where that was read: of a later one nothing was learned, whatever the
   * clocks say. Absent: of every one before `of`, else before `at`.
   */
  registered?: EpochMs
  of?: EpochMs
}
/** The same, where only the hash of the address was kept. */
export type HashedMark = Omit<Mark, 'address'> & { hash: string }
/** What endpoints are marked with: who has the address is told what was taken back by what stands of it. */
export type EndpointMark = HashedMark & { state: Exclude<Mark['state'], 'taken back'> }

/** Whether a mark is of the address that an endpoint has, and of its last registration; a suppression is of every one. */
export function isAbout(mark: HashedMark, endpoint: Endpoint, addressKey: string): boolean {
  if (mark.endpoint !== endpoint.id || mark.hash !== addressHash(addressKey, endpoint)) return false
  if (mark.state === 'suppressed' || mark.state === 'alive') return true
  return mark.registered === undefined ? endpoint.since < (mark.of ?? mark.at) : endpoint.since === mark.registered
}

/** What it says of the endpoint. */
export const wordOf = ({ state: kind, at, reason: why }: EndpointMark): Word =>
  kind === 'alive' ? { kind, at } : { kind, at, why }

import type { EpochMs } from '#contracts/ids.ts'
import type { Endpoint } from './preferences.ts'

/**
 * What is said of an endpoint, and when it was so. `since` of the endpoint is when it was last registered: what is said of
 * a time before that counts for nothing, but for a suppression, which is of the address.
 */
export type Word =
  /** It does not exist any more. */
  | { kind: 'dead'; at: EpochMs; why: string }
  /** Nothing arrives there lately. */
  | { kind: 'suspect'; at: EpochMs; why: string }
  /** Something has arrived there. */
  | { kind: 'alive'; at: EpochMs }
  /** Must not be used, for good or `until`. */
  | { kind: 'suppressed'; at: EpochMs; why: string; until?: EpochMs }
  /** May be used again. */
  | { kind: 'lifted'; at: EpochMs }

/**
 * What a word makes of an endpoint; the same endpoint where it changes nothing. Pure. `active → suspect → dead`, and back to
 * active by something that arrived later, or by registering it again (`registration.ts`); from any of them to `suppressed`.
 */
export function endpointAfter(endpoint: Endpoint, word: Word): Endpoint {
  const { state } = endpoint
  switch (word.kind) {
    case 'dead':
      return state === 'active' || state === 'suspect' ? became(endpoint, 'dead', word) : endpoint
    case 'suspect':
      return state === 'active' ? became(endpoint, 'suspect', word) : endpoint
    case 'alive':
      return isDown(endpoint) && word.at > (endpoint.stateSince ?? 0) ? revived(endpoint) : endpoint
    case 'suppressed':
      return outlasts(word.until, endpoint) ? became(endpoint, 'suppressed', word) : endpoint
    case 'lifted':
      return state === 'suppressed' ? revived(endpoint) : endpoint
    default:
      return word satisfies never
  }
}

/** The state as it is at an instant: a suppression ends by itself. */
export const stateAt = ({ state, until }: Endpoint, at: EpochMs): Endpoint['state'] =>
  state === 'suppressed' && until !== undefined && until <= at ? 'active' : state

/** Whether it is sent to: what is suspect is, and shown as that. */
export function isUsed(endpoint: Endpoint, at: EpochMs): boolean {
  const state = stateAt(endpoint, at)
  return state === 'active' || state === 'suspect'
}

const isDown = ({ state }: Endpoint): boolean => state === 'suspect' || state === 'dead'

/** For good is longer than any time. */
const outlasts = (until: EpochMs | undefined, endpoint: Endpoint): boolean =>
  endpoint.state !== 'suppressed' || (until ?? Infinity) > (endpoint.until ?? Infinity)

function became(endpoint: Endpoint, state: Endpoint['state'], word: Exclude<Word, { kind: 'alive' | 'lifted' }>) {
  const until = word.kind === 'suppressed' ? word.until : undefined
  return { ...revived(endpoint), state, stateSince: word.at, why: word.why, ...(until !== undefined && { until }) }
}

function revived({ stateSince: _since, why: _why, until: _until, ...rest }: Endpoint): Endpoint {
  return { ...rest, state: 'active' }
}

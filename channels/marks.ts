import type { EpochMs } from '#contracts/ids.ts'
import type { Answer } from '#contracts/outcome.ts'
import type { Endpoint, Mark, Tripped } from '#preferences/preferences.ts'
import type { Log } from '#runtime/log.ts'
import type { OutMessage } from './provider.ts'

/**
 * What answers taught about endpoints, and since when it is so: as the provider says, else as of `claimedAt`, when the
 * addresses were read.
 */
export function marksOf(messages: readonly OutMessage[], answers: readonly Answer[], claimedAt: EpochMs): Mark[] {
  return messages.flatMap(({ recipient, endpoint }, place): Mark[] => {
    const answer = answers[place]!
    const { id, channel, address } = endpoint
    const whose = { recipient, endpoint: id, channel, address }
    if (answer.kind === 'suppress') return [{ ...whose, state: 'suppressed', reason: answer.reason, at: claimedAt }]
    return answer.kind === 'addressDead' ? deadMark({ recipient, endpoint }, answer, claimedAt) : []
  })
}

/** Of the registration whose address was used, unless the provider says that it was so before that: then of none. */
export function deadMark(
  { recipient, endpoint }: { recipient: string; endpoint: Endpoint },
  { reason, asOf }: { reason: string; asOf?: number },
  at: EpochMs,
): Mark[] {
  const { id, channel, address, since } = endpoint
  if (asOf !== undefined && asOf <= since) return []
  const when = { at: asOf ?? at, registered: since }
  return [{ ...{ recipient, endpoint: id, channel, address }, state: 'dead', reason, ...when }]
}

/** Says which prune guards have tripped: too many at once is a fault of ours rather than dead devices. */
export function tellTripped(tripped: readonly Tripped[], log: Log): void {
  for (const { provider, app, ...one } of tripped)
    log.error(
      { provider, ...(app !== '' && { app }), ...one },
      'too many endpoints are said to be dead at once, and are kept alive: is it the right project and environment? ' +
        'See `carillon prunes list`, then `carillon prunes release` or `discard`',
    )
}

import type { EpochMs } from '#contracts/ids.ts'
import type { Answer } from '#contracts/outcome.ts'
import type { Mark } from '#preferences/preferences.ts'
import type { OutMessage } from './provider.ts'

/**
 * What answers taught about endpoints, and since when it is so: as the provider says, else as of `claimedAt`, when the
 * addresses were read.
 */
export function marksOf(
  messages: readonly OutMessage[],
  answers: readonly (Answer | undefined)[],
  claimedAt: EpochMs,
): Mark[] {
  return messages.flatMap(({ recipient, endpoint }, place): Mark[] => {
    const answer = answers[place]
    const { id, channel, address } = endpoint
    const whose = { recipient, endpoint: id, channel, address }
    if (answer?.kind === 'suppress') return [{ ...whose, state: 'suppressed', reason: answer.reason, at: claimedAt }]
    if (answer?.kind !== 'addressDead') return []
    return [{ ...whose, state: 'dead', reason: answer.reason, at: answer.asOf ?? claimedAt }]
  })
}

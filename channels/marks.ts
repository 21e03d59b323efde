import type { EpochMs } from '#contracts/ids.ts'
import type { Answer } from '#contracts/outcome.ts'
import type { OutMessage } from './provider.ts'

export type Mark = { recipient: string; endpoint: string; state: 'dead' | 'suppressed'; reason: string; at: EpochMs }

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
    if (answer?.kind === 'suppress')
      return [{ recipient, endpoint: endpoint.id, state: 'suppressed', reason: answer.reason, at: claimedAt }]
    if (answer?.kind !== 'addressDead') return []
    return [{ recipient, endpoint: endpoint.id, state: 'dead', reason: answer.reason, at: answer.asOf ?? claimedAt }]
  })
}

import type { Answer } from '#contracts/outcome.ts'

/** So many suspect tokens in one call, and none accepted, are a wrong key, project or environment, not dead devices. */
const suspectsMax = 10

/**
 * Keeps a fault of ours from ending devices. `suspects`: reasons that a wrong configuration gives as well. `unproved`:
 * reasons that may mean the message; they end a device only where the call accepted another.
 */
export function guardTokens(
  answers: Answer[],
  { suspects, unproved }: { suspects: readonly string[]; unproved: readonly string[] },
): Answer[] {
  if (answers.some(({ kind }) => kind === 'accepted')) return answers
  const mass = answers.filter(answer => isDead(answer, suspects)).length >= suspectsMax
  return answers.map((answer): Answer => {
    if (mass && isDead(answer, suspects)) return { kind: 'config', reason: 'many tokens refused, none accepted' }
    if (isDead(answer, unproved)) return { kind: 'messageDead', reason: 'refused, and no other token accepted' }
    return answer
  })
}

const isDead = (answer: Answer, reasons: readonly string[]): boolean =>
  answer.kind === 'addressDead' && reasons.includes(answer.reason)

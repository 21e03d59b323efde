import type { ChannelDecision, Question } from '../decide.ts'

/** A dry run looks at the windows and digests as they stand, and leaves them as they are. */
export const onCopies = (question: Question): Question => ({
  ...question,
  windows: structuredClone(question.windows),
  digests: structuredClone(question.digests),
})

/** Of a dry run nothing is sent and nothing waits: what would have been says so, everything else ends as it would. */
export function dryRun({ intent }: Question, decisions: ChannelDecision[]): ChannelDecision[] {
  if (!intent.dryRun) return decisions
  return decisions.map(({ channel, verdict }): ChannelDecision => {
    if (verdict.kind === 'refused') return { channel, verdict, endpoints: [] }
    const value = verdict.kind === 'held' ? verdict.reason : 'deliver'
    return {
      channel,
      verdict: { kind: 'refused', outcome: 'dry_run', why: { rule: 'dry_run', value } },
      endpoints: [],
    }
  })
}

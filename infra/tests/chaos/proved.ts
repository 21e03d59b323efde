import assert from 'node:assert/strict'
import { type ChaosReport, points } from './run-chaos.ts'

const sentencesMax = 10

/** What every run must show, and its numbers on the terminal. A run that fails says by which checks, with the evidence. */
export function assertProved(report: ChaosReport): void {
  const { hits, published, verdict, audit, doubts, dossier } = report
  const { used, bound } = verdict.duplicates
  console.log(`kills ${JSON.stringify(hits)}`)
  console.log(
    `${published} intents, ${verdict.deliveries} deliveries, ${verdict.accepted} accepted, ${doubts} in doubt at the end`,
  )
  console.log(
    `duplicates ${used} of at most ${bound} in flight when workers or Postgres were stopped; outcomes ${JSON.stringify(audit.outcomes)}`,
  )
  const problems = [...invalid(report), ...breaches(report)]
  if (problems.length > 0) assert.fail([...problems, ...dossier].join('\n'))
}

/** Why a run proves nothing. */
function invalid({ hits, verdict, audit }: ChaosReport): string[] {
  const often = ['sent', 'delivered', 'deduplicated', 'throttled', 'suppressed_preference'] as const
  return [
    ...Object.keys(points)
      .filter(point => hits[point] === 0)
      .map(point => `nobody was killed ${point}`),
    ...often.filter(outcome => !audit.outcomes[outcome]).map(outcome => `nothing ended ${outcome}`),
    ...(verdict.duplicates.bound === 0 ? ['nothing was in flight when workers or Postgres were stopped'] : []),
  ].map(reason => `the run is invalid: ${reason}`)
}

function breaches({ left, fallen, verdict, audit }: ChaosReport): string[] {
  const some = (name: string, sentences: readonly string[]) =>
    sentences.length === 0 ? [] : [`${name} (${sentences.length}):`, ...sentences.slice(0, sentencesMax)]
  return [
    ...(Object.keys(left).length > 0 ? [`still on its way when the time was over: ${JSON.stringify(left)}`] : []),
    ...some('fallen', fallen),
    ...Object.entries(verdict.broken).flatMap(([name, sentences]) => some(name, sentences)),
    ...some(
      'audit',
      audit.problems.map(problem => JSON.stringify(problem)),
    ),
  ]
}

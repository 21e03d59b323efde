import { problem } from '#runtime/http-problem.ts'
import { isOutage, isTimeLimit } from '#runtime/postgres.ts'

/** For an answer that takes longer than it may. `instead`: what to do then. */
export const tookTooLong = (instead = 'ask for a shorter time') =>
  problem(503, { detail: `the answer took too long: ${instead}` })

/** Throws what a question was rejected with: 503 where it took longer than it may, or waited too long for others. */
export function tooLong(error: unknown, instead?: string): never {
  if (isTimeLimit(error)) throw tookTooLong(instead)
  if (isOutage(error))
    throw problem(503, { detail: 'too much is asked, or the database is away: try again in a moment' })
  throw error
}

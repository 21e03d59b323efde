import { problem } from '#runtime/http-problem.ts'
import { isOutage, isTimeLimit } from '#runtime/postgres.ts'

/** For an answer that takes longer than it may. */
export const tookTooLong = () => problem(503, { detail: 'the answer took too long: ask for a shorter time' })

/** Throws what a question was rejected with: 503 where it took longer than it may, or waited too long for others. */
export function tooLong(error: unknown): never {
  if (isTimeLimit(error)) throw tookTooLong()
  if (isOutage(error))
    throw problem(503, { detail: 'too much is asked, or the database is away: try again in a moment' })
  throw error
}

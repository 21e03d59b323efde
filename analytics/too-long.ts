import { problem } from '#runtime/http-problem.ts'
import { isOutage, isTimeLimit } from '#runtime/postgres.ts'

/** Throws what a question was rejected with: 503 where it took longer than it may, or waited too long for others. */
export function tooLong(error: unknown): never {
  if (isTimeLimit(error)) throw problem(503, { detail: 'the answer took too long: ask for a shorter time' })
  if (isOutage(error))
    throw problem(503, { detail: 'too much is asked, or the database is away: try again in a moment' })
  throw error
}

import { problem } from '#runtime/http-problem.ts'
import { isTimeLimit } from '#runtime/postgres.ts'

/** Throws what a question was rejected with: 503 where it took longer than it may. */
export function tooLong(error: unknown): never {
  if (isTimeLimit(error)) throw problem(503, { detail: 'the answer took too long: ask for a shorter time' })
  throw error
}

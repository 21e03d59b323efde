/** Something did not happen in the time it was given. Whether it still happens later is not known. */
export class DeadlineError extends Error {
  override name = 'DeadlineError'
  readonly code = 'deadline'
}

/**
 * Waits for `work`, at most `ms` milliseconds; then rejects with a `DeadlineError` that names `what`.
 * The work itself is not stopped: what it does later is ignored, its late rejection included.
 */
export async function withDeadline<T>(work: Promise<T>, limit: { ms: number; what: string }): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new DeadlineError(`${limit.what} took longer than ${limit.ms} ms`)), limit.ms)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}

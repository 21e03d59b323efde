import { AsyncLocalStorage } from 'node:async_hooks'
import { DeadlineError, withDeadline } from '#runtime/deadline.ts'

const deadlines = new AsyncLocalStorage<number>()

/**
 * Waits for a call, at most `ms` milliseconds, as `withDeadline` does. A request that a library makes for it learns by
 * `callLeftMs`, however deep, when it is to end: what nobody waits for any more must not be taken after its lease.
 */
export const callWithin = <T>({ ms, what }: { ms: number; what: string }, call: () => Promise<T>): Promise<T> =>
  withDeadline(
    // A turn later, so that the call's own end comes before that of its requests.
    deadlines.run(performance.now() + ms, () => Promise.resolve().then(call)),
    { ms, what },
  )

/** How long a request may take that is made for the call of now, at least 1 ms. */
export function callLeftMs(): number {
  const deadline = deadlines.getStore()
  if (deadline === undefined) throw new Error('a request was made for no call')
  return Math.max(1, deadline - performance.now())
}

/** A library's own limit ends a request this much later than its call, which says first that it is in doubt. */
export const graceMs = 50

/** What ends a request at the end of its call. */
export const callIsOver = (): Error => new DeadlineError('the call is over')

import { withDeadline } from './deadline.ts'
import type { Log } from './log.ts'

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
export type StopSignal = (typeof signals)[number]

/**
 * Resolves with the first signal to stop. A second one ends the process at once, with the exit code that shells use
 * for it (128 + its number), whatever is still under way: everything here survives that.
 */
export async function untilSignal(): Promise<StopSignal> {
  const { promise, resolve } = Promise.withResolvers<StopSignal>()
  const numbers = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 }
  let stopping = false
  const onSignal = (signal: NodeJS.Signals) => {
    if (stopping) process.exit(128 + numbers[signal as StopSignal])
    stopping = true
    resolve(signal as StopSignal)
  }
  for (const signal of signals) process.on(signal, onSignal)
  return promise
}

/** Something that is closed in its turn. */
export type Part = { name: string; close(): Promise<unknown> }

/**
 * Closes parts one after the other, each in at most `limitMs`. One that fails or takes too long is logged and does not
 * keep the next ones from closing: what it left open is open to whoever starts next.
 */
export async function drain(parts: readonly Part[], { limitMs, log }: { limitMs: number; log: Log }): Promise<void> {
  for (const part of parts)
    await withDeadline(
      Promise.try(() => part.close()),
      { ms: limitMs, what: `closing ${part.name}` },
    ).catch((error: unknown) => log.warn({ name: part.name, error }, 'a part did not close as it should'))
}

/**
 * Ends the process on an error that nobody caught, with a line in the log: Node would print the whole error, and some
 * client libraries keep keys and addresses in theirs.
 */
export function exitOnCrash(log: Log): void {
  const crash = (error: unknown) => {
    log.error({ error }, 'an error that nobody caught ends the process')
    process.exit(1)
  }
  process.on('uncaughtException', crash)
  process.on('unhandledRejection', crash)
}

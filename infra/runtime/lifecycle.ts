import { constants, setPriority } from 'node:os'
import type { Lane } from '#contracts/channel.ts'
import type { Log } from './log.ts'

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
export type StopSignal = (typeof signals)[number]

/** Draining takes as long as the slowest provider call (FCM's client tries for 82 s); after this something hangs. */
const stopLimitMs = 120_000
const numbers = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const

/**
 * Resolves with the first signal to stop; the loss of the process that started this one over IPC counts as SIGTERM. A second one ends the process at once, with the exit code that shells use
 * for it (128 + its number), whatever is still under way: everything here survives that. So does a process that has
 * not ended by itself `limitMs` after the first, with exit code 1.
 */
export async function untilSignal({ limitMs = stopLimitMs } = {}): Promise<StopSignal> {
  const { promise, resolve } = Promise.withResolvers<StopSignal>()
  let stopping = false
  const onSignal = (signal: StopSignal) => {
    if (stopping) process.exit(128 + numbers[signal])
    stopping = true
    setTimeout(() => process.exit(1), limitMs).unref()
    resolve(signal)
  }
  for (const signal of signals) process.on(signal, () => onSignal(signal))
  // The starter holds the other end: killed by force, it could not pass a signal on.
  process.once('disconnect', () => stopping || onSignal('SIGTERM'))
  process.channel?.unref()
  return promise
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

/**
 * Tells the operating system what the lanes mean: a process of bulk alone runs when no other wants to. Beside others on one
 * machine a backlog then leaves the critical lane its pace.
 */
export function yieldToUrgent(lanes: readonly Lane[]): void {
  if (lanes.every(lane => lane === 'bulk')) setPriority(constants.priority.PRIORITY_LOW)
}

import type { EpochMs } from '#contracts/ids.ts'

/** Where `occurredAt` comes from when the caller does not say. */
export type Clock = { now(): EpochMs }

/** The wall clock; the only place of the SDK that reads it. */
export const systemClock: Clock = { now: () => Date.now() }

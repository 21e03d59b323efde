/** Why what is to be sent waits for its time, each with what a person is told. */
export const waitReasons = {
  retry: 'it is tried again',
  pause: 'its provider asked for a pause',
  circuit: 'calls of its provider fail or are refused, and only probes go out',
  rate: 'its provider takes no more in this time',
  retry_budget: 'too much is being tried again in its lane',
  stopped: 'an operator stopped it',
  worker: 'no worker that asked for it can send it',
  route: 'it goes by another account',
} as const
export type WaitReason = keyof typeof waitReasons
/** So long, and why. */
export type Wait = { waitMs: number; reason: WaitReason }

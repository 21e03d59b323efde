import type { Channel, Lane } from '#contracts/channel.ts'

export type DeliveryLimits = {
  /** How long a claim keeps other workers away. */
  leaseMs: number
  /** No request to a provider is begun later than this after the claim (law 4, T_claim), but for what a vendor's library begins by itself. */
  startWithinMs: number
  /** What has no answer so long after its call began is in doubt. With `startWithinMs` it ends within the lease. */
  callMs: number
}

/** The limits of one batch on its way through a worker. */
export function limitsOf({ lane, channel }: { lane: Lane; channel: Channel }): DeliveryLimits {
  const limits = lane === 'critical' ? critical : standard
  return channel === 'push' ? { ...limits, ...push } : limits
}

const critical: DeliveryLimits = { leaseMs: 10_000, startWithinMs: 5_000, callMs: 4_000 }
const standard: DeliveryLimits = { leaseMs: 30_000, startWithinMs: 10_000, callMs: 15_000 }
// firebase-admin cannot be stopped: it may POST a message for about 82 s after it was asked to. Google wants callers to
// wait for at least 10 s (https://firebase.google.com/docs/cloud-messaging/scale-fcm).
const push: Pick<DeliveryLimits, 'leaseMs' | 'callMs'> = { leaseMs: 90_000, callMs: 15_000 }

/** Provider calls that a delivery may cost. */
export const triesMax = 6
/** Back-off between tries: a random part of base × 2ⁿ, never more than the cap. */
export const backoff = { criticalBaseMs: 2_000, baseMs: 30_000, capMs: 600_000 }
/** How long a doubt waits for its receipt before it is sent again. Channels without receipts do not wait. */
export const receiptWaitMs: { readonly [C in Channel]?: number } = { sms: 60_000, email: 600_000 }
/** What meets a fault of configuration is held this long, or as long as it has waited already, up to the maximum. */
export const configHold = { minMs: 60_000, maxMs: 600_000 }
/** A batch that this worker cannot serve (newer type, provider not configured) is offered again after this time. */
export const notOursMs = 15_000
/** What may not be tried again yet is asked about at most this often. */
const retryWaitMinMs = 1_000
/** What ends before it has waited so long is asked about again in the time that it has. */
export const inItsTime = (waitMs: number, leftMs: number): number =>
  Math.min(waitMs, Math.max(retryWaitMinMs, leftMs / 2))
const comeBackMaxMs: Record<Lane, number> = { critical: 2_000, default: 6_000, bulk: 12_000 }
/** When what meets an open circuit, or found no turn in its call, comes back. `random`: from 0 to 1. */
export const comeBackMs = (lane: Lane, random: number): number => (comeBackMaxMs[lane] / 2) * (1 + random)
/** What an operator has stopped is asked about again after this time. */
export const stoppedMs = 15_000
/** Between two attempts to record while the database is away. */
export const recordPauseMs = 500
/** A route that asked for a pause of so long is one that others may stand in for; after `rampMs` they take all of what waits for it. */
export const failover = { pauseMinMs: 30_000, rampMs: { critical: 5_000, default: 30_000, bulk: 60_000 } }

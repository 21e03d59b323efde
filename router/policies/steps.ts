import { durationMs, type Step } from '#contracts/catalogue.ts'
import type { HoldReason, Verdict } from '#contracts/decision.ts'
import { type Engaged, stopOf } from '#contracts/engagement.ts'
import type { EpochMs } from '#contracts/ids.ts'

/** Who stays active elsewhere for so long has no use for it any more. */
const heldActiveMax = '1h'

/** A later step waits its time. Undefined: it goes now. */
export function waiting(step: Step | undefined, at: EpochMs): Verdict | undefined {
  if (step?.after === undefined) return undefined
  const until = at + durationMs(step.after)
  return { kind: 'held', reason: 'escalation', until, why: { rule: 'escalation', value: isoOf(until) } }
}

/** A later step that what is known makes unnecessary. */
export function stopped(step: Step | undefined, engaged: Engaged): Verdict | undefined {
  const value = stopOf(step, engaged)
  return value && { kind: 'refused', outcome: 'escalation_stopped', why: { rule: 'escalation_stopped', value } }
}

/**
 * Waits while the person is active elsewhere, at most an hour from the first time on and never past its expiry.
 * Undefined: the step does not ask, or the person is not active.
 */
export function whileActive(
  step: Step | undefined,
  asked: {
    at: EpochMs
    activeUntil: EpochMs
    intent: { expiresAt?: EpochMs }
    released?: { reason: HoldReason; heldSince?: EpochMs }
  },
): { verdict: Verdict; heldSince?: EpochMs } | undefined {
  const { at, activeUntil, intent, released } = asked
  if (step?.unless !== 'active' || activeUntil <= at) return undefined
  const heldSince = (released?.reason === 'presence' ? released.heldSince : undefined) ?? at
  const last = heldSince + durationMs(heldActiveMax)
  if (at >= last) {
    const why = { rule: 'stayed_active', value: heldActiveMax } as const
    return { verdict: { kind: 'refused', outcome: 'suppressed_active', why } }
  }
  const until = Math.min(activeUntil, last, intent.expiresAt ?? Infinity)
  const why = { rule: 'active', value: isoOf(activeUntil) } as const
  return { verdict: { kind: 'held', reason: 'presence', until, why }, heldSince }
}

const isoOf = (at: EpochMs): string => new Date(at).toISOString()

/** Messages that a lane may send to a provider once more. Pure: time is an argument, in milliseconds of any one clock. */
export type RetryBudget = { tokens: number; at: number }

/** Each first try allows a tenth of another; where there is little traffic one a second is allowed as well. */
export const retries = { share: 0.1, perSecond: 1, tokensMax: 1_000, tokensFirst: 10 }

export const newRetryBudget = (now: number): RetryBudget => ({ tokens: retries.tokensFirst, at: now })

export const afterFirstTries = (budget: RetryBudget, n: number): RetryBudget => ({
  ...budget,
  tokens: Math.min(retries.tokensMax, budget.tokens + n * retries.share),
})

/** What may be tried again now; below 1: nothing, and so much is owed. */
export const retriesLeft = ({ tokens, at }: RetryBudget, now: number): number =>
  Math.min(retries.tokensMax, tokens + (Math.max(0, now - at) * retries.perSecond) / 1000)

/**
 * Takes `n` retries together as soon as there is one token, and owes the others: a batch is not taken apart. `waitMs`:
 * there is none yet, and by time alone there is one then.
 */
export function takeRetries(budget: RetryBudget, n: number, now: number): { budget: RetryBudget; waitMs?: number } {
  const tokens = retriesLeft(budget, now)
  if (tokens < 1) return { budget: { tokens, at: now }, waitMs: ((1 - tokens) * 1000) / retries.perSecond }
  return { budget: { tokens: tokens - n, at: now } }
}

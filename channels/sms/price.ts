import type { Answer } from '#contracts/outcome.ts'
import type { Metrics } from '#runtime/metrics.ts'
import type { OutMessage } from '../provider.ts'

/** What a segment costs by the beginning of the number (`+49`), in one currency. None is known unless it is configured. */
export type SmsPrices = { currency: string; perSegment: Readonly<Record<string, number>> }

/** Of a segment to a number, by the longest beginning that has a price; undefined where none has. */
export function segmentPrice({ perSegment }: SmsPrices, number: string): number | undefined {
  for (let end = number.length; end > 0; end--) {
    const price = perSegment[number.slice(0, end)]
    if (price !== undefined) return price
  }
  return undefined
}

type Sent = { messages: readonly OutMessage[]; costs: readonly number[]; answers: readonly Answer[] }

/** Counts the segments of what was accepted, and what they cost where their price is known. */
export function countSegments(
  sent: Sent,
  { metrics, smsPrices }: { metrics: Metrics; smsPrices?: SmsPrices | undefined },
) {
  for (const [at, { kind }] of sent.answers.entries()) {
    if (kind !== 'accepted') continue
    const segments = sent.costs[at]!
    const price = smsPrices && segmentPrice(smsPrices, sent.messages[at]!.endpoint.address)
    metrics.count('sms_segments_total', { priced: price === undefined ? 'no' : 'yes' }, segments)
    if (price !== undefined) metrics.count('sms_cost_total', { currency: smsPrices!.currency }, segments * price)
  }
}

/**
 * The limits of Google Cloud Pub/Sub (https://cloud.google.com/pubsub/quotas#resource_limits), kept here so that what
 * works against the local server also works in production, and the few of the local server itself.
 */
export const limits = {
  publishRequestBytes: 10_000_000,
  publishRequestMessages: 1_000,
  messageAttributes: 100,
  attributeKeyBytes: 256,
  attributeValueBytes: 1_024,
  orderingKeyBytes: 1_024,
  filterBytes: 256,
  ackDeadlineMinSeconds: 10,
  ackDeadlineMaxSeconds: 600,
  ackRequestBytes: 524_288,
  pullMessages: 1_000,
  listPageSize: 1_000,
  listPageSizeDefault: 100,
  backoffMaxSeconds: 600,
  backoffMinDefaultSeconds: 10,
  retentionMinSeconds: 600,
  retentionMaxSeconds: 31 * 86_400,
  retentionDefaultSeconds: 7 * 86_400,
  deadLetterAttemptsMin: 5,
  deadLetterAttemptsMax: 100,
  resourceLabels: 64,
  /** Local: a pull that finds nothing answers with nothing after this long. */
  pullWaitMs: 10_000,
  /** Local: how much one streaming or unary pull response carries, at least one message. */
  responseBytes: 1_048_576,
  /** Local: responses handed to a stream's connection and not yet taken by it. */
  streamWritesPending: 2,
  /** Local: deadlines and back-offs are looked at this often, so they are late by at most this. */
  sweepMs: 50,
  /** Local: unacknowledged messages live in memory; above this much, publishing is refused with RESOURCE_EXHAUSTED. */
  backlogBytes: 2 * 1_073_741_824,
  /** Local: what a message costs in memory besides its body, as counted into the backlog. */
  messageOverheadBytes: 400,
  /** Local: a journal file is closed and the next begun at this size. */
  segmentBytes: 16 * 1_048_576,
  /** Local: acknowledged data that may lie in the journal before it is cleaned, or as much as is alive if that is more. */
  journalWasteBytes: 32 * 1_048_576,
  /** Local: how long shutting down waits for calls under way. */
  shutdownMs: 2_000,
} as const

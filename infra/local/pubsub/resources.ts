import { compileFilter } from './filter.ts'
import { limits } from './limits.ts'
import { checkName } from './names.ts'
import { invalid, unimplemented } from './refusal.ts'

export type Duration = { seconds: number; nanos: number }
export type RetryPolicy = { minimumBackoff: Duration | null; maximumBackoff: Duration | null }
export type DeadLetterPolicy = { deadLetterTopic: string; maxDeliveryAttempts: number }

/** A topic as `google.pubsub.v1.Topic` has it, as far as the local server keeps it. */
export type TopicSettings = {
  name: string
  labels: Record<string, string>
  messageRetentionDuration: Duration | null
  state: 'ACTIVE'
}

/** A subscription as `google.pubsub.v1.Subscription` has it, as far as the local server keeps it. */
export type SubscriptionSettings = {
  name: string
  topic: string
  ackDeadlineSeconds: number
  messageRetentionDuration: Duration
  labels: Record<string, string>
  enableMessageOrdering: boolean
  expirationPolicy: { ttl: Duration | null } | null
  filter: string
  deadLetterPolicy: DeadLetterPolicy | null
  retryPolicy: RetryPolicy | null
  detached: boolean
  state: 'ACTIVE'
}

/** What a client sends: the fields above and those that only the real service knows. */
export type TopicRequest = Partial<TopicSettings> & { name: string } & Record<string, unknown>
export type SubscriptionRequest = Partial<SubscriptionSettings> & { name: string } & Record<string, unknown>

/**
 * The settings of a topic from a request, checked. Retention is kept and shown, not acted on.
 * Throws INVALID_ARGUMENT, or UNIMPLEMENTED for what would silently not happen here.
 */
export function topicSettings(request: TopicRequest): TopicSettings {
  checkName(request.name, 'topics')
  refuseUnsupported(request, unsupportedTopicFields)
  checkLabels(request.labels)
  if (request.messageRetentionDuration) checkRetention(request.messageRetentionDuration)
  return {
    name: request.name,
    labels: request.labels ?? {},
    messageRetentionDuration: request.messageRetentionDuration ?? null,
    state: 'ACTIVE',
  }
}

/**
 * The settings of a subscription from a request, checked and with the defaults of the service filled in. Retention and
 * expiration are kept and shown, not acted on. Throws INVALID_ARGUMENT, or UNIMPLEMENTED for what would silently not happen here.
 */
export function subscriptionSettings(request: SubscriptionRequest): SubscriptionSettings {
  checkName(request.name, 'subscriptions')
  refuseUnsupported(request, unsupportedSubscriptionFields)
  checkLabels(request.labels)
  const ackDeadlineSeconds = request.ackDeadlineSeconds || limits.ackDeadlineMinSeconds
  checkAckDeadline(ackDeadlineSeconds)
  const messageRetentionDuration = request.messageRetentionDuration ?? seconds(limits.retentionDefaultSeconds)
  checkRetention(messageRetentionDuration)
  compileFilter(request.filter ?? '')
  return {
    name: request.name,
    topic: request.topic ?? '',
    ackDeadlineSeconds,
    messageRetentionDuration,
    labels: request.labels ?? {},
    enableMessageOrdering: request.enableMessageOrdering ?? false,
    expirationPolicy: request.expirationPolicy ?? { ttl: seconds(limits.retentionMaxSeconds) },
    filter: request.filter ?? '',
    deadLetterPolicy: request.deadLetterPolicy ? checkedDeadLetter(request.deadLetterPolicy) : null,
    retryPolicy: request.retryPolicy ? checkedRetry(request.retryPolicy) : null,
    detached: request.detached ?? false,
    state: 'ACTIVE',
  }
}

/** Refuses a deadline outside of 10 to 600 seconds. */
export function checkAckDeadline(deadlineSeconds: number): void {
  const { ackDeadlineMinSeconds: least, ackDeadlineMaxSeconds: most } = limits
  if (deadlineSeconds >= least && deadlineSeconds <= most) return
  throw invalid(`An ack deadline must be ${least} to ${most} seconds, not ${deadlineSeconds}.`)
}

/** A duration in milliseconds; 0 for none. */
export function milliseconds(duration: Duration | null): number {
  return duration ? duration.seconds * 1_000 + duration.nanos / 1_000_000 : 0
}

const unsupportedTopicFields: Record<string, string> = {
  kmsKeyName: 'customer-managed encryption keys (kms_key_name)',
  schemaSettings: 'schemas (schema_settings)',
  ingestionDataSourceSettings: 'ingestion from other systems (ingestion_data_source_settings)',
  messageStoragePolicy: 'storage regions (message_storage_policy)',
  messageTransforms: 'message transforms (message_transforms)',
  tags: 'resource tags (tags)',
}

const unsupportedSubscriptionFields: Record<string, string> = {
  pushConfig: 'push subscriptions (push_config)',
  bigqueryConfig: 'BigQuery subscriptions (bigquery_config)',
  cloudStorageConfig: 'Cloud Storage subscriptions (cloud_storage_config)',
  bigtableConfig: 'Bigtable subscriptions (bigtable_config)',
  enableExactlyOnceDelivery: 'exactly-once delivery (enable_exactly_once_delivery)',
  retainAckedMessages: 'retention of acknowledged messages (retain_acked_messages)',
  messageTransforms: 'message transforms (message_transforms)',
  tags: 'resource tags (tags)',
}

/** The fields that an update may name; those not supported among them are refused for what they are. */
export const changeableTopicFields = ['labels', 'messageRetentionDuration', ...Object.keys(unsupportedTopicFields)]
export const changeableSubscriptionFields = [
  'ackDeadlineSeconds',
  'messageRetentionDuration',
  'labels',
  'expirationPolicy',
  'deadLetterPolicy',
  'retryPolicy',
  ...Object.keys(unsupportedSubscriptionFields),
]

function refuseUnsupported(request: Record<string, unknown>, unsupported: Record<string, string>): void {
  for (const [name, feature] of Object.entries(unsupported)) if (isSet(request[name])) throw unimplemented(feature)
}

// An empty push_config or storage policy is how a client says "none".
function isSet(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.values(value).some(isSet)
  return Boolean(value)
}

function checkLabels(labels: Record<string, string> | undefined): void {
  if (Object.keys(labels ?? {}).length > limits.resourceLabels) {
    throw invalid(`A resource has more than ${limits.resourceLabels} labels.`)
  }
}

function checkRetention(retention: Duration): void {
  const { retentionMinSeconds: least, retentionMaxSeconds: most } = limits
  if (retention.seconds >= least && retention.seconds <= most) return
  throw invalid(`message_retention_duration must be ${least} to ${most} seconds, not ${retention.seconds}.`)
}

function checkedDeadLetter(policy: DeadLetterPolicy): DeadLetterPolicy {
  checkName(policy.deadLetterTopic, 'topics')
  const { deadLetterAttemptsMin: least, deadLetterAttemptsMax: most } = limits
  const maxDeliveryAttempts = policy.maxDeliveryAttempts || least
  if (maxDeliveryAttempts >= least && maxDeliveryAttempts <= most) {
    return { deadLetterTopic: policy.deadLetterTopic, maxDeliveryAttempts }
  }
  throw invalid(`max_delivery_attempts must be ${least} to ${most}, not ${maxDeliveryAttempts}.`)
}

function checkedRetry(policy: RetryPolicy): RetryPolicy {
  const minimumBackoff = policy.minimumBackoff ?? seconds(limits.backoffMinDefaultSeconds)
  const maximumBackoff = policy.maximumBackoff ?? seconds(limits.backoffMaxSeconds)
  const mostMs = limits.backoffMaxSeconds * 1_000
  const [shortestMs, longestMs] = [milliseconds(minimumBackoff), milliseconds(maximumBackoff)]
  if (shortestMs >= 0 && shortestMs <= longestMs && longestMs <= mostMs) return { minimumBackoff, maximumBackoff }
  throw invalid(
    `The retry policy's back-offs must be 0 to ${limits.backoffMaxSeconds} seconds and minimum_backoff no longer than maximum_backoff.`,
  )
}

function seconds(count: number): Duration {
  return { seconds: count, nanos: 0 }
}

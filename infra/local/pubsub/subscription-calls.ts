import { status } from '@grpc/grpc-js'
import type { Broker, Config } from './broker.ts'
import type { FieldMask } from './field-mask.ts'
import { applyFieldMask } from './field-mask.ts'
import { modifyDeadline } from './leases.ts'
import { limits } from './limits.ts'
import { checkName, checkProject, projectOf } from './names.ts'
import type { PageRequest } from './paging.ts'
import { pageOf } from './paging.ts'
import { invalid, notFound, refusal, unimplemented } from './refusal.ts'
import type { SubscriptionRequest, SubscriptionSettings } from './resources.ts'
import { changeableSubscriptionFields, subscriptionSettings } from './resources.ts'
import { findTopic } from './topic-calls.ts'

/** The calls of `google.pubsub.v1.Subscriber`, but for pulling. */
export function subscriptionCalls(broker: Broker) {
  return {
    CreateSubscription: (request: SubscriptionRequest) => createSubscription(broker, request),
    GetSubscription: ({ subscription }: Named) => findSubscription(broker.config, subscription).settings,
    UpdateSubscription: (request: UpdateRequest) => updateSubscription(broker, request),
    ListSubscriptions: (request: PageRequest & { project: string }) => listSubscriptions(broker.config, request),
    DeleteSubscription: ({ subscription }: Named) => deleteSubscription(broker, subscription),
    Acknowledge: async ({ subscription, ackIds }: Named & { ackIds: string[] }) => {
      if (ackIds.length === 0) throw invalid('An acknowledgement must have at least one ack id.')
      await broker.acknowledge(broker.subscription(subscription), ackIds)
      return {}
    },
    ModifyAckDeadline: ({ subscription, ackIds, ackDeadlineSeconds }: ModifyRequest) => {
      checkDeadline(ackDeadlineSeconds)
      if (ackIds.length === 0) throw invalid('A change of ack deadlines must have at least one ack id.')
      modifyDeadline(broker.subscription(subscription), ackIds, ackDeadlineSeconds)
      return {}
    },
    ...unimplementedCalls,
  }
}

/** Refuses a deadline that no lease may be given: it is 0 (give back) to 600 seconds. */
export function checkDeadline(seconds: number): void {
  if (seconds >= 0 && seconds <= limits.ackDeadlineMaxSeconds) return
  throw invalid(`An ack deadline must be 0 to ${limits.ackDeadlineMaxSeconds} seconds, not ${seconds}.`)
}

type Named = { subscription: string }
type UpdateRequest = { subscription: SubscriptionRequest | null; updateMask: FieldMask }
type ModifyRequest = Named & { ackIds: string[]; ackDeadlineSeconds: number }

const snapshots = refuseAlways('snapshots')
const unimplementedCalls = {
  ModifyPushConfig: refuseAlways('push subscriptions'),
  GetSnapshot: snapshots,
  ListSnapshots: snapshots,
  CreateSnapshot: snapshots,
  UpdateSnapshot: snapshots,
  DeleteSnapshot: snapshots,
  Seek: refuseAlways('seeking to a time or snapshot'),
}

function refuseAlways(feature: string): () => never {
  return () => {
    throw unimplemented(feature)
  }
}

function createSubscription(broker: Broker, request: SubscriptionRequest): Promise<SubscriptionSettings> {
  const settings = subscriptionSettings({ ...request, detached: false })
  return broker.change(config => {
    if (config.subscriptions[settings.name]) {
      throw refusal(status.ALREADY_EXISTS, `Resource already exists in the project (resource=${settings.name}).`)
    }
    findTopic(config, settings.topic)
    if (settings.deadLetterPolicy) findTopic(config, settings.deadLetterPolicy.deadLetterTopic)
    const id = config.lastSubscriptionId + 1
    const subscriptions = { ...config.subscriptions, [settings.name]: { id, settings } }
    return { config: { ...config, lastSubscriptionId: id, subscriptions }, result: settings }
  })
}

function updateSubscription(broker: Broker, request: UpdateRequest): Promise<SubscriptionSettings> {
  const { subscription: wanted, updateMask } = request
  if (!wanted) throw invalid('An update must have a subscription.')
  return broker.change(config => {
    const { id, settings: current } = findSubscription(config, wanted.name)
    const updated = applyFieldMask(current, wanted, { mask: updateMask, allowed: changeableSubscriptionFields })
    const settings = subscriptionSettings(updated)
    if (settings.deadLetterPolicy) findTopic(config, settings.deadLetterPolicy.deadLetterTopic)
    const subscriptions = { ...config.subscriptions, [settings.name]: { id, settings } }
    return { config: { ...config, subscriptions }, result: settings }
  })
}

function listSubscriptions(config: Config, request: PageRequest & { project: string }) {
  checkProject(request.project)
  const inProject = Object.keys(config.subscriptions).filter(name => projectOf(name) === request.project)
  const { names, nextPageToken } = pageOf(inProject, request)
  return { subscriptions: names.map(name => config.subscriptions[name]!.settings), nextPageToken }
}

function deleteSubscription(broker: Broker, name: string): Promise<object> {
  return broker.change(config => {
    findSubscription(config, name)
    const { [name]: _deleted, ...subscriptions } = config.subscriptions
    return { config: { ...config, subscriptions }, result: {} }
  })
}

function findSubscription(config: Config, name: string): Config['subscriptions'][string] {
  checkName(name, 'subscriptions')
  const found = config.subscriptions[name]
  if (!found) throw notFound(name)
  return found
}

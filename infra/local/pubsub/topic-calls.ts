import { status } from '@grpc/grpc-js'
import type { Broker, Config } from './broker.ts'
import type { FieldMask } from './field-mask.ts'
import { applyFieldMask } from './field-mask.ts'
import { checkName, checkProject, deletedTopic, projectOf } from './names.ts'
import type { PageRequest } from './paging.ts'
import { pageOf } from './paging.ts'
import { invalid, notFound, refusal, unimplemented } from './refusal.ts'
import type { TopicRequest, TopicSettings } from './resources.ts'
import { changeableTopicFields, topicSettings } from './resources.ts'

/** The calls of `google.pubsub.v1.Publisher`. */
export function topicCalls(broker: Broker) {
  return {
    CreateTopic: (request: TopicRequest) => createTopic(broker, request),
    UpdateTopic: (request: UpdateTopicRequest) => updateTopic(broker, request),
    GetTopic: ({ topic }: { topic: string }) => findTopic(broker.config, topic),
    ListTopics: (request: PageRequest & { project: string }) => listTopics(broker.config, request),
    ListTopicSubscriptions: (request: PageRequest & { topic: string }) =>
      listTopicSubscriptions(broker.config, request),
    ListTopicSnapshots: () => {
      throw unimplemented('snapshots')
    },
    DeleteTopic: ({ topic }: { topic: string }) => deleteTopic(broker, topic),
    DetachSubscription: ({ subscription }: { subscription: string }) => detachSubscription(broker, subscription),
    Publish: async ({ topic, messages }: { topic: string; messages: Buffer[] }) => {
      checkName(topic, 'topics')
      return { messageIds: await broker.publish(topic, messages) }
    },
  }
}

/** The named topic; throws INVALID_ARGUMENT for what is no name, NOT_FOUND. */
export function findTopic(config: Config, name: string): TopicSettings {
  checkName(name, 'topics')
  const topic = config.topics[name]
  if (!topic) throw notFound(name)
  return topic
}

type UpdateTopicRequest = { topic: TopicRequest | null; updateMask: FieldMask }

function createTopic(broker: Broker, request: TopicRequest): Promise<TopicSettings> {
  const topic = topicSettings(request)
  return broker.change(config => {
    if (config.topics[topic.name]) {
      throw refusal(status.ALREADY_EXISTS, `Resource already exists in the project (resource=${topic.name}).`)
    }
    return { config: { ...config, topics: { ...config.topics, [topic.name]: topic } }, result: topic }
  })
}

function updateTopic(broker: Broker, { topic: wanted, updateMask }: UpdateTopicRequest): Promise<TopicSettings> {
  if (!wanted) throw invalid('An update must have a topic.')
  return broker.change(config => {
    const current = findTopic(config, wanted.name)
    const topic = topicSettings(applyFieldMask(current, wanted, { mask: updateMask, allowed: changeableTopicFields }))
    return { config: { ...config, topics: { ...config.topics, [topic.name]: topic } }, result: topic }
  })
}

function listTopics(config: Config, request: PageRequest & { project: string }) {
  checkProject(request.project)
  const inProject = Object.keys(config.topics).filter(name => projectOf(name) === request.project)
  const { names, nextPageToken } = pageOf(inProject, request)
  return { topics: names.map(name => config.topics[name]!), nextPageToken }
}

function listTopicSubscriptions(config: Config, request: PageRequest & { topic: string }) {
  findTopic(config, request.topic)
  const attached = Object.values(config.subscriptions).filter(
    ({ settings }) => settings.topic === request.topic && !settings.detached,
  )
  const { names, nextPageToken } = pageOf(
    attached.map(({ settings }) => settings.name),
    request,
  )
  return { subscriptions: names, nextPageToken }
}

// Its subscriptions keep what they have and get nothing any more, even if a topic of this name is created again.
function deleteTopic(broker: Broker, name: string): Promise<object> {
  return broker.change(config => {
    findTopic(config, name)
    const { [name]: _deleted, ...topics } = config.topics
    const subscriptions = { ...config.subscriptions }
    for (const [key, { id, settings }] of Object.entries(subscriptions)) {
      if (settings.topic === name) subscriptions[key] = { id, settings: { ...settings, topic: deletedTopic } }
    }
    return { config: { ...config, topics, subscriptions }, result: {} }
  })
}

function detachSubscription(broker: Broker, name: string): Promise<object> {
  checkName(name, 'subscriptions')
  return broker.change(config => {
    const found = config.subscriptions[name]
    if (!found) throw notFound(name)
    const detached = { ...found, settings: { ...found.settings, detached: true } }
    return { config: { ...config, subscriptions: { ...config.subscriptions, [name]: detached } }, result: {} }
  })
}

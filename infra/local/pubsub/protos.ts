import { createRequire } from 'node:module'
import { fromJSON } from '@grpc/proto-loader'
import type { ServiceDefinition } from '@grpc/grpc-js'

const serviceNames = ['Publisher', 'Subscriber', 'SchemaService'] as const

/** The services of Google Cloud Pub/Sub. */
export type ServiceName = (typeof serviceNames)[number]

/**
 * The gRPC services as the client library's own protos define them, with one difference that the wire does not show:
 * where the protos have a `PubsubMessage`, requests and responses have its encoded bytes, so messages pass undecoded.
 */
export const loadServices = (): Services => (services ??= readServices())

type Services = Record<ServiceName, ServiceDefinition>
/** To read them takes longer than all else of a server's start. */
let services: Services | undefined

function readServices(): Services {
  const protos = structuredClone(createRequire(import.meta.url)(protosPath) as ProtoJson)
  const types = protos.nested.google.nested.pubsub.nested.v1.nested
  types.PublishRequest.fields.messages.type = 'bytes'
  types.ReceivedMessage.fields.message.type = 'bytes'
  const definitions = fromJSON(protos, { longs: Number, defaults: true })
  const named = serviceNames.map(name => [name, definitions[`google.pubsub.v1.${name}`]])
  return Object.fromEntries(named) as Services
}

const protosPath = '@google-cloud/pubsub/build/protos/protos.json'

type Nested<T> = { nested: T }
type Message<T extends string> = { fields: Record<T, { type: string; id: number }> }
type ProtoJson = Nested<{
  google: Nested<{
    pubsub: Nested<{ v1: Nested<{ PublishRequest: Message<'messages'>; ReceivedMessage: Message<'message'> }> }>
  }>
}>

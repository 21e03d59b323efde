import type { ServerUnaryCall, ServiceDefinition, UntypedHandleCall, sendUnaryData } from '@grpc/grpc-js'
import { Server, ServerCredentials } from '@grpc/grpc-js'
import { Broker } from './broker.ts'
import { lockFolder } from '../folder-lock.ts'
import { limits } from './limits.ts'
import { loadServices } from './protos.ts'
import type { PullRequest, PullResponse, StreamingPullCall } from './pulls.ts'
import { pullOnce, streamPull } from './pulls.ts'
import { toStatus, unimplemented } from './refusal.ts'
import { subscriptionCalls } from './subscription-calls.ts'
import { topicCalls } from './topic-calls.ts'

/** A running server; disposing it ends all streams, finishes what is being written and lets the folder go. */
export type PubSubServer = AsyncDisposable & { address: string; port: number }

/**
 * Starts a Google Cloud Pub/Sub server for one machine: the real gRPC API on loopback, for the unmodified client
 * libraries (`PUBSUB_EMULATOR_HOST=address`). Port 0, the default, takes any free one.
 *
 * Durable: a publish is answered when it is on disk in `dataDir`, and what was not acknowledged is delivered again after
 * a restart or `kill -9`. Unacknowledged messages are held in memory, up to 2 GiB; beyond, publishing is refused.
 * What it does not implement (README.md) is refused with UNIMPLEMENTED.
 *
 * Throws when another server uses `dataDir`, its journal is damaged, or the port is taken.
 */
export async function startPubSubServer(options: { dataDir: string; port?: number }): Promise<PubSubServer> {
  await using started = new AsyncDisposableStack()
  started.use(await lockFolder(options.dataDir, 'Pub/Sub server'))
  const broker = started.use(await Broker.open(options.dataDir))
  const server = new Server({
    // Above the limit of a publish request, so that one beyond is refused with the reason.
    'grpc.max_receive_message_length': limits.publishRequestBytes * 2,
    'grpc.max_send_message_length': -1,
  })
  const services = loadServices()
  server.addService(services.Publisher, unaryCalls(services.Publisher, topicCalls(broker)))
  server.addService(services.Subscriber, {
    ...unaryCalls(services.Subscriber, subscriptionCalls(broker)),
    Pull: unary((_request, call: ServerUnaryCall<PullRequest, PullResponse>) => pullOnce(broker, call)),
    StreamingPull: (call: StreamingPullCall) => streamPull(broker, call),
  })
  server.addService(services.SchemaService, unaryCalls(services.SchemaService, {}))
  started.defer(() => shutDown(server, broker))
  const port = await bind(server, options.port ?? 0)
  const running = started.move()
  return { address: `127.0.0.1:${port}`, port, [Symbol.asyncDispose]: () => running.disposeAsync() }
}

// Each call has a request of its own, which the protos have given its shape.
type Calls = Record<string, (request: never) => unknown>

function unaryCalls(service: ServiceDefinition, calls: Calls): Record<string, UntypedHandleCall> {
  return Object.fromEntries(
    Object.keys(service).map(name => {
      const answer = calls[name]
      if (answer) return [name, unary(answer)]
      const refuse = (): never => {
        throw unimplemented(`the call ${name}`)
      }
      return [name, unary(refuse)]
    }),
  )
}

function unary<Request, Response>(
  answer: (request: Request, call: ServerUnaryCall<Request, Response>) => unknown,
): UntypedHandleCall {
  return (call: ServerUnaryCall<Request, Response>, respond: sendUnaryData<unknown>) => {
    Promise.try(answer, call.request, call).then(
      response => respond(null, response),
      (error: unknown) => respond(toStatus(error)),
    )
  }
}

async function bind(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, bound) => {
      if (error) reject(new Error(`The local Pub/Sub server cannot listen on port ${port}: ${error.message}`))
      else resolve(bound)
    })
  })
}

async function shutDown(server: Server, broker: Broker): Promise<void> {
  broker.endStreams()
  const { promise: ended, resolve } = Promise.withResolvers<void>()
  server.tryShutdown(() => resolve())
  const impatience = setTimeout(() => server.forceShutdown(), limits.shutdownMs)
  await ended
  clearTimeout(impatience)
}

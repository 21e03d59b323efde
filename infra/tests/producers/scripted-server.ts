import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData, type status } from '@grpc/grpc-js'
import { loadServices } from '#local/pubsub/protos.ts'
import { orderingKeyOf } from '#local/pubsub/message.ts'

export type ScriptedServer = AsyncDisposable & {
  address: string
  /** What came, in order of arrival. */
  requests: PublishRequest[]
  mostAtOnce(): number
}
/** `messages` are encoded as they were sent; `until` is when the caller stops waiting for the answer. */
export type PublishRequest = { orderingKey: string; messages: Buffer[]; until: number }

type PublishCall = ServerUnaryCall<{ messages: Buffer[] }, { messageIds: string[] }>

/** Answers publish requests, each after 50 ms as `answer` says: with a status, with success (undefined), or never. */
export async function scriptedServer(
  answer: (nth: number, request: PublishRequest) => status | undefined | 'never',
): Promise<ScriptedServer> {
  const requests: PublishRequest[] = []
  let atOnce = 0
  let mostAtOnce = 0
  const server = new Server({ 'grpc.max_receive_message_length': -1 })
  server.addService(loadServices().Publisher, {
    Publish: (call: PublishCall, respond: sendUnaryData<{ messageIds: string[] }>) => {
      const { messages } = call.request
      const request = { orderingKey: orderingKeyOf(messages[0]!), messages, until: Number(call.getDeadline()) }
      const nth = requests.push(request) - 1
      mostAtOnce = Math.max(mostAtOnce, ++atOnce)
      // Long enough for a second request to be seen beside it.
      setTimeout(() => {
        atOnce--
        const code = answer(nth, request)
        if (code === 'never') return
        if (code === undefined) respond(null, { messageIds: messages.map((_, at) => `${nth}-${at}`) })
        else respond({ code, details: 'as the script says' })
      }, 50)
    },
  })
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    )
  })
  return {
    address: `127.0.0.1:${port}`,
    requests,
    mostAtOnce: () => mostAtOnce,
    async [Symbol.asyncDispose]() {
      server.forceShutdown()
    },
  }
}

import path from 'node:path'
import { type LocalCredentials, localCredentials } from './credentials.ts'
import { type EmbeddedPostgres, startPostgres } from './postgres.ts'
import { startPubSubServer } from './pubsub/server.ts'
import { redirectGoogleApis } from './redirect.ts'
import { type Simulators, startSimulators } from './simulators/server.ts'
import { makeStackDatabase } from './stack-database.ts'

/** Which parts of one machine's stack are wanted; a part that is configured to a real service is not started. */
export type StackOptions = {
  dataDir: string
  postgres: boolean
  pubsub: boolean
  simulators: boolean
  onPart: (part: { name: string; address: string }) => void
}

/** The parts that run here. Disposing stops all of them; data stays in the data folder. */
export type Stack = AsyncDisposable & {
  postgres?: EmbeddedPostgres
  databaseUrl?: string
  pubsubAddress?: string
  simulators?: Simulators
  credentials?: LocalCredentials
}

/** Starts everything on one machine from npm alone: PostgreSQL, Pub/Sub, and simulators of the providers. */
export async function startStack(options: StackOptions): Promise<Stack> {
  const { dataDir, onPart } = options
  await using opened = new AsyncDisposableStack()
  const stack: Partial<Stack> = {}
  if (options.postgres) {
    stack.postgres = opened.use(await startPostgres({ dataDir: path.join(dataDir, 'postgres') }))
    stack.databaseUrl = await makeStackDatabase(stack.postgres.url)
    onPart({ name: `PostgreSQL ${stack.postgres.version}`, address: new URL(stack.databaseUrl).host })
  }
  if (options.pubsub) {
    const pubsub = opened.use(await startPubSubServer({ dataDir: path.join(dataDir, 'pubsub') }))
    stack.pubsubAddress = pubsub.address
    onPart({ name: 'Pub/Sub', address: pubsub.address })
  }
  if (options.simulators) {
    stack.credentials = await localCredentials(path.join(dataDir, 'credentials'))
    stack.simulators = opened.use(
      await startSimulators({ credentials: stack.credentials, logFile: path.join(dataDir, 'simulators.ndjson') }),
    )
    const { google, apns, sendgrid, twilio, webpush, control } = stack.simulators.ports
    opened.defer(redirectGoogleApis({ port: google, caFile: stack.credentials.caFile }))
    for (const [name, port] of Object.entries({
      FCM: google,
      APNs: apns,
      'web push': webpush,
      SendGrid: sendgrid,
      Twilio: twilio,
    }))
      onPart({ name: `${name} simulator`, address: `127.0.0.1:${port}` })
    onPart({ name: 'their control', address: `127.0.0.1:${control}` })
  }
  const running = opened.move()
  return { ...stack, [Symbol.asyncDispose]: () => running.disposeAsync() }
}

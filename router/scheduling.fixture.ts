import { type AnyNotificationType, catalogueOf } from '#contracts/catalogue.ts'
import { eventsTopicOf } from '#contracts/messages.ts'
import { startPubSubServer } from '#local/pubsub/server.ts'
import { systemClock } from '#runtime/clock.ts'
import { createLog } from '#runtime/log.ts'
import { openPubSub } from '#runtime/pubsub.ts'
import { openQueues } from '#runtime/queues.ts'
import { temporaryFolder } from '#tests/temporary-folder.ts'
import { emptyLedger } from './routing.fixture.ts'

/** An empty ledger, queues, and all that a scheduler needs beside. */
export async function schedulerParts(types: readonly AnyNotificationType[]) {
  await using opened = new AsyncDisposableStack()
  const { db, url } = opened.use(await emptyLedger())
  const folder = opened.use(await temporaryFolder())
  const server = opened.use(await startPubSubServer({ dataDir: folder.path }))
  const pubsub = opened.use(openPubSub({ projectId: 'carillon-test', emulator: server.address }))
  const prefix = 'scheduled'
  await pubsub.ensureTopic(eventsTopicOf(prefix))
  const queues = opened.use(await openQueues({ postgresUrl: url, prefix, onError: () => {} }))
  const log = createLog({ role: 'test', write: () => {} })
  const parts = { db, pubsub, queues, catalogue: catalogueOf('1', types), clock: systemClock, log, prefix }
  const running = opened.move()
  return { db, queues, parts, [Symbol.asyncDispose]: () => running.disposeAsync() }
}

// A sink that stores one set and is killed before its first ack. Takes the database's URL, the Pub/Sub address, the prefix.
import { startSink } from '#analytics/collect.ts'
import { systemClock } from '#runtime/clock.ts'
import { createLog } from '#runtime/log.ts'
import { createMetrics } from '#runtime/metrics.ts'
import { openPostgres } from '#runtime/postgres.ts'
import { openPubSub, type PubSubPort } from '#runtime/pubsub.ts'

const [url, emulator, prefix] = process.argv.slice(2)
const pubsub = openPubSub({ projectId: 'carillon', emulator: emulator! })
const deadly: PubSubPort = {
  ...pubsub,
  subscribe: (name, options, onMessage) =>
    pubsub.subscribe(name, options, message =>
      onMessage({ ...message, ack: () => void process.kill(process.pid, 'SIGKILL') }),
    ),
}
const db = await openPostgres({ url: url!, connectionsMax: 2, name: 'doomed' })
const log = createLog({ role: 'sink' })
await startSink({ pubsub: deadly, db, clock: systemClock, log, metrics: createMetrics(), prefix: prefix! })

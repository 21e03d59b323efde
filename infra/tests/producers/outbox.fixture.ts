// An outbox relay that stops for ever between publishing and deleting, for a test that kills it there. Arguments: database
// URL, address of the Pub/Sub server, prefix of the topics. Prints `published` when it is there.
import { relayOutbox } from '#producers/outbox/relay.ts'
import { openPublisher } from '#producers/sdk/publisher.ts'
import { openPostgres } from '#runtime/postgres.ts'

const [url = '', emulator = '', prefix = ''] = process.argv.slice(2)
const db = await openPostgres({ url, connectionsMax: 1, name: 'test' })
const publisher = openPublisher({ projectId: 'carillon-test', emulator, prefix })
await relayOutbox({
  db,
  lane: 'default',
  publisher: {
    publish: async message => {
      await publisher.publish(message)
      process.stdout.write('published\n')
      await new Promise(() => {})
    },
  },
})

// A router process of its own: on `start` four loops route their parts of the intents, set by set, and it says `done`.
import { catalogueOf } from '#contracts/catalogue.ts'
import { openPostgres } from '#runtime/postgres.ts'
import { intentOf, typeOf } from '#router/routing.fixture.ts'
import { encodeIntent } from '#contracts/intent.ts'
import { route } from '#router/route.ts'

export type Share = { url: string; from: number; count: number; at: number }
export const type = typeOf('comment.created', { deliver: [{ channel: 'push' }], digest: { every: '10m' } })

const loops = 4
const setSize = 25

process.on('message', (share: Share) => void work(share))
process.on('disconnect', () => process.exit(0))

async function work({ url, from, count, at }: Share): Promise<void> {
  await using db = await openPostgres({ url, connectionsMax: loops, name: 'test' })
  const catalogue = catalogueOf('1', [type])
  const to = [{ kind: 'recipient' as const, id: 'u1' }]
  const loop = async (start: number) => {
    for (let n = start; n < from + count; n += loops * setSize) {
      const messages = Array.from({ length: Math.min(setSize, from + count - n) }, (_, place) => {
        const occurredAt = at + ((n + place) % 1000)
        const intent = intentOf({ type: type.type, key: `digest-${n + place}`, to, occurredAt, data: { n: n + place } })
        const data = Buffer.from(encodeIntent(intent))
        return { id: intent.id, data, publishedAt: at, ack: () => {} }
      })
      await route(messages, {
        ...{ db, addressKey: 'a key for tests', lane: 'default', catalogue, clock: { now: () => at + 1000 } },
        ...{ trustEventTime: false, enqueue: async () => {} },
      })
    }
  }
  await Promise.all(Array.from({ length: loops }, (_, n) => loop(from + n * setSize)))
  process.send!('done')
}

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { inboxProvider } from '#channels/in-app/inbox.ts'
import { createWorld } from '#channels/world.fixture.ts'
import { catalogueOf, type TemplateInput } from '#contracts/catalogue.ts'
import { type EpochMs, type IntentId, intentId } from '#contracts/ids.ts'
import { outcomeName } from '#contracts/outcome.ts'
import { audit } from '#ledger/audit.ts'
import { placeTombstone, supersede } from '#ledger/retractions.ts'
import { changeChoices } from '#preferences/choice-store.ts'
import { advanceWatermark } from '#preferences/watermark-store.ts'
import { releaseDigests } from '#router/release-digests.ts'
import { intentOf, routeAt, typeOf } from '#router/routing.fixture.ts'
import type { Database } from '#runtime/postgres.ts'

const minute = 60_000
const names = ({ data, digest }: TemplateInput<unknown>) => {
  const told = digest ? digest.items.map(item => item.data) : [data]
  return { title: `${digest?.count ?? 1}: ${told.map(one => (one as { n: number }).n).join(' ')}`, body: '' }
}
const templates = { en: { in_app: names } }
const shared = { every: '10m', into: 'summary', channels: ['in_app'] } as const
const alone = { every: '10m', channels: ['in_app'] } as const
const types = [
  typeOf('post.liked', { digest: shared, templates }),
  typeOf('task.done', { digest: shared, templates, category: 'work' }),
  typeOf('post.read', { digest: alone, templates }),
]
const options = { digests: [{ name: 'summary', templates }] }

/** One that waits in a digest, and what may happen between the telling of it and the claim of what is told. */
const member = fc.record({
  type: fc.constantFrom('post.liked', 'task.done', 'post.read'),
  thread: fc.constantFrom(undefined, 'a', 'b'),
  room: fc.constantFrom(undefined, 'r'),
  reason: fc.constantFrom(undefined, 'mention', 'participating'),
  expires: fc.boolean(),
})
const place = fc.nat({ max: 9 })
const event = fc.oneof(
  fc.record({ kind: fc.constantFrom('retract' as const, 'supersede' as const), place }),
  fc.record({ kind: fc.constant('read' as const), thread: fc.constantFrom(undefined, 'a', 'b'), place }),
  fc.record({ kind: fc.constant('opt-out' as const), category: fc.constantFrom('social', 'work') }),
  fc.record({ kind: fc.constant('mute' as const), thread: fc.constantFrom('a', 'b') }),
  fc.record({ kind: fc.constant('level' as const), level: fc.constantFrom('mentions' as const, 'none' as const) }),
  fc.constant({ kind: 'time' as const }),
)
type Member = { type: string; thread?: string; room?: string; reason?: string; expires: boolean }
type Event = typeof event extends fc.Arbitrary<infer E> ? E : never

/** What is left of the members, by as few words as will do. `place` is also when it happened. */
const isLeft = ({ type, thread, room, reason, expires }: Member, at: number, events: readonly Event[]): boolean =>
  !events.some(one => {
    switch (one.kind) {
      case 'retract':
      case 'supersede':
        return one.place === at
      case 'read':
        return at <= one.place && (one.thread === undefined || one.thread === thread)
      case 'opt-out':
        return (one.category === 'work') === (type === 'task.done')
      case 'mute':
        return one.thread === thread
      case 'level':
        return room !== undefined && (one.level === 'none' || reason !== 'mention')
      case 'time':
        return expires
      default:
        return one satisfies never
    }
  })

/** The messages that a model tells: of each digest one, of what is left, by its last. */
function expected(members: readonly Member[], events: readonly Event[]): string[] {
  const left = members.map((one, at) => ({ ...one, at })).filter((one, at) => isLeft(one, at, events))
  return [...Map.groupBy(left, one => one.type === 'post.read').values()].map(
    told => `${told.length}: ${told.map(one => one.at).join(' ')}`,
  )
}

type About = { recipient: string; ids: readonly IntentId[]; at: (place: number) => EpochMs; now: EpochMs }

async function happens(db: Database, one: Event, { recipient, ids, at, now }: About): Promise<void> {
  const choose = (patch: Parameters<typeof changeChoices>[2]) => changeChoices({ db, now }, recipient, patch)
  switch (one.kind) {
    case 'retract':
      return ids[one.place] && placeTombstone(db, ids[one.place]!)
    case 'supersede': {
      const [by, until] = [intentId({ producer: 'test', key: 'later' }), at(one.place)]
      return ids[one.place] && supersede(db, [{ id: ids[one.place]!, by, until }])
    }
    case 'read': {
      const { thread } = one
      return void (await advanceWatermark(db, { recipient, upTo: at(one.place), ...(thread && { thread }) }))
    }
    case 'opt-out':
      return void (await choose({ categories: { [one.category]: { in_app: false } } }))
    case 'mute':
      return void (await choose({ threads: { [one.thread]: true } }))
    case 'level':
      return void (await choose({ levels: { room: { r: { level: one.level } } } }))
    case 'time':
      return undefined
    default:
      return one satisfies never
  }
}

test('whatever happens between telling and claim: a digest tells what is left, and everything else ends for its own reason', async () => {
  await using world = await createWorld()
  const { db, clock, deps } = world
  world.use(inboxProvider(db))
  deps.catalogue = catalogueOf('1', types, options)
  const start = clock.now()
  let runs = 0
  const told = async (members: readonly Member[], events: readonly Event[]) => {
    const recipient = `u${++runs}`
    const at = (place: number) => start - minute + place
    const intents = members.map(({ type, thread, room, reason, expires }, n) =>
      intentOf({
        ...{ type, occurredAt: at(n), data: { n }, ...(thread && { thread }), ...(room && { room }) },
        to: [{ kind: 'recipient', id: recipient, ...(reason && { reason }) }],
        ...(expires && { expiresAt: start + 12 * minute }),
      }),
    )
    await routeAt(start, intents, { db, types, options })
    const due = { lane: 'default', catalogue: deps.catalogue, log: deps.log, now: start + 11 * minute } as const
    const batches = (await releaseDigests(db, due))!
    const about = { recipient, ids: intents.map(({ id }) => id), at, now: start }
    for (const one of events) await happens(db, one, about)
    clock.set(start + (events.some(one => one.kind === 'time') ? 13 : 11) * minute)
    await world.deliver(batches)
    const items = await db.query<{ content: string }>(`select content from inbox_items where recipient = $1`, [
      recipient,
    ])
    const ends = await db.query<{ outcome: number }>(`select outcome from deliveries where recipient = $1`, [recipient])
    return {
      titles: items.map(({ content }) => (JSON.parse(content) as { title: string }).title),
      outcomes: ends.map(({ outcome }) => outcomeName(outcome)),
    }
  }
  await fc.assert(
    fc.asyncProperty(
      fc.array(member, { minLength: 1, maxLength: 8 }),
      fc.array(event, { maxLength: 4 }),
      async (given, some) => {
        const members = given as Member[]
        // Of levels of one room the last is what the person wants.
        const events = some.filter(
          (one, at) => one.kind !== 'level' || some.findLastIndex(e => e.kind === 'level') === at,
        )
        const wanted = expected(members, events)
        const { titles, outcomes } = await told(members, events)
        assert.deepEqual(titles.toSorted(), wanted.toSorted())
        const left = members.filter((one, at) => isLeft(one, at, events)).length
        assert.equal(outcomes.length, members.length)
        assert.equal(outcomes.filter(one => one === 'delivered').length, wanted.length)
        assert.equal(outcomes.filter(one => one === 'digested').length, left - wanted.length)
      },
    ),
    { numRuns: 60 },
  )
  assert.deepEqual((await audit(db)).problems, [])
})

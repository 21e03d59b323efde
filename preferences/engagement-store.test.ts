import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deliveryId, intentId, type RecipientId } from '#contracts/ids.ts'
import { purgeEngagement, readEngagements, writeEngagement, writeLooked } from './engagement-store.ts'
import { readPresence, writePresence } from './presence-store.ts'
import { createStores } from './store.fixture.ts'
import { advanceWatermark, readWatermarks } from './watermark-store.ts'

const noon = Date.parse('2026-11-21T12:00:00Z')
const intent = intentId({ producer: 'docs', key: 'k' })
const askFor = (recipient: string, occurredAt = noon) => ({
  ...{ recipient, intent, occurredAt, event: 'invite.accepted' },
  inboxItem: deliveryId({ intent, recipient: recipient as RecipientId, endpoint: 'inbox' }),
})
const nothing = { acted: false, delivered: false, read: false, seen: false }

test('what a person did counts for the intent it is about, or for what occurred until then', async () => {
  await using stores = await createStores()
  const { db } = stores
  const acted = { what: 'acted', event: 'invite.accepted', at: noon } as const
  await writeEngagement(db, { recipient: 'one', ...acted, intent: intentId({ producer: 'docs', key: 'other' }) })
  await writeEngagement(db, { recipient: 'mine', ...acted, at: noon - 1, intent })
  await writeEngagement(db, { recipient: 'any', ...acted })
  await writeEngagement(db, { recipient: 'else', ...acted, event: 'trial.begun' })
  await writeLooked(db, { recipient: 'saw', what: 'seen', intents: [intent], at: noon })
  const asked = ['one', 'mine', 'any', 'else', 'saw'].map(who => askFor(who))
  assert.deepEqual(await readEngagements(db, [...asked, askFor('any', noon + 1)]), [
    {},
    { ...nothing, acted: true },
    { ...nothing, acted: true },
    {},
    { ...nothing, seen: true },
    {},
  ])
})

test('what is older than the ledger is forgotten, the rest stays', async () => {
  await using stores = await createStores()
  const { db } = stores
  for (const [who, at] of [
    ['old', noon - 1],
    ['new', noon],
  ] as const) {
    await writeLooked(db, { recipient: who, what: 'seen', intents: [intent], at })
    await advanceWatermark(db, { recipient: who, thread: 't1', upTo: at })
    await writePresence(db, { recipient: who, activeUntil: at })
  }
  assert.equal(await purgeEngagement(db, { before: noon }), false)
  assert.deepEqual(
    await readEngagements(
      db,
      ['old', 'new'].map(who => askFor(who)),
    ),
    [{}, { ...nothing, seen: true }],
  )
  const asked = ['old', 'new'].map(recipient => ({ recipient, thread: 't1' }))
  assert.deepEqual(await readWatermarks(db, asked), [undefined, noon])
  assert.deepEqual([...(await readPresence(db, ['old', 'new']))], [['new', noon]])
})

test('how far somebody has read is not kept of who was erased', async () => {
  await using stores = await createStores()
  const { db } = stores
  await stores.upsert(noon, { id: 'gone' })
  await stores.erase(noon, 'gone')
  await advanceWatermark(db, { recipient: 'gone', thread: 't1', upTo: noon })
  await advanceWatermark(db, { recipient: 'here', thread: 't1', upTo: noon })
  const asked = ['gone', 'here'].map(recipient => ({ recipient, thread: 't1' }))
  assert.deepEqual(await readWatermarks(db, asked), [undefined, noon])
})

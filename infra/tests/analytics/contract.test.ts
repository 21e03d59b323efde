import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { test } from 'node:test'
import { z } from 'zod'
import type { Verdict } from '#contracts/decision.ts'
import { type EventPack, packAttributes } from '#contracts/event.ts'
import { dayOf, intentId, newSetId, type RecipientId } from '#contracts/ids.ts'
import { ensurePartitions } from '#db/partitions.ts'
import { admitIntents } from '#ledger/admit.ts'
import { claimBatch, recordBatch } from '#ledger/claim.ts'
import { relayOutbox } from '#ledger/outbox.ts'
import { writeSet } from '#ledger/set.ts'
import { openPostgres } from '#runtime/postgres.ts'
import { testDatabase } from '../servers.ts'
import { decidedPack, engagedPack, settledPack } from './packs.fixture.ts'

const file = path.join(import.meta.dirname, '..', '..', 'contracts', 'event-pack.schema.json')
const contract = z.fromJSONSchema(JSON.parse(await readFile(file, 'utf8')) as Parameters<typeof z.fromJSONSchema>[0])

test('what the ledger tells is what the contract says, under the names of CloudEvents', async () => {
  await using database = await testDatabase()
  await using db = await openPostgres({ url: database.url, connectionsMax: 2, name: 'test' })
  await ensurePartitions(db, { from: dayOf(newSetId()), days: 2 })
  const now = Date.now()
  const set = newSetId()
  const id = intentId({ producer: 'docs', key: 'k' })
  const carried = {
    producer: 'docs',
    type: 'comment.created',
    category: 'social',
    catalogue: '1',
    occurredAt: now,
    data: {},
  }
  const intent = { id, ...carried, tenant: 'acme', thread: 't1' }
  const verdicts: Record<string, Verdict> = {
    ada: { kind: 'deliver', why: { rule: 'default' } },
    bob: { kind: 'refused', outcome: 'throttled', why: { rule: 'throttled', value: '10/1h' } },
    eve: { kind: 'held', reason: 'quiet_hours', until: now + 1000, why: { rule: 'quiet_hours', value: 'x' } },
  }
  const [batch] = await db.transaction(async tx => {
    await admitIntents(tx, set, [{ id, bodyHash: 1n }])
    const decided = Object.entries(verdicts).map(([recipient, verdict]) => ({
      ...{ intent, sensitive: false, recipient: recipient as RecipientId, channel: 'push' as const, verdict },
      endpoints: verdict.kind === 'deliver' ? [{ id: 'phone', provider: 'fcm' as const }] : [],
      locale: 'de-AT',
    }))
    return writeSet(tx, {
      ...{ id: set, lane: 'default', origin: 'messages', now },
      intake: { admitted: 1 },
      decided,
      released: 0,
    })
  })
  const facts = [{ arm: 'wording/long', platform: 'ios' as const, version: '8.1.0-beta.2' }]
  const claimed = await claimBatch(db, { id: batch!.id, now, leaseMs: 60_000 })
  await recordBatch(db, { batch: claimed!, results: [{ kind: 'closed', outcome: 'sent' }], now, facts })
  const told: { pack: EventPack; attributes: Record<string, string> }[] = []
  await relayOutbox(db, async (payload, pack) =>
    told.push({ pack: JSON.parse(payload) as EventPack, attributes: packAttributes(pack, 'carillon') }),
  )
  assert.deepEqual(
    told.map(({ pack }) => pack.kind),
    ['decided', 'settled'],
  )
  for (const { pack, attributes } of told) {
    assert.deepEqual(contract.parse(pack), pack)
    assert.deepEqual(
      [attributes['ce-id'], attributes['ce-specversion'], attributes['ce-type']],
      [pack.pack, '1.0', 'carillon.events.v1'],
    )
  }
  const engaged = engagedPack([{ recipient: 'ada', what: 'opened' }])
  assert.deepEqual(contract.parse(engaged), engaged)
})

test('what is no pack is none by the contract, too', () => {
  const good = settledPack(['ada'])
  const [slot, facts] = [good.slots[0]!, good.intents[0]!]
  const wrong: object[] = [
    ...[{ v: 2 }, { pack: '' }, { day: 'today' }, { at: -1 }, { kind: 'a b' }, { slots: {} }, { intents: undefined }],
    ...[
      { slots: [{ ...slot, channel: 'fax' }] },
      { slots: [{ ...slot, recipient: '' }] },
      { slots: [{ ...slot, i: -1 }] },
      { slots: [{ ...slot, locale: 'Anna Berger, Wien' }] },
      { slots: [{ ...slot, version: '' }] },
    ],
    ...[{ intents: [{ ...facts, lane: 'fast' }] }, { intents: [{ ...facts, id: 'x' }] }, { set: 'set-1' }],
  ]
  for (const change of wrong)
    assert.equal(contract.safeParse({ ...good, ...change }).success, false, JSON.stringify(change))
  assert.ok(contract.safeParse({ ...decidedPack(['ada']), later: 'a field that is new' }).success)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { catalogueOf } from '#contracts/catalogue.ts'
import { lanes } from '#contracts/channel.ts'
import { createLog } from '#runtime/log.ts'
import { expandPage } from './expand.ts'
import { emptyLedger, intentOf, routeAt, typeOf } from './routing.fixture.ts'

const log = createLog({ role: 'test', write: () => {} })

test('each member is told for the audience they were found in, once', async () => {
  await using ledger = await emptyLedger()
  const { db } = ledger
  await db.query(`insert into audience_members (audience, recipient, reason)
    values ('watchers', 'u1', null), ('watchers', 'u2', 'author'), ('watchers', 'u3', null),
           ('everyone', 'u3', null), ('everyone', 'u4', null), ('nobody asked', 'u5', null)`)
  const lists = [{ recipient: 'u3' }, { recipient: 'u5' }, { recipient: 'u6' }]
  const own = { name: 'own', page: async (_: string, after: string) => lists.filter(one => one.recipient > after) }
  const now = Date.now()
  const types = [typeOf('comment.created')]
  const audiences = { 'own:team': 'role', watchers: undefined, everyone: 'everyone' }
  const to = Object.entries(audiences).map(([audience, reason]) => ({
    ...{ kind: 'audience' as const, audience, ...(reason !== undefined && { reason }) },
  }))
  // Held, because what waits can be asked for its reasons.
  await routeAt(now, [intentOf({ type: 'comment.created', to, occurredAt: now, sendAt: now + 60_000 })], { db, types })
  const deps = { db, lanes, catalogue: catalogueOf('1', types), log, sources: [own], now, trustEventTime: false }
  while (await expandPage(deps));
  const [hold] = await db.query<{ recipients: string[]; reasons: string }>('select recipients, reasons from holds')
  assert.deepEqual(
    Object.fromEntries(hold!.reasons.split('\u001f').map((reason, at) => [hold!.recipients[at], JSON.parse(reason)])),
    { u1: 'audience', u2: 'author', u3: 'role', u4: 'everyone', u5: 'role', u6: 'role' },
  )
})

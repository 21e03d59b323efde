import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { limitsOf } from '#channels/limits.ts'
import { retract } from '#cli/retract.ts'
import { catalogueOf } from '#contracts/catalogue.ts'
import { changeChoices } from '#preferences/choice-store.ts'
import { advanceWatermark } from '#preferences/watermark-store.ts'
import { upsertRecipients } from '#preferences/recipient-store.ts'
import { ask } from '#producers/sdk/ask.ts'
import { defineNotification } from '#producers/sdk/define-notification.ts'
import { until } from '../program.ts'
import { startWorld } from '../world.ts'

const published = defineNotification({
  ...{ type: 'news.published', category: 'news', lane: 'default', owner: 'news', value: 2 },
  schema: z.object({ n: z.number() }),
  maxRecipients: 1_000,
  deliver: [{ channel: 'push' }],
  templates: { en: { push: ({ data }) => ({ title: `${data.n}`, body: '' }) } },
})
const people = Array.from({ length: 100 }, (_, n) => `u${n}`)
const tokenOf = (id: string) => `token-${id}`
const blastsMin = 30

test('an opt-out storm during a blast: nothing goes out whose withdrawal its claim could see, and nothing long after it', async () => {
  await using world = await startWorld({ catalogue: catalogueOf('1', [published]), routers: 2, workers: 4 })
  const { db, addressKey } = world.installation
  await upsertRecipients(
    { db, addressKey, now: Date.now() },
    people.map(id => ({ id, endpoints: [{ channel: 'push', provider: 'fcm', address: tokenOf(id) }] })),
  )
  const arrived = () => world.simulators.log.entries().filter(line => line.provider === 'fcm' && line.accepted)
  let blasts = 0
  let stormed = false
  const blast = async () => {
    for (; blasts < blastsMin || !stormed; blasts++) {
      await world.notifier.notifyMany([ask(published, { to: people, data: { n: blasts }, key: `k${blasts}` })])
      // A machine that is slow is not buried.
      await sleep(blasts < blastsMin ? 20 : 200)
    }
  }
  // In the middle of it, however fast or slow the machine is.
  const storm = async () => {
    await until(() => arrived().length > 0)
    for (const recipient of people) {
      const patch = { categories: { news: { push: false } } }
      const chosen = await changeChoices({ db, now: Date.now() }, recipient, patch)
      assert.equal(chosen.kind, 'chosen')
    }
    stormed = true
  }
  await Promise.all([blast(), storm()])
  await world.settle()

  const { problems, outcomes } = await world.audit()
  assert.deepEqual(problems, [])
  const { sent = 0, suppressed_preference: withdrawn = 0 } = outcomes
  assert.equal(sent + withdrawn, blasts * people.length)
  assert.ok(sent > 0 && withdrawn > 0, `the storm met the blast: ${sent} sent, ${withdrawn} not`)
  const refusedAtClaim = await db.query<{ n: number }>(
    `select count(*)::int as n from deliveries where claimed_at is not null and outcome <> 1`,
  )
  assert.ok(refusedAtClaim[0]!.n > 0, 'some had been decided when their people withdrew')

  // By the simulator's own log: after the withdrawal only calls of claims that could not see it, and they end in time.
  const { startWithinMs, callMs } = limitsOf({ lane: 'default', channel: 'push' })
  const claims = await db.query<{ recipient: string; late: string }>(
    `select c.recipient, extract(epoch from max(d.claimed_at) filter (where not pg_visible_in_snapshot(c.xid, d.claim_snapshot))) * 1000 as late
     from consent_log c join deliveries d on d.recipient = c.recipient and d.outcome = 1 where c.kind = 'choice' group by 1`,
  )
  const lastClaim = new Map(claims.map(row => [tokenOf(row.recipient), Number(row.late)]))
  const arrivals = arrived()
  assert.equal(arrivals.length, sent)
  for (const { address, at } of arrivals)
    assert.ok(
      Date.parse(at) <= lastClaim.get(address)! + startWithinMs + callMs,
      `a message came to ${address} later than its last claim allows`,
    )
})

const posted = defineNotification({
  ...{ type: 'thread.posted', category: 'threads', lane: 'default', owner: 'threads', value: 2 },
  schema: z.object({ n: z.number() }),
  deliver: [{ channel: 'in_app' }],
  digest: { every: '1s', channels: ['in_app'] },
  templates: { en: { in_app: ({ digest }) => ({ title: `${digest?.count ?? 1}`, body: '' }) } },
})

test('retractions, reads and opt-outs while digests are told: each counts what was left of it, and the books balance', async () => {
  await using world = await startWorld({ catalogue: catalogueOf('1', [posted]), routers: 2, workers: 4 })
  const { db, addressKey } = world.installation
  const readers = people.slice(0, 20)
  const posts = 40
  const now = Date.now()
  await upsertRecipients(
    { db, addressKey, now },
    readers.map(id => ({ id })),
  )
  const post = async () => {
    for (let n = 0; n < posts; n++) {
      await world.notifier.notify(posted, { to: readers, data: { n }, key: `p${n}`, thread: `t${n % 5}` })
      await sleep(50)
    }
  }
  const takeBack = async () => {
    for (let n = 0; n < posts; n += 3) {
      await sleep(150)
      await retract(db, { producer: 'test', key: `p${n}`, now: Date.now() })
    }
  }
  const storm = async () => {
    for (const [n, recipient] of readers.entries()) {
      await sleep(150)
      if (n % 2 === 0)
        await db.transaction(tx => advanceWatermark(tx, { recipient, thread: `t${n % 5}`, upTo: Date.now() }))
      else await changeChoices({ db, now: Date.now() }, recipient, { categories: { threads: { in_app: n % 4 === 1 } } })
    }
  }
  await Promise.all([post(), takeBack(), storm()])
  await world.settle({ holds: true })

  const { problems, outcomes } = await world.audit()
  assert.deepEqual(problems, [])
  const {
    delivered = 0,
    digested = 0,
    retracted = 0,
    suppressed_read: read = 0,
    suppressed_preference: off = 0,
  } = outcomes
  assert.equal(delivered + digested + retracted + read + off, posts * readers.length)
  assert.ok(delivered > 0 && digested > 0 && retracted > 0 && read > 0 && off > 0, JSON.stringify(outcomes))
  // What a message says is how many ended as told by it.
  const miscounted = await db.query(
    `select i.intent_id from inbox_items i join deliveries d on d.intent_id = i.intent_id and d.recipient = i.recipient and d.outcome = 2
     where (i.content::json ->> 'title')::int <> 1 + (select count(*) from delivery_events e
       where e.kind = 'settled' and e.what = 'digested' and e.recipient = i.recipient and e.rule_value = i.intent_id::text)`,
  )
  assert.deepEqual(miscounted, [])
})

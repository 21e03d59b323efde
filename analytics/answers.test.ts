import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openPostgres } from '#runtime/postgres.ts'
import { testDatabase } from '#tests/servers.ts'
import { setup } from './api.fixture.ts'
import { unknownOf } from './unknown-store.ts'

test('where nothing is counted it is told which values nothing has: mistyped, or not there yet', async () => {
  await using world = await setup()
  const later = 'since=2026-11-20T13:00:00Z&until=2026-11-21T00:00:00Z'
  const unknown = async (path: string, query: string, time = later) => {
    const { status, body } = await world.get(`/v1/analytics/${path}?${query}&${time}`)
    assert.equal(status, 200, JSON.stringify(body))
    return (body as { unknown?: string[] }).unknown
  }
  assert.deepEqual(await unknown('funnel', 'type=comment.created'), undefined, 'its hour is still to be counted')
  await world.rollUp()
  const typos = 'type=comment.craeted&category=socail&producer=dosc&provider=fmc&arm=x/y'
  for (const path of ['funnel', 'series', 'outcomes'])
    for (const source of ['raw', 'rollup'])
      assert.deepEqual(
        await unknown(path, `${typos}&source=${source}`),
        ['type', 'category', 'producer', 'provider', 'arm'],
        `${path} ${source}`,
      )
  const known = 'type=comment.created&category=social&producer=docs&provider=fcm&channel=sms&locale=xx'
  for (const path of ['funnel', 'series', 'outcomes']) {
    assert.deepEqual(await unknown(path, known), undefined, path)
    assert.deepEqual(await unknown(path, `${known}&producer=dosc`.replace('producer=docs&', '')), ['producer'], path)
    assert.deepEqual(await unknown(path, `${typos}&tenant=acme`), undefined, 'what others have is not told')
  }
  const ofDay = 'since=2026-11-20T00:00:00Z&until=2026-11-21T00:00:00Z'
  assert.deepEqual(await unknown('lift', 'type=comment.craeted&event=invite.acepted', ofDay), ['type', 'event'])
  assert.deepEqual(await unknown('lift', 'type=comment.created&event=invite.acepted', ofDay), ['event'])
  assert.deepEqual(await unknown('lift', 'type=comment.created&event=invite.acepted&tenant=acme', ofDay), undefined)
  await world.did('ann', 'invite.accepted')
  assert.deepEqual(await unknown('lift', 'type=comment.created&event=invite.accepted', ofDay), undefined)
})

test('an answer does not wait for long to tell what is mistyped', async () => {
  await using database = await testDatabase()
  await using db = await openPostgres({ url: database.url, connectionsMax: 3, name: 'test' })
  assert.deepEqual(await unknownOf(db, { event: 'invite.acepted' }), ['event'])
  await db.transaction(async tx => {
    await tx.query('lock table product_events in access exclusive mode')
    assert.deepEqual(await unknownOf(db, { event: 'invite.acepted' }), [])
  })
})

test('a file has no rows of which nobody tells anything', async () => {
  await using world = await setup()
  const ofDay = 'since=2026-11-20T00:00:00Z&until=2026-11-21T00:00:00Z&source=raw'
  const rows = async (query: string) => {
    const { payload } = await world.file(`/v1/analytics/export?${query}`)
    return payload.trim().split('\r\n').slice(1)
  }
  const funnel = (await rows(`of=funnel&channel=push&${ofDay}`)).map(row => row.split(',').slice(1, 6))
  // Of pushes nobody tells that they were delivered. That none was seen is told.
  assert.deepEqual(
    funnel.filter(([, rest]) => rest === '').map(([stage, , , n, first]) => [stage, n, first]),
    [
      ['intended', '3', '3'],
      ['decided', '3', '3'],
      ['attempted', '2', '3'],
      ['accepted', '2', '3'],
      ['seen', '0', '3'],
      ['opened', '0', '3'],
      ['acted', '0', '3'],
    ],
  )
  const series = await rows(`of=series&${ofDay}`)
  assert.deepEqual([...new Set(series.map(row => row.split(',')[3]))], ['intended', 'decided', 'attempted', 'accepted'])
  assert.equal(series.length, 4 * 24, 'every period of theirs')
  for (const kind of ['funnel', 'series', 'outcomes']) {
    const none = `of=${kind}&type=comment.craeted&${ofDay}`
    assert.deepEqual(await rows(none), [], kind)
    const parquet = await world.file(`/v1/analytics/export?format=parquet&${none}`)
    assert.deepEqual([parquet.statusCode, parquet.rawPayload.subarray(0, 4).toString()], [200, 'PAR1'])
  }
})

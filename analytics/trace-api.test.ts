import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { decidedPack, people } from '#tests/analytics/packs.fixture.ts'
import { createDashboard, type Dashboard } from './dashboard.fixture.ts'

let world: Dashboard
before(async () => {
  world = await createDashboard()
  await world.store([decidedPack(people(2))])
})
after(() => world?.[Symbol.asyncDispose]())

async function get(query: string, token = world.token) {
  const response = await fetch(`${world.url}/v1/trace${query}`, { headers: { authorization: `Bearer ${token}` } })
  return { status: response.status, body: (await response.json()) as Body }
}

type Body = { lines?: unknown[]; addresses?: { address: string }[]; errors?: unknown[] }

test('a trace of an intent by its id or its key, and of a person since a time; each look is kept before it is answered', async () => {
  const { id } = decidedPack([]).intents[0]!
  assert.equal((await get(`?intent=${id}`)).body.lines!.length, 2)
  assert.equal((await get('?intent=docs/comment-1')).body.lines!.length, 2)
  assert.equal((await get('?intent=docs/comment-1&recipient=user-1')).body.lines!.length, 1)
  assert.equal((await get('?intent=docs/comment-1&recipient=user-1&endpoint=phone')).body.lines!.length, 1)
  const ofPerson = await get('?recipient=user-1')
  assert.equal(ofPerson.body.lines!.length, 1)
  assert.deepEqual(
    ofPerson.body.addresses!.map(({ address }) => address),
    ['…f00d'],
  )
  assert.deepEqual((await get(`?intent=${id}`)).body.addresses, [], 'of several people none')
  assert.equal((await get('?recipient=user-1&since=2026-11-20T12:00:01Z')).status, 404)
  assert.equal((await get('?recipient=nobody')).status, 404)
  const delivery = '01a20022-13f8-7293-a7d4-7aec01517af2.0'
  assert.equal((await get(`?delivery=${delivery.toUpperCase()}`)).status, 404)
  assert.equal((await get(`?intent=${id.toUpperCase()}`)).status, 200)
  assert.deepEqual(
    world.looks.map(({ who, about }) => [who, ...Object.values(about)]),
    [
      ...[[id], ['docs/comment-1'], ['docs/comment-1', 'user-1'], ['docs/comment-1', 'user-1', 'phone']],
      ...[['user-1'], [id], ['user-1', '2026-11-20T12:00:01.000Z'], ['nobody'], [delivery], [id]],
    ].map(subject => ['eve', ...subject]),
  )
})

test('who asks for nothing, for two things, or without a token learns nothing', async () => {
  const looks = world.looks.length
  for (const [query, problems] of [
    ['', 1],
    ['?intent=docs/x&delivery=y', 2],
    ['?recipient=y&delivery=01a20022-13f8-7293-a7d4-7aec01517af2.0', 1],
    ['?recipient=y&endpoint=phone', 1],
    ['?delivery=01a20022-13f8-7293-a7d4-7aec01517af2', 1],
    ['?intent=docs', 1],
    ['?intent=a/b&intent=c/d', 2],
    ['?recipient=%00', 1],
    [`/${decidedPack([]).intents[0]!.id}?intent=docs/x`, 1],
    ['?intent=docs/x&since=yesterday&order=x', 3],
  ] as const) {
    const { status, body } = await get(query)
    assert.deepEqual([status, body.errors?.length], [400, problems], query)
  }
  assert.equal((await get('?recipient=user-1', 'wrong')).status, 401)
  assert.equal(world.looks.length, looks)
})

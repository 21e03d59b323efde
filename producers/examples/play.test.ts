import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { isContact } from '#contracts/intent.ts'
import { catalogue } from '../catalogue/catalogue.ts'
import { apiClient } from '../sdk/api-client.ts'
import { createTestNotifier } from '../sdk/test-notifier.ts'
import { type Choice, community, seedCommunity, watchersOf } from './community.ts'
import { meaningfulEvents } from './github.ts'
import { playExample } from './play.ts'
import { workflows } from './workflows.ts'

const people = community()
const sizes = new Map(people.projects.flatMap(project => [[watchersOf(project), project.watchers.length]]))

test('the default play is large enough, and every type of the catalogue is played or part of a workflow', async () => {
  const notifier = createTestNotifier(catalogue)
  const { intents } = await playExample({ notifier })
  assert.ok(intents >= 300, `${intents} intents`)
  assert.equal(new Set(notifier.intents.map(intent => intent.id)).size, intents)
  const recipients = notifier.intents
    .flatMap(intent => intent.to)
    .reduce((sum, to) => sum + (to.kind === 'audience' ? (sizes.get(to.audience) ?? 3) : 1), 0)
  assert.ok(recipients >= 1500, `${recipients} recipients`)
  assert.ok(notifier.intents.some(intent => intent.to.some(to => to.kind === 'contact')))
  assert.equal(new Set(notifier.intents.map(intent => intent.type)).size, 10)
  await notifier.notifyMany(Object.values(workflows).flatMap(state => state({ to: ['u1'], key: 'k' }, 1)))
  assert.deepEqual([...new Set(notifier.intents.map(intent => intent.type))].sort(), [...catalogue.types.keys()].sort())
})

test('the play holds what the policies act on: repeats, late news, eager strangers', async () => {
  const notifier = createTestNotifier(catalogue)
  await playExample({ notifier, rounds: 1 })
  const comments = notifier.intents.filter(intent => intent.type === 'comment.created')
  const told = comments.flatMap(({ data, to }) =>
    to.map(one => `${one.kind === 'recipient' && one.id} ${data['commentId'] as string}`),
  )
  assert.ok(new Set(told).size < told.length, 'an edit comes to people who saw the comment')
  const builds = notifier.intents.filter(intent => intent.type === 'build.failed')
  assert.ok(
    builds.some(build => build.occurredAt <= Date.now() - 3_600_000),
    'a build is older than its type allows',
  )
  const stars = notifier.intents.filter(intent => intent.type === 'repository.starred')
  assert.ok(stars.length > 3, 'an owner gets more stars than the throttle lets through')
})

test('the same run says the same, another run something else', async () => {
  assert.deepEqual(await keys('a'), await keys('a'))
  const [a, b] = [new Set(await keys('a')), await keys('b')]
  assert.ok(b.every(id => !a.has(id)))
})

async function keys(run: string): Promise<string[]> {
  const notifier = createTestNotifier(catalogue)
  await playExample({ notifier, rounds: 1, run })
  return notifier.intents.map(intent => intent.id)
}

test('an interrupted play stops between rounds', async () => {
  const stop = new AbortController()
  const notifier = createTestNotifier(catalogue)
  const rounds: number[] = []
  const onProgress = (progress: { rounds: number }) => {
    rounds.push(progress.rounds)
    if (progress.rounds === 2) stop.abort()
  }
  await playExample({ notifier, onProgress, signal: stop.signal })
  assert.deepEqual(rounds, [1, 2])
})

test('every event that means something is among the payloads', async () => {
  const { default: definitions } = await import('@octokit/webhooks-examples', { with: { type: 'json' } })
  const events = new Set(
    (definitions as unknown as { name: string; examples: { action?: string }[] }[]).flatMap(({ name, examples }) =>
      examples.map(({ action }) => (action === undefined ? name : `${name}.${action}`)),
    ),
  )
  assert.deepEqual(
    meaningfulEvents().filter(event => !events.has(event)),
    [],
  )
})

test('the community is the same for a seed, and usable', () => {
  assert.deepEqual(community(), people)
  assert.notDeepEqual(community({ seed: 2 }), people)
  assert.equal(people.members.length, 200)
  const endpoints = people.members.flatMap(member => member.profile.endpoints ?? [])
  for (const { channel, provider, address } of endpoints) {
    if (channel === 'email') assert.ok(isContact({ email: address }), address)
    if (channel === 'sms') assert.ok(isContact({ phone: address }), address)
    if (provider === 'apns') assert.match(address, /^[0-9a-f]{64}$/)
  }
  const addresses = endpoints.map(endpoint => endpoint.address)
  assert.equal(new Set(addresses).size, addresses.length)
  for (const trait of [/^device:.*dead/, /^device:.*flaky/, /^deaddead/, /^\+9993323/, /dead@/])
    assert.ok(
      addresses.some(address => trait.test(address)),
      String(trait),
    )
  assert.ok(people.members.some(member => member.profile.quiet))
  assert.ok(people.members.some(member => member.choices.some(choice => 'thread' in choice)))
})

test('seeding tells Carillon of everybody, over its HTTP API', async () => {
  const requests: string[] = []
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${decodeURIComponent(request.url!)}`)
    request.resume().on('end', () => response.writeHead(204).end())
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  const chosen: Choice[] = []
  try {
    const api = apiClient({ url: `http://127.0.0.1:${port}`, token: 't' })
    await seedCommunity({ community: people, api, choose: async (_member, choices) => void chosen.push(...choices) })
  } finally {
    server.close()
  }
  for (const { id } of people.members) assert.ok(requests.includes(`PUT /v1/recipients/${id}`))
  for (const project of people.projects)
    assert.ok(requests.includes(`PUT /v1/audiences/${watchersOf(project)}/members`))
  assert.ok(chosen.length > 50)
})

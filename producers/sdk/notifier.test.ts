import assert from 'node:assert/strict'
import { test } from 'node:test'
import { catalogue } from '../catalogue/catalogue.ts'
import { commentCreated } from '../catalogue/social.ts'
import { issueAssigned } from '../catalogue/work.ts'
import { ask } from './ask.ts'
import { NotStoredError, RefusedError, UnknownError } from './errors.ts'
import { notifierOver } from './notifier.ts'
import type { PublisherLogLine } from './publisher-log.ts'
import type { Message } from './lane-queue.ts'
import { createTestNotifier } from './test-notifier.ts'

const data = { commentId: 'c1', author: 'ada', title: 'Docs', excerpt: 'Hello', url: 'https://docs.example/1' }

test('a team sees in its own tests what it would have sent', async () => {
  const notifier = createTestNotifier(catalogue)
  await notifier.notify(commentCreated, { to: ['u1'], data, key: 'comment-1', actor: 'u9' })
  assert.equal(notifier.intentsOf(commentCreated)[0]!.data.excerpt, 'Hello')
  assert.deepEqual(notifier.intentsOf(issueAssigned), [])
  await assert.rejects(notifier.notify(commentCreated, { to: [], data, key: 'comment-2' }), RefusedError)
  notifier.clear()
  assert.equal(notifier.intents.length, 0)
})

test('one bad ask refuses all of them before anything is sent', async () => {
  const notifier = createTestNotifier(catalogue)
  const good = ask(commentCreated, { to: ['u1'], data, key: 'a' })
  const bad = ask(issueAssigned, { to: ['u1'], data: { title: 't', by: 'b', url: 'http://plain.example' }, key: '' })
  await assert.rejects(notifier.notifyMany([good, bad]), (error: RefusedError) => {
    assert.deepEqual(
      error.problems.map(problem => problem.replace(/:.*/, '')),
      ['[1] key', '[1] data.url'],
    )
    return true
  })
  assert.equal(notifier.intents.length, 0)
  assert.equal((await notifier.notifyMany([good, good])).length, 2)
})

test('the same producer and key are the same intent', async () => {
  const notifier = createTestNotifier(catalogue)
  const [first, again] = await notifier.notifyMany([
    ask(commentCreated, { to: ['u1'], data, key: 'a' }),
    ask(commentCreated, { to: ['u2'], data, key: 'a' }),
  ])
  assert.equal(first!.intentId, again!.intentId)
})

/** A notifier whose publisher fails for the keys that are named. */
function failing(failures: Record<string, Error>) {
  const log: PublisherLogLine[] = []
  const sent: Message[] = []
  const notifier = notifierOver(
    {
      async publish(message) {
        sent.push(message)
        const key = (JSON.parse(message.bytes.toString()) as { data: { key: string } }).data.key
        if (failures[key]) throw failures[key]
      },
      async [Symbol.asyncDispose]() {},
    },
    { producer: 'docs', catalogue, publisherLog: line => log.push(line) },
  )
  return { notifier, log, sent }
}

test('when some were not stored, the error is the worst of them and names their keys', async () => {
  const { notifier, log } = failing({ b: new NotStoredError('full'), c: new UnknownError('cut off') })
  const asks = ['a', 'b', 'c', 'd'].map(key => ask(commentCreated, { to: ['u1'], data, key }))
  await assert.rejects(notifier.notifyMany(asks), (error: UnknownError) => {
    assert.ok(error instanceof UnknownError)
    assert.deepEqual(error.keys, ['b', 'c'])
    return true
  })
  assert.equal(log.length, 2, 'the log holds what is stored, nothing else')
})

test('the publisher log names whom the producer expects to be told, without data or addresses', async () => {
  const { notifier, log, sent } = failing({})
  const to = ['u1', { id: 'u9' }, { audience: 'team' }, { contact: { email: 'secret@mail.example' } }]
  const { intentId } = await notifier.notify(commentCreated, { to, data, key: 'a', actor: 'u9' })
  const [first, ...rest] = log
  const { at, ...line } = first!
  assert.deepEqual([line, rest], [{ intent: intentId, recipients: ['u1'], audiences: ['team'], contacts: 1 }, []])
  assert.ok(at > 0)
  assert.deepEqual(sent[0]!.attributes, {
    type: 'comment.created',
    lane: 'default',
    producer: 'docs',
    recipients: '4',
  })
})

test('what needs the HTTP API says so', async () => {
  const notifier = createTestNotifier(catalogue)
  await assert.rejects(notifier.status('a'), /needs the HTTP API: give createNotifier api/)
  await assert.rejects(notifier.recipients.delete('u1'), RefusedError)
})

test('a producer without a name is refused at once', () => {
  assert.throws(() => failingName(), /producer must be a name/)
})
const failingName = () =>
  notifierOver({ publish: async () => {}, async [Symbol.asyncDispose]() {} }, { producer: '', catalogue })

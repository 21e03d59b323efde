import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import path from 'node:path'
import { test } from 'node:test'
import type { Message } from 'firebase-admin/messaging'
import type { PushContent } from '#contracts/catalogue.ts'
import { lanes } from '#contracts/channel.ts'
import type { OutMessage } from '../provider.ts'
import { messageTo, subjects } from '../providers.fixture.ts'
import { wireOf } from './fcm-direct.ts'
import { messageOf, removalOf } from './fcm-message.ts'

const fcm = subjects.find(({ name }) => name === 'fcm')!

/** What the library makes of a message before it writes it: its own code, which it keeps to itself. */
const require = createRequire(import.meta.url)
const folder = path.dirname(require.resolve('firebase-admin/messaging'))
const { validateMessage } = require(path.join(folder, 'messaging-internal.js')) as {
  validateMessage: (message: Message) => void
}
const byLibrary = (message: Message): unknown => {
  const copy = structuredClone(message)
  validateMessage(copy)
  return copy
}

test('every push goes as the library would send it', () => {
  const contents: PushContent[] = [
    { title: 'Title', body: 'Body' },
    { title: 'Title', body: 'Body', url: 'https://carillon.test/1', image: 'https://carillon.test/1.png' },
    { title: 'Title', body: 'Body', url: 'app://thread/1', silent: true },
  ]
  for (const content of contents)
    for (const lane of lanes)
      for (const more of [{}, { badge: 0, receipt: 'receipt' }]) {
        const message = { ...(messageTo(fcm, 1, content) as OutMessage<'push'>), ...more }
        for (const livesMs of [1, 1_500, 60_000, undefined]) {
          const now = 1_800_000_000_000
          const { expiresAt: _, ...intent } = message.intent
          const ending = { ...message, intent: { ...intent, ...(livesMs && { expiresAt: now + livesMs }) } }
          const sent = messageOf(ending, { lane, now, deadlineMs: 1 })!
          assert.deepEqual(wireOf(sent), byLibrary(sent))
        }
      }
  const { endpoint } = messageTo(fcm, 1)
  for (const more of [{}, { expiresAt: 1_800_000_001_234 }]) {
    const removal = removalOf({ endpoint, deliveries: [], badge: 2, ...more }, 1_800_000_000_000)
    assert.deepEqual(wireOf(removal), byLibrary(removal))
  }
})

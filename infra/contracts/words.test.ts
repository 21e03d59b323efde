import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { channels, lanes, providers } from './channel.ts'
import { rules, sentence } from './decision.ts'
import type { EventPack } from './event.ts'
import { dayOf } from './ids.ts'
import { eventsTopicOf, routerSubscriptionOf, sinkSubscriptionOf, topicOf } from './messages.ts'
import { outcomeCode, outcomeName, outcomes } from './outcome.ts'

const fixture = (name: string): unknown =>
  JSON.parse(readFileSync(path.join(import.meta.dirname, 'fixtures', name), 'utf8'))

test('stored words keep their numbers: new ones come at the end', () => {
  const golden = fixture('codes.json') as Record<'outcomes' | 'channels' | 'lanes' | 'rules', string[]>
  for (const [name, words] of Object.entries({ outcomes, channels, lanes }))
    assert.deepEqual(words.slice(0, golden[name as 'outcomes'].length), golden[name as 'outcomes'], name)
  // Rules and providers are stored by name: none may go.
  for (const rule of golden.rules) assert.ok((rules as readonly string[]).includes(rule), rule)
  for (const [name, channel] of Object.entries((golden as unknown as { providers: typeof providers }).providers))
    assert.equal(providers[name as keyof typeof providers], channel)
})

test('an outcome is its number and back; a number from the future is no outcome', () => {
  for (const outcome of outcomes) assert.equal(outcomeName(outcomeCode(outcome)), outcome)
  assert.throws(() => outcomeName(outcomes.length), /this process is older than the ledger it reads/)
})

test('every rule has a sentence that names what it looked at', () => {
  const sentences = rules.map(rule => sentence({ rule, value: 'VALUE' }))
  assert.equal(new Set(sentences).size, rules.length)
  const silent = ['default', 'mandatory', 'erased', 'not_called', 'retracted', 'not_allowed_here', 'discarded']
  for (const [at, rule] of rules.entries()) assert.ok(sentences[at]!.includes('VALUE') !== silent.includes(rule), rule)
})

test('what is tried again for want of an answer is told so in words', () => {
  const told = sentence({ rule: 'tried_again', value: 'deadline' })
  assert.equal(told, 'Not done yet: it is tried again (no answer in time).')
})

test('the event packs written down are made of the words that are known', () => {
  for (const pack of fixture('event-packs.json') as EventPack[]) {
    assert.equal(pack.day, dayOf(pack.pack.slice(0, 36)))
    for (const slot of pack.slots) {
      assert.ok(pack.intents[slot.i])
      assert.ok(channels.includes(slot.channel))
      assert.ok(['deliver', 'held', ...outcomes].includes(slot.what))
      if (slot.w !== undefined) assert.ok(rules.includes(pack.whys[slot.w]!.rule))
    }
  }
})

test('topics and subscriptions have names of their own, for each installation', () => {
  const names = ['a', 'b'].flatMap(prefix => [
    ...lanes.flatMap(lane => [topicOf(prefix, lane), routerSubscriptionOf(prefix, lane)]),
    eventsTopicOf(prefix),
    sinkSubscriptionOf(prefix),
  ])
  assert.equal(new Set(names).size, names.length)
})

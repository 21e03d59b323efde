import assert from 'node:assert/strict'
import { test } from 'node:test'
import { endpointAfter, isUsed, stateAt, type Word } from './endpoint-state.ts'
import type { Endpoint } from './preferences.ts'

const one = (state: Endpoint['state'], more: Partial<Endpoint> = {}): Endpoint => ({
  ...{ id: 'a', channel: 'sms', provider: 'twilio', address: '+4915112345678', state, since: 1 },
  ...(state !== 'active' && { stateSince: 10, why: 'w' }),
  ...more,
})
const said = (kind: Word['kind'], at: number, until?: number): Word =>
  kind === 'alive' || kind === 'lifted' ? { kind, at } : { kind, at, why: 'w', ...(until !== undefined && { until }) }

const table: [from: Endpoint['state'], word: Word, to: Endpoint['state']][] = [
  ['active', said('suspect', 11), 'suspect'],
  ['active', said('dead', 11), 'dead'],
  ['active', said('alive', 11), 'active'],
  ['active', said('suppressed', 11), 'suppressed'],
  ['active', said('lifted', 11), 'active'],
  ['suspect', said('suspect', 11), 'suspect'],
  ['suspect', said('dead', 11), 'dead'],
  ['suspect', said('alive', 11), 'active'],
  ['suspect', said('alive', 10), 'suspect'],
  ['suspect', said('suppressed', 11), 'suppressed'],
  ['dead', said('suspect', 11), 'dead'],
  ['dead', said('dead', 11), 'dead'],
  ['dead', said('alive', 11), 'active'],
  ['dead', said('alive', 9), 'dead'],
  ['dead', said('suppressed', 11), 'suppressed'],
  ['dead', said('lifted', 11), 'dead'],
  ['suppressed', said('dead', 11), 'suppressed'],
  ['suppressed', said('suspect', 11), 'suppressed'],
  ['suppressed', said('alive', 11), 'suppressed'],
  ['suppressed', said('lifted', 11), 'active'],
]
for (const [from, word, to] of table)
  test(`${from} is ${to} once ${word.kind} is said of ${word.at > 10 ? 'later' : 'earlier or then'}`, () => {
    const before = one(from)
    const after = endpointAfter(before, word)
    assert.equal(after.state, to)
    if (from === to) assert.equal(after, before, 'nothing is written for nothing')
    else assert.equal(after.stateSince, to === 'active' ? undefined : word.at)
  })

test('what is suspect is sent to, what is dead or suppressed is not; a suppression ends by itself', () => {
  const used = (endpoint: Endpoint, at = 20) => isUsed(endpoint, at)
  assert.deepEqual(
    [used(one('active')), used(one('suspect')), used(one('dead')), used(one('suppressed'))],
    [...[true, true, false, false]],
  )
  const passing = one('suppressed', { until: 20 })
  assert.deepEqual([used(passing, 19), used(passing, 20), stateAt(passing, 20)], [false, true, 'active'])
})

test('of two suppressions the one that lasts longer counts', () => {
  const forNow = endpointAfter(one('active'), said('suppressed', 11, 20))
  assert.equal(forNow.until, 20)
  assert.equal(endpointAfter(forNow, said('suppressed', 12, 15)), forNow)
  assert.equal(endpointAfter(forNow, said('suppressed', 12)).until, undefined)
  assert.equal(
    endpointAfter(endpointAfter(forNow, said('suppressed', 12)), said('suppressed', 13, 99)).until,
    undefined,
  )
})

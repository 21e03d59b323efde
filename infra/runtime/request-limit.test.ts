import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type FastifyRequest, problem } from './http.ts'
import { clientOf, createRequestLimit } from './request-limit.ts'

const from = (ip: string) => clientOf({ ip } as FastifyRequest)
const refusal = problem(429, {}).body.title

test('a client has its burst and then its rate, and is told when to come again; another has its own', () => {
  let now = 0
  const limit = createRequestLimit({ perSecond: 2, burst: 3 }, { now: () => now })
  const asks = (ip: string) => {
    try {
      limit.take(from(ip))
      return 'taken'
    } catch (error) {
      const { body, headers } = error as ReturnType<typeof problem>
      return `${body.title} ${headers['retry-after']}`
    }
  }
  for (let n = 0; n < 3; n++) assert.equal(asks('198.51.100.7'), 'taken')
  assert.equal(asks('198.51.100.7'), `${refusal} 1`)
  assert.equal(asks('::ffff:198.51.100.7'), `${refusal} 1`, 'the same, by another name')
  assert.equal(asks('198.51.100.8'), 'taken')
  now = 500
  assert.equal(asks('198.51.100.7'), 'taken')
  assert.equal(asks('198.51.100.7'), `${refusal} 1`)
  now = 3_600_000
  for (let n = 0; n < 3; n++) assert.equal(asks('198.51.100.7'), 'taken')
  assert.equal(asks('198.51.100.7'), `${refusal} 1`, 'nothing is saved up beyond the burst')
  now = 0
  assert.equal(asks('198.51.100.7'), `${refusal} 1`, 'a clock that is put back gives nothing')
  now = 500
  assert.equal(asks('198.51.100.7'), 'taken', 'and takes no longer than it says')
})

test('of IPv6 a network is a client', () => {
  const limit = createRequestLimit({ perSecond: 1, burst: 1 }, { now: () => 0 })
  limit.take(from('2001:db8:1:2::1'))
  for (const ip of ['2001:db8:1:2::2', '2001:db8:1:2:3:4:5:6', '2001:db8:1:2:ffff::%eth0'])
    assert.throws(() => limit.take(from(ip)), ip)
  limit.take(from('2001:db8:1:3::1'))
  limit.take(from('2001:db8::1'))
})

test('who is forgotten begins anew, and memory has an end', () => {
  const limit = createRequestLimit({ perSecond: 1, burst: 1 }, { now: () => 0 })
  limit.take(from('first'))
  for (let n = 0; n < 50_000; n++) limit.take(from(`client ${n}`))
  limit.take(from('first'))
  assert.throws(() => limit.take(from('client 49999')))
})

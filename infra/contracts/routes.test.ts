import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isRouteOf, pickRoute, providerOfRoute, routeFor } from './routes.ts'

const routes = [
  { name: 'twilio', weight: 90 },
  { name: 'twilio_b', weight: 10 },
  { name: 'twilio_old', weight: 0 },
]

test('deliveries go by their routes as these weigh, each by the same whenever it is asked', () => {
  const people = Array.from({ length: 10_000 }, (_, n) => ({ recipient: `u${n}`, intent: 'i1' }))
  const picked = people.map(of => routeFor(routes, of))
  assert.deepEqual(
    people.map(of => routeFor(routes, of)),
    picked,
  )
  const other = picked.filter(name => name === 'twilio_b').length
  assert.ok(other > 900 && other < 1_100, `${other} of 10,000`)
  assert.ok(!picked.includes('twilio_old'), 'without a weight nothing new goes there')
  // Another intent draws anew: nobody is told everything by the smaller account.
  assert.notDeepEqual(
    people.map(of => routeFor(routes, { ...of, intent: 'i2' })),
    picked,
  )
})

test('the whole of the draw falls on a route', () => {
  assert.deepEqual(
    [0, 0.89, 0.9, 0.999_999, 1].map(at => pickRoute(routes, at)),
    ['twilio', 'twilio', 'twilio_b', 'twilio_b', 'twilio_b'],
  )
})

test('a route is named for its provider', () => {
  assert.deepEqual(['twilio', 'twilio_b', 'sendgrid_eu_2'].map(providerOfRoute), ['twilio', 'twilio', 'sendgrid'])
  assert.ok(isRouteOf('sms', 'twilio') && isRouteOf('sms', 'twilio_b2') && isRouteOf('email', 'sendgrid_eu'))
  for (const name of ['sendgrid', 'sms', 'twilio_', 'Twilio', 'twilio_b_c', 'twilio-b', 'inbox', ''])
    assert.ok(!isRouteOf('sms', name), name)
})

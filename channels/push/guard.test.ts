import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Answer } from '#contracts/outcome.ts'
import { guardTokens } from './guard.ts'

const dead = (reason: string): Answer => ({ kind: 'addressDead', reason })
const accepted: Answer = { kind: 'accepted', providerId: 'p' }
const terms = { suspects: ['BadDeviceToken'], unproved: ['INVALID_ARGUMENT token'] }
const kinds = (answers: Answer[]) => guardTokens(answers, terms).map(({ kind }) => kind)
const many = Array.from({ length: 10 }, () => dead('BadDeviceToken'))

test('many suspect tokens and none accepted are a fault of ours', () => {
  assert.deepEqual(kinds([...many, dead('Unregistered')]), [...many.map(() => 'config'), 'addressDead'])
  assert.deepEqual(kinds([...many, accepted]), [...many.map(() => 'addressDead'), 'accepted'])
  assert.deepEqual(
    kinds(many.slice(1)),
    many.slice(1).map(() => 'addressDead'),
  )
})

test('what may be the message ends a token only where another was accepted', () => {
  assert.deepEqual(kinds([dead('INVALID_ARGUMENT token')]), ['messageDead'])
  assert.deepEqual(kinds([dead('INVALID_ARGUMENT token'), accepted]), ['addressDead', 'accepted'])
})

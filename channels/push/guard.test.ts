import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Answer } from '#contracts/outcome.ts'
import { guardTokens, proveContents } from './guard.ts'

const dead = (reason: string): Answer => ({ kind: 'addressDead', reason })
const accepted: Answer = { kind: 'accepted', providerId: 'p' }
const kinds = (answers: Answer[]) => guardTokens(answers, ['BadDeviceToken']).map(({ kind }) => kind)
const many = Array.from({ length: 10 }, () => dead('BadDeviceToken'))

test('many suspect tokens and none accepted are a fault of ours', () => {
  assert.deepEqual(kinds([...many, dead('Unregistered')]), [...many.map(() => 'config'), 'addressDead'])
  assert.deepEqual(kinds([...many, accepted]), [...many.map(() => 'addressDead'), 'accepted'])
  assert.deepEqual(
    kinds(many.slice(1)),
    many.slice(1).map(() => 'addressDead'),
  )
})

test('what may be the message ends a token only where its content is proved to be good', async () => {
  const [good, bad, sent] = ['good', 'bad', 'sent'].map(title => ({ title, body: '' }))
  const contents = [good, bad, sent, sent, bad]
  const answers = [dead('unproved'), dead('unproved'), dead('unproved'), accepted, dead('Unregistered')]
  const asked: unknown[] = []
  const validate = async (places: readonly number[]) => {
    asked.push(...places.map(at => contents[at]))
    return places.map(at => contents[at] === good)
  }
  const proved = await proveContents({ answers, contents }, { unproved: 'unproved', validate })
  assert.deepEqual(
    proved.map(({ kind }) => kind),
    ['addressDead', 'messageDead', 'addressDead', 'accepted', 'addressDead'],
  )
  assert.deepEqual(asked, [good, bad], 'what was accepted in the same call needs no asking')
})

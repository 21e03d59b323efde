import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sentence } from '#contracts/decision.ts'
import { templateFault, TemplateFault } from './template-fault.ts'

type Data = { author?: { name: string }; words?: Record<string, string>; secret: string }

/** What is told of a template that fails, or would, for some data. */
const told = (template: (data: Data) => unknown, error: unknown = new Error('of Secret Street')) =>
  templateFault({
    ...{ of: 'comment.created', channel: 'push', locale: 'de', error },
    data: { secret: 'Secret Street' },
    again: data => template(data as Data),
  })

test('a template that fails is named with its channel, its language and the field it read last', () => {
  const why = told(data => data.author!.name)
  assert.equal(why.rule, 'template_failed')
  assert.match(sentence(why), /\(comment\.created, push, de: it failed after it read data\.author\)/)
})

test('what reads no data names none, and what says what is wrong is told as it says it', () => {
  assert.equal(told(() => undefined!['x']).value, 'comment.created, push, de: it failed')
  assert.equal(
    told(() => '', new TemplateFault('it gives no body', 'body')).value,
    'comment.created, push, de: it gives no body',
  )
})

test('what is data is not told, not even where it is the name of a field', () => {
  const why = told(data => (data as unknown as Record<string, string>)[data.secret]!.length)
  assert.doesNotMatch(JSON.stringify(why), /Secret|Street/)
})

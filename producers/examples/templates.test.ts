import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ContentOf, DigestItem } from '#contracts/catalogue.ts'
import { channels } from '#contracts/channel.ts'
import type { Intent } from '#contracts/intent.ts'
import { catalogue } from '../catalogue/catalogue.ts'
import { createTestNotifier } from '../sdk/test-notifier.ts'
import { playExample } from './play.ts'
import { workflows } from './workflows.ts'

type Rendered = {
  [C in keyof ContentOf]: { channel: C; locale: string; type: string; content: ContentOf[C] }
}[keyof ContentOf]

/**
 * Every intent of a play and of the workflows, on every channel of its type, in every language of its templates: alone,
 * and for three of its kind where the type has a digest.
 */
async function renderedIntents(change: (data: Intent['data']) => Intent['data'] = data => data): Promise<Rendered[]> {
  const notifier = createTestNotifier(catalogue)
  await playExample({ notifier, rounds: 1 })
  for (const [key, state] of Object.entries(workflows))
    await notifier.notifyMany(
      state({ to: ['u1'], key }, 1).map(({ type, options }) => ({
        type,
        options: { ...options, key: `${key} ${type}` },
      })),
    )
  return notifier.intents.flatMap(({ type, data, occurredAt }) => {
    const { arms, deliver, digest, templates } = catalogue.types.get(type)!
    const all = Object.keys(arms?.split ?? { none: 1 }) as never[]
    const item: DigestItem = { type, data: change(data), occurredAt }
    const three = { digest: { count: 3, items: [item, item, item] as never } }
    const shared = digest?.into === undefined ? undefined : catalogue.digests.get(digest.into)!.templates
    return Object.entries(templates).flatMap(([locale, byChannel]) =>
      deliver.flatMap(({ channel }) =>
        all.flatMap(arm => {
          const input = { data: change(data) as never, locale, arm }
          const contents = [byChannel[channel]!(input)]
          if (digest) contents.push(byChannel[channel]!({ ...input, ...three }))
          const together = shared?.[locale]?.[channel]
          if (together) contents.push(together({ locale, data: {}, ...three }))
          return contents.map(content => ({ channel, locale, type, content }) as Rendered)
        }),
      ),
    )
  })
}

test('every template says something on every channel, in every language', async () => {
  const rendered = await renderedIntents()
  assert.deepEqual([...new Set(rendered.map(one => one.type))].sort(), [...catalogue.types.keys()].sort())
  assert.deepEqual([...new Set(rendered.map(one => one.channel))].sort(), [...channels].sort())
  assert.deepEqual([...new Set(rendered.map(one => one.locale))].sort(), ['de', 'en'])
  for (const { type, content } of rendered) {
    const texts = Object.values(content).map(text => (typeof text === 'string' ? text : text?.html))
    for (const text of texts) assert.ok(text && !/undefined|null|\[object|NaN/.test(text), `${type}: ${text}`)
  }
})

test('what people write cannot become markup, a header or a second line of a subject', async () => {
  const hostile = '<img src=x onerror=alert(1)>"\'\r\nBcc: all@mail.example'
  const bend = (data: Intent['data']) =>
    Object.fromEntries(Object.entries(data).map(([key, value]) => [key, key === 'url' ? value : hostile]))
  for (const { type, channel, content } of await renderedIntents(bend)) {
    if (channel !== 'email') continue
    assert.ok(!content.html.html.includes('<img'), type)
    assert.doesNotMatch(content.subject, /[\r\n]/)
  }
})

test('a text message fits one segment of 160 characters (GSM 03.38)', async () => {
  const texts = (await renderedIntents()).flatMap(one =>
    one.channel === 'sms' ? [[one.content.text, one.content.url].join(' ').trim()] : [],
  )
  assert.ok(texts.length > 0)
  for (const text of texts) assert.match(text, /^[\n\r -~äöüÄÖÜßà]{1,160}$/)
})

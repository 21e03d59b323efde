import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { catalogueOf } from '#contracts/catalogue.ts'
import { catalogue as shipped } from '#producers/catalogue/catalogue.ts'
import { defineNotification } from '#producers/sdk/define-notification.ts'
import { checkCatalogue, type CheckTerms, type Problem } from './check.ts'
import { jsonSchemaOf } from './json-schema.ts'
import { sampleOf } from './sample.ts'

const nothing: CheckTerms = { links: undefined, replyTo: {}, stored: [], quiet: [], quietDays: 30 }
const about = { category: 'social', lane: 'default', owner: 'test', value: 3 } as const
const placeOf = ({ type, locale, channel, field, problem }: Problem) =>
  [type, locale, channel, field, problem].filter(part => part !== undefined).join(' · ')

test('what ships has nothing wrong', async () => {
  const { problems, texts } = await checkCatalogue(shipped, { ...nothing, links: { url: 'https://carillon.example' } })
  assert.deepEqual(problems, [])
  assert.ok(texts > 100)
})

const push = (schema: z.ZodType, body: (data: never) => string) =>
  defineNotification({
    ...{ ...about, type: 'a.push', schema, deliver: [{ channel: 'push' }] },
    templates: { en: { push: ({ data }) => ({ title: 'Title', body: body(data as never) }) } },
  })
const texts = (segmentsMax?: number) =>
  defineNotification({
    ...{ ...about, type: 'a.text', deliver: [{ channel: 'sms' }] },
    ...(segmentsMax !== undefined && { sms: { segmentsMax } }),
    schema: z.object({ words: z.string().max(700), url: z.url() }),
    templates: { en: { sms: ({ data }) => ({ text: data.words, url: data.url }) } },
  })

/** Place and problem of everything that is wrong with these. */
const problemsOf = async (types: readonly object[], terms: Partial<CheckTerms> = {}) => {
  const { problems } = await checkCatalogue(catalogueOf('1', types as never), { ...nothing, ...terms })
  for (const { mend } of problems) assert.ok(mend.length > 10)
  return problems.map(placeOf)
}

test('a language that other types have is missed', async () => {
  const both = push(z.object({}), () => 'Body')
  const german = { ...both, type: 'b.push', templates: { ...both.templates, de: both.templates.en } }
  assert.deepEqual(await problemsOf([both, german]), ['a.push · de · has no templates in it'])
})

test('a push that may be too long is told with its field, one that cannot be is not', async () => {
  const body = (data: { words: string }) => data.words
  const cut = 'a.push · en · push · body · is cut to fit into 4,096 bytes'
  assert.deepEqual(await problemsOf([push(z.object({ words: z.string().max(5_000) }), body)]), [cut])
  assert.deepEqual(await problemsOf([push(z.object({ words: z.string().max(2_000) }), body)]), [])
  assert.deepEqual(await problemsOf([push(z.object({ words: z.string() }), body)]), [], 'of the usual length')
})

test('a text message over the limit of its type is told with its segments, its link as it will be sent', async () => {
  const over = (n: number, most: number) => `a.text · en · sms · text · it takes ${n} segments, and may take ${most}`
  assert.deepEqual(await problemsOf([texts()]), [over(5, 4)])
  assert.deepEqual(await problemsOf([texts(5)]), [])
  const links = { url: `https://${'carillon'.repeat(3)}.example` }
  assert.deepEqual(await problemsOf([texts(5)], { links }), [over(6, 5)])
})

test('a mail whose answers go to a mailbox that nobody configured is told', async () => {
  const mail = defineNotification({
    ...{ ...about, type: 'a.mail', schema: z.object({}), deliver: [{ channel: 'email' }] },
    templates: {
      en: { email: () => ({ subject: 'Subject', text: 'Text', html: { html: '<p>Text</p>' }, replyTo: 'support' }) },
    },
  })
  assert.deepEqual(await problemsOf([mail], { replyTo: { support: 'support@carillon.test' } }), [])
  assert.deepEqual(await problemsOf([mail]), ['a.mail · en · email · replyTo · its replyTo is none of '])
})

test('a template that fails, alone or in a digest, is told with the field that it read', async () => {
  const schema = z.object({ name: z.string() })
  const failing = defineNotification({
    ...{ ...about, type: 'a.digest', schema, deliver: [{ channel: 'push' }], digest: { every: '10m' } },
    templates: {
      en: {
        push: ({ data, digest }) => ({
          title: 'Title',
          body: digest ? (data as unknown as { gone: { x: string } }).gone.x : data.name,
        }),
      },
    },
  })
  assert.deepEqual(await problemsOf([failing]), [
    'a.digest · en · push · data.gone · it failed after it read data.gone',
  ])
  const hole = push(schema, () => undefined as never)
  assert.deepEqual(await problemsOf([hole]), ['a.push · en · push · body · it gives no body'])
})

test('where no data can be made up, examples are asked for, and must fit', async () => {
  const schema = z.object({ code: z.string().regex(/^[A-Z]{3}-\d{6}$/) })
  const coded = push(schema, () => 'Body')
  assert.deepEqual(await problemsOf([coded]), ['a.push · data.code · no data can be made up that fits its schema'])
  assert.deepEqual(await problemsOf([{ ...coded, examples: [{ code: 'ABC-123456' }] }]), [])
  assert.deepEqual(await problemsOf([{ ...coded, examples: [{ code: 'abc' }] }]), [
    'a.push · data.code · its examples do not fit its schema',
  ])
})

test('what was stored and is gone, what it breaks, and what nobody uses are told', async () => {
  const type = push(z.object({ words: z.string() }), () => 'Body')
  const was = (name: string, schema: z.ZodType) => ({
    ...{ type: name, catalogue: '7', since: 0 },
    schema: jsonSchemaOf({ schema } as never)!,
  })
  const stored = [was('a.push', z.object({ author: z.string() })), was('b.gone', z.object({}))]
  assert.deepEqual(await problemsOf([type], { stored, quiet: ['a.push'] }), [
    'a.push · data.author · was removed: breaks what was stated by catalogue 7',
    'a.push · data.words · is required now: breaks what was stated by catalogue 7',
    'b.gone · is gone since catalogue 7: what is under way of it would wait for ever',
    'a.push · nothing of it was stated for 30 days',
  ])
})

test('data that is made up fits the schemas that it is made by, and is long', () => {
  const schema = z.strictObject({
    name: z.string().max(300),
    id: z.uuid(),
    at: z.iso.datetime(),
    link: z.url(),
    mail: z.email(),
    kind: z.enum(['a', 'longer']),
    one: z.literal('x'),
    count: z.int().min(3).max(90),
    share: z.number().gt(0).lt(5),
    on: z.boolean(),
    none: z.null(),
    either: z.union([z.object({ a: z.string() }), z.string()]),
    list: z.array(z.string().max(40)).min(2),
    perhaps: z.string().optional(),
  })
  const made = schema.parse(sampleOf(jsonSchemaOf({ schema } as never)!))
  assert.equal(made.name.length, 300)
  assert.equal(made.kind, 'longer')
  assert.ok(made.perhaps!.length > 10)
})

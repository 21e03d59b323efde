import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { z } from 'zod'
import { catalogueOf } from '#contracts/catalogue.ts'
import { createInbox, inboxMessage, itemId } from '#channels/in-app/inbox.fixture.ts'
import { greeting } from '#channels/world.fixture.ts'
import type { Offer } from '#contracts/preferences.ts'
import { meApi } from '#preferences/me-api.ts'
import { deleteRecipient, upsertRecipients } from '#preferences/recipient-store.ts'
import { openapiOf } from '#producers/http/openapi.ts'
import { peoplePaths } from '#producers/http/openapi-people.ts'
import { manualClock } from '#runtime/clock.ts'

type Inbox = Awaited<ReturnType<typeof createInbox>>
type Said = { status: number; type: string; text: string }
type Asking = {
  of?: string
  tenant?: string
  body?: unknown
  raw?: string
  type?: string
  headers?: Record<string, string>
}
type Scope = 'inbox' | 'preferences'

const document = openapiOf(catalogueOf('1', [greeting]))
const offers: readonly Offer[] = [
  {
    category: 'social',
    channels: (['push', 'email', 'in_app'] as const).map(channel => ({ channel, mandatory: false })),
  },
]
const clock = manualClock(Date.now())
let inbox: Inbox
/** A process that is about to end. */
let ending: Awaited<ReturnType<Inbox['serve']>>

before(async () => {
  inbox = await createInbox({ clock, also: (app, deps) => meApi(app, { ...deps, offers }) })
  ending = await inbox.serve()
  await ending.streams[Symbol.asyncDispose]()
  const { db } = inbox
  const store = { db, addressKey: 'a key of this test', now: clock.now() }
  const phone = { id: 'phone', channel: 'push', provider: 'fcm', address: 'a-token', app: 'A phone' } as const
  await upsertRecipients(store, [{ id: 'ann', tenant: 'acme', endpoints: [phone] }])
  await deleteRecipient({ db, now: clock.now() }, 'gone')
  for (const key of ['a', 'b', 'c'])
    await inbox.put([inboxMessage('ann', key, { thread: 't', url: '/x', ...(key === 'a' && { tenant: 'acme' }) })])
  // A person whose requests are used up, until the clock goes on.
  for (let n = 0; n < 60; n++) await asked('GET /v1/me/inbox/counts', { of: 'flood' })
})
after(async () => {
  await ending?.[Symbol.asyncDispose]()
  await inbox?.[Symbol.asyncDispose]()
})

async function asked(
  route: string,
  asking: Asking = {},
  { at = inbox.url, scopes = ['inbox', 'preferences'] as Scope[] } = {},
) {
  const { of = 'ann', tenant, body, raw, type = 'application/json', headers } = asking
  const [method, path] = route.split(' ') as [string, string]
  const abort = new AbortController()
  const sent = raw ?? (body === undefined ? undefined : JSON.stringify(body))
  const response = await fetch(`${at}${path}`, {
    ...{ method, signal: abort.signal },
    headers: {
      ...(of !== '' && { authorization: `Bearer ${await inbox.tokenOf(of, { scopes, tenant })}` }),
      ...(sent !== undefined && { 'content-type': type }),
      ...headers,
    },
    ...(sent !== undefined && { body: sent }),
  })
  const isStream = response.headers.get('content-type')?.startsWith('text/event-stream')
  const text = isStream ? await firstEvent(response) : await response.text()
  abort.abort()
  return { status: response.status, type: response.headers.get('content-type') ?? '', text }
}

async function firstEvent({ body }: Response): Promise<string> {
  let text = ''
  for await (const part of body!.pipeThrough(new TextDecoderStream())) {
    text += part
    const found = /^data: (.*)\n\n/m.exec(text)
    if (found) return found[1]!
  }
  return ''
}

/** By operation and status. What any of them answers alike is added to each. */
const cases: Record<string, Record<string, () => Promise<Said>>> = {
  getInbox: {
    200: () => asked('GET /v1/me/inbox?limit=2&thread=t'),
    400: () => asked('GET /v1/me/inbox?limit=0'),
    403: () => asked('GET /v1/me/inbox?tenant=bolt', { tenant: 'acme' }),
  },
  getInboxCounts: {
    200: () => asked('GET /v1/me/inbox/counts', { tenant: 'acme' }),
    400: () => asked('GET /v1/me/inbox/counts?user=bob'),
  },
  markInbox: {
    200: () => asked('POST /v1/me/inbox/marks', { body: { what: 'read', ids: [itemId('ann', 'a')] } }),
    400: () => asked('POST /v1/me/inbox/marks', { body: { what: 'read' } }),
  },
  streamInbox: {
    200: () => asked('GET /v1/me/inbox/stream', { headers: { 'last-event-id': '0' } }),
    400: () => asked('GET /v1/me/inbox/stream?user=bob'),
    503: () => asked('GET /v1/me/inbox/stream', {}, { at: ending.url }),
  },
  getOwnPreferences: {
    200: () => asked('GET /v1/me/preferences'),
    410: () => asked('GET /v1/me/preferences', { of: 'gone' }),
    422: () => asked('GET /v1/me/preferences?user=bob'),
  },
  changeOwnPreferences: {
    200: () => asked('PATCH /v1/me/preferences', { body: everything, type: 'application/merge-patch+json' }),
    400: () => asked('PATCH /v1/me/preferences', { raw: '{', type: 'application/merge-patch+json' }),
    410: () => asked('PATCH /v1/me/preferences', { of: 'gone', body: { paused: true } }),
    412: () => asked('PATCH /v1/me/preferences', { body: { paused: true }, headers: { 'if-match': '"another"' } }),
    422: () => asked('PATCH /v1/me/preferences', { body: { paused: 'x', nothing: 1 } }),
  },
  signOutDevice: {
    200: () => asked('DELETE /v1/me/devices/phone'),
    404: () => asked('DELETE /v1/me/devices/none'),
    410: () => asked('DELETE /v1/me/devices/phone', { of: 'gone' }),
  },
  getOwnHistory: {
    200: () => asked('GET /v1/me/history'),
    410: () => asked('GET /v1/me/history', { of: 'gone' }),
    422: () => asked('GET /v1/me/history?before=x'),
  },
}
const everything = {
  categories: { social: { push: false } },
  ...{ threads: { t: true, u: '2099-01-01T00:00:00Z' }, paused: '1h', cadence: { social: 'daily' } },
  levels: { room: { general: { level: 'mentions', until: '2099-01-01T00:00:00Z', everyone: false } } },
  quiet: { windows: [{ days: ['mon'], start: '22:00', end: '08:00' }] },
  ...{ zone: 'Europe/Berlin', locale: 'de' },
}

for (const [path, operations] of Object.entries(peoplePaths()))
  for (const [method, operation] of Object.entries(operations))
    test(`${method.toUpperCase()} ${path} answers what the document says, with every status of it`, async () => {
      const route = `${method.toUpperCase()} ${path.replace('{device}', 'phone')}`
      const scope = operation.security![0]!['personToken']![0] as Scope
      const own = { ...cases[operation.operationId] }
      const alike: typeof own = {
        401: () => asked(route, { of: '' }),
        403: () => asked(route, {}, { scopes: [scope === 'inbox' ? 'preferences' : 'inbox'] }),
        429: () => asked(route, { of: 'flood' }),
      }
      assert.deepEqual(Object.keys(operation.responses).toSorted(), Object.keys({ ...alike, ...own }).toSorted())
      for (const [status, { content = {} }] of Object.entries(operation.responses))
        for (const ask of [own[status], alike[status]]) {
          if (!ask) continue
          const said = await ask()
          assert.equal(said.status, Number(status), `${status}: ${said.text}`)
          const type = said.type.split(';')[0]!
          assert.ok(Object.hasOwn(content, type), `${status} is ${type}`)
          const isStream = type === 'text/event-stream'
          const schema = isStream ? { $ref: '#/components/schemas/InboxChanges' } : content[type]!.schema
          const judged = schemaOf(schema).safeParse(JSON.parse(said.text))
          assert.ok(judged.success, `${status}: ${judged.error?.message} in ${said.text}`)
        }
    })

test('a schema of the document refuses what is not in it', () => {
  const page = schemaOf({ $ref: '#/components/schemas/InboxPage' })
  const empty = { items: [], counts: { unseen: 0, unread: 0 }, number: 0 }
  assert.ok(page.safeParse(empty).success)
  for (const wrong of [
    { ...empty, more: 1 },
    { ...empty, number: '0' },
    { items: [], number: 0 },
    { ...empty, items: [{}] },
  ])
    assert.ok(!page.safeParse(wrong).success, JSON.stringify(wrong))
})

/** A schema of the document, references and all. */
function schemaOf(schema: unknown): z.ZodType {
  const { schemas } = document.components as { schemas: Record<string, unknown> }
  const whole = JSON.stringify({ ...(schema as object), $defs: schemas }).replaceAll(
    '#/components/schemas/',
    '#/$defs/',
  )
  return z.fromJSONSchema(JSON.parse(whole) as Parameters<typeof z.fromJSONSchema>[0])
}

import { channels } from '#contracts/channel.ts'
import { inboxDeeds } from '#contracts/engagement.ts'
import { countMax } from '#contracts/inbox.ts'
import { cadences, levels, quietRules, scopes, switches } from '#contracts/preferences.ts'
import { weekdays } from '#contracts/quiet-hours.ts'
import {
  answer,
  array,
  flag,
  instant,
  integer,
  mapOf,
  name,
  object,
  type OpenApi,
  type Operation,
  ref,
  refused,
  type Schema,
  text,
} from './openapi-parts.ts'

/** What people's own pages and apps ask for by a token of the person; no path, query or body names one. */
export const peoplePaths = (): OpenApi['paths'] => ({
  '/v1/me/inbox': { get: getInbox },
  '/v1/me/inbox/counts': { get: getInboxCounts },
  '/v1/me/inbox/marks': { post: markInbox },
  '/v1/me/inbox/stream': { get: streamInbox },
  '/v1/me/preferences': { get: getPreferences, patch: changePreferences },
  '/v1/me/devices/{device}': { delete: signOutDevice },
  '/v1/me/history': { get: getHistory },
})

const inboxToken = { security: [{ personToken: ['inbox'] }] }
const preferencesToken = { security: [{ personToken: ['preferences'] }] }
const refusals = {
  '401': refused('No token, or one that is not believed: its key, audience, subject or time.'),
  '403': refused('The token lacks the scope, or is of another tenant.'),
  '429': refused('Too many requests of this person. Again after Retry-After seconds.'),
}
const misasked = { '400': refused('Refused, with every problem.') }
const wrong = { '422': refused('Refused, with every problem. Nothing was changed.') }
const erased = { '410': refused('This person was erased.') }

const query = (field: string, description: string, schema: Schema = name) => ({
  ...{ name: field, in: 'query' as const, description, schema },
})
const number: Schema = { type: 'string', pattern: '^[0-9]{1,15}$' }

const inTenant = query(
  'tenant',
  'What was told in it, and in none. Of a token of a tenant only that one, which is what it means anyway.',
)

const getInbox: Operation = {
  ...inboxToken,
  operationId: 'getInbox',
  summary: 'Look at one’s inbox',
  description: 'The newest first, with the counts of the same moment.',
  parameters: [
    query('cursor', 'Older than those of the page that had it.', number),
    query('limit', 'Items of a page, up to 100. Default: 20.', number),
    query('unread', 'Only what is not read.', { enum: ['true', 'false'] }),
    query('archived', 'What is archived instead of what is not.', { enum: ['true', 'false'] }),
    query('thread', 'Only of this thread.'),
    query('type', 'Only of this type.'),
    query('category', 'Only of this category.'),
    inTenant,
  ],
  responses: { '200': answer('A page of it.', 'InboxPage'), ...misasked, ...refusals },
}

const getInboxCounts: Operation = {
  ...inboxToken,
  operationId: 'getInboxCounts',
  summary: 'Count what is new in one’s inbox',
  description: 'For a badge.',
  parameters: [inTenant],
  responses: { '200': answer('The counts.', 'InboxNumbers'), ...misasked, ...refusals },
}

const markInbox: Operation = {
  ...inboxToken,
  operationId: 'markInbox',
  summary: 'Mark items of one’s inbox',
  description:
    'By their ids, or all up to a number, or all there are. Safe to repeat; what is somebody else’s is not found.',
  requestBody: { required: true, content: { 'application/json': { schema: ref('InboxMarks') } } },
  responses: {
    '200': answer('Marked, with the counts that follow.', 'InboxMarked'),
    ...{ ...misasked, ...refusals },
  },
}

const streamInbox: Operation = {
  ...inboxToken,
  operationId: 'streamInbox',
  summary: 'Hear of what changes in one’s inbox',
  description:
    'Server-Sent Events, the id of each the person’s number: changes (its data is InboxChanges), reset (ask for the inbox anew), expired (the token has; the end). A comment comes every 15 s.',
  parameters: [
    inTenant,
    {
      ...{ name: 'Last-Event-ID', in: 'header', schema: number },
      description: 'Goes on after this number. Absent: from now on.',
    },
  ],
  responses: {
    '200': { description: 'Until the token expires.', content: { 'text/event-stream': { schema: text } } },
    ...{ ...misasked, ...refusals },
    '503': refused('This process takes no more streams. Again after Retry-After seconds.'),
  },
}

const getPreferences: Operation = {
  ...preferencesToken,
  operationId: 'getOwnPreferences',
  summary: 'Look at one’s preferences',
  description: 'What was said, where each switch stands and what follows from it, devices and the latest changes.',
  responses: { '200': answer('All of it; ETag names this state.', 'OwnPreferences'), ...wrong, ...erased, ...refusals },
}

const changePreferences: Operation = {
  ...preferencesToken,
  operationId: 'changeOwnPreferences',
  summary: 'Change one’s preferences',
  description: 'A merge patch (RFC 7396): what is not given stays, null takes it back.',
  parameters: [
    {
      ...{ name: 'If-Match', in: 'header', schema: text },
      description: 'The ETag that the change was made from. Absent: whatever is there.',
    },
  ],
  requestBody: {
    required: true,
    content: {
      'application/merge-patch+json': { schema: ref('PreferencesPatch') },
      'application/json': { schema: ref('PreferencesPatch') },
    },
  },
  responses: {
    '200': answer('Changed: all of it as it is now.', 'OwnPreferences'),
    '400': refused('Not JSON.'),
    '412': refused('Something was changed meanwhile. Get it again, then change it.'),
    ...{ ...wrong, ...erased, ...refusals },
  },
}

const signOutDevice: Operation = {
  ...preferencesToken,
  operationId: 'signOutDevice',
  summary: 'Sign a device of one’s own out of notifications',
  description: 'It gets none until its app registers it again.',
  parameters: [{ name: 'device', in: 'path', required: true, description: 'Its id in the preferences.', schema: name }],
  responses: {
    '200': answer('Signed out: all preferences as they are now.', 'OwnPreferences'),
    '404': refused('There is no such device of this person.'),
    ...{ ...erased, ...refusals },
  },
}

const getHistory: Operation = {
  ...preferencesToken,
  operationId: 'getOwnHistory',
  summary: 'Read what was changed of one’s preferences',
  description: 'Who, when and through what; the latest first, 100 at once.',
  parameters: [query('before', 'Older than this change.', { type: 'string', pattern: '^[0-9]{1,18}$' })],
  responses: { '200': answer('The changes.', 'History'), ...wrong, ...erased, ...refusals },
}

export const peopleSchemas = (): Record<string, Schema> => ({
  InboxItem: item,
  InboxCounts: counts,
  InboxPage: object(
    {
      ...{ items: array(ref('InboxItem')), counts: ref('InboxCounts'), number: upTo },
      cursor: { ...text, description: 'There are older ones: ask for them by it.' },
    },
    ['items', 'counts', 'number'],
  ),
  InboxNumbers: object({ counts: ref('InboxCounts'), number: upTo }, ['counts', 'number']),
  InboxMarks: marks,
  InboxMarked: object(
    {
      found: { ...integer, description: 'Of the ids those that lie in the inbox; else how many were marked.' },
      ...{ counts: ref('InboxCounts'), number: upTo },
    },
    ['found', 'counts', 'number'],
  ),
  InboxChanges: object(
    {
      ...{ number: upTo, items: array(ref('InboxItem')), counts: ref('InboxCounts') },
      gone: { ...array(text), description: 'Ids of items that are there no more.' },
    },
    ['number', 'items', 'gone', 'counts'],
  ),
  QuietHours: quietHours,
  PreferencesPatch: patch,
  Change: change,
  History: object({ changes: array(ref('Change')), more: flag }, ['changes', 'more']),
  OwnPreferences: own,
})

const upTo: Schema = { ...integer, description: 'The person’s number: changes after it are not in here.' }

const counts = object(
  {
    unseen: { ...integer, description: `At most ${countMax}, which means so many or more.` },
    unread: { ...integer, description: `At most ${countMax}, which means so many or more.` },
  },
  ['unseen', 'unread'],
)

const item = object(
  {
    id: text,
    number: { ...integer, description: 'The person’s number when it came; the newest has the highest.' },
    ...{ type: text, category: text, thread: text, title: text, body: text },
    tenant: { ...text, description: 'In which it was told. Absent: in none.' },
    reason: { ...text, description: 'Why the person is told: mention, role …' },
    url: { ...text, description: 'http:, https:, or a path of the product’s own.' },
    at: { type: 'string', format: 'date-time' },
    ...{ seen: flag, read: flag, archived: flag },
  },
  ['id', 'number', 'type', 'title', 'body', 'at', 'seen', 'read', 'archived'],
)

const marks: Schema = {
  ...object(
    {
      what: { enum: inboxDeeds },
      ids: { type: 'array', minItems: 1, maxItems: 500, items: { type: 'string', pattern: '^[\\w-]{1,64}$' } },
      upTo: { type: 'integer', minimum: 0, description: 'All up to this number.' },
      all: { const: true },
      thread: { ...name, description: 'Of all of them only those of this thread.' },
      tenant: { ...name, description: 'Only what was told in it, and in none.' },
    },
    ['what'],
  ),
  oneOf: [{ required: ['ids'], not: { required: ['thread'] } }, { required: ['upTo'] }, { required: ['all'] }],
}

const wallTime: Schema = { type: 'string', pattern: '^\\d{2}:\\d{2}$' }
const quietWindow = object({ days: array({ enum: weekdays }), start: wallTime, end: wallTime }, ['start', 'end'])
const quietHours: Schema = { oneOf: [quietWindow, object({ windows: array(quietWindow) }, ['windows'])] }

const orNull = (schema: Schema): Schema => ({ oneOf: [schema, { type: 'null' }] })
const byChannel = (schema: Schema): Schema => ({
  type: 'object',
  propertyNames: { enum: channels },
  additionalProperties: schema,
})
const forGoodOr = (schema: Schema): Schema => ({ oneOf: [{ const: true }, schema] })
const bySwitch = (schema: Schema) => Object.fromEntries(switches.map(one => [one, schema]))
const byScope = (schema: Schema): Schema => object(Object.fromEntries(scopes.map(scope => [scope, schema])), [])

const patch = object(
  {
    categories: {
      ...orNull(mapOf(orNull(byChannel(orNull(flag))))),
      description: 'By category (or *, for all) and channel; false is off.',
    },
    threads: { ...orNull(mapOf(orNull(forGoodOr(instant)))), description: 'Muted for good, or until a time.' },
    paused: {
      oneOf: [{ const: true }, text, { type: 'null' }],
      description: 'For good, until a time, for a duration (1h), or until tomorrow.',
    },
    levels: orNull(
      byScope(
        orNull(
          mapOf(orNull(object({ level: orNull({ enum: levels }), until: instant, ...bySwitch(orNull(flag)) }, []))),
        ),
      ),
    ),
    cadence: orNull(mapOf(orNull({ enum: cadences }))),
    quiet: { oneOf: [ref('QuietHours'), { const: 'none' }, { type: 'null' }] },
    zone: { ...orNull(text), description: 'IANA time zone.' },
    locale: { ...orNull(text), description: 'BCP 47 language tag.' },
  },
  [],
)

const change = object(
  {
    ...{ id: text, at: { type: 'string', format: 'date-time' }, kind: text, channel: { enum: channels } },
    wish: { ...orNull(flag), description: 'Given, withdrawn, or taken back (null).' },
    through: { ...text, description: 'By whom or what it came.' },
    ...{ category: text, endpoint: text, thread: text, room: text, tenant: text, said: text, until: text },
  },
  ['id', 'at', 'kind', 'wish', 'through'],
)

const cell = object(
  {
    channel: { enum: channels },
    wanted: { ...flag, description: 'Where the switch stands.' },
    on: { ...flag, description: 'What follows now, also where a pause or a mute is over it.' },
    locked: { ...flag, description: 'It cannot be moved.' },
    reachable: { ...flag, description: 'There is an address to send to.' },
    ...{ rule: text, sentence: text },
  },
  ['channel', 'wanted', 'on', 'locked', 'reachable', 'rule', 'sentence'],
)

const device = object(
  { id: text, channel: { enum: channels }, provider: text, app: text, address: text, state: text, since: text },
  ['id', 'channel', 'provider', 'address', 'state'],
)

const quietNow = object(
  { windows: array(quietWindow), zone: text, rule: { enum: quietRules }, sentence: text, until: text },
  ['windows', 'zone', 'rule', 'sentence'],
)

const own = object(
  {
    paused: forGoodOr(text),
    categories: mapOf(byChannel(flag)),
    threads: mapOf(forGoodOr(text)),
    levels: byScope(
      mapOf(object({ level: { enum: levels }, until: text, after: { enum: levels }, ...bySwitch(flag) }, [])),
    ),
    cadence: mapOf({ enum: cadences }),
    quiet: { oneOf: [ref('QuietHours'), { const: 'none' }] },
    ...{ zone: text, locale: text, quietHours: quietNow },
    grid: array(object({ category: text, cells: array(cell) }, ['category', 'cells'])),
    devices: array(device),
    history: { ...array(ref('Change')), description: 'The latest changes.' },
    tenant: { ...text, description: 'In which it is asked.' },
    tenantQuiet: { ...flag, description: 'The tenant has quiet hours.' },
  },
  ['categories', 'threads', 'levels', 'cadence', 'quietHours', 'grid', 'devices', 'history', 'tenantQuiet'],
)

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TenantSettings } from '#contracts/preferences.ts'
import type { Levels } from './levels.ts'
import { type Ask, mayWe } from './may-we.ts'
import type { Choices, Person } from './preferences.ts'

const person = (choices: Choices, erased = false): Person => ({ id: 'u1', choices, endpoints: [], erased })
const off: Choices = { categories: { '*': { push: false } } }
const ask = (about: Partial<Ask> = {}): Ask => ({
  ...{
    category: 'social',
    channel: 'push',
    place: { thread: 't1', room: 'r1', tenant: 's1' },
    mandatory: false,
    at: 1000,
  },
  ...about,
})

type Row = [name: string, person: Person, about: Partial<Ask>, expected: string]
const within = (tenant: TenantSettings, choices: Choices = {}): Person => ({ ...person(choices), within: tenant })
const lock = (push: boolean): TenantSettings => ({ locks: { social: { push } } })
const set = (push: boolean): TenantSettings => ({ defaults: { '*': { push } } })
/** What the tenant sets, and what the person says of it. */
const tenantRows: Row[] = [
  ['locked off', within(lock(false)), {}, 'suppressed_preference tenant_locked off for social by push'],
  [
    'locked off, before a pause',
    within(lock(false), { paused: true }),
    {},
    'suppressed_preference tenant_locked off for social by push',
  ],
  [
    'locked off, whatever the person wants',
    within(lock(false), { categories: { social: { push: true } } }),
    {},
    'suppressed_preference tenant_locked off for social by push',
  ],
  ['locked off, on another channel', within(lock(false)), { channel: 'email' }, 'yes default'],
  ['locked off, and mandatory', within(lock(false)), { mandatory: true }, 'yes mandatory'],
  [
    'locked on, whatever the person wants',
    within(lock(true), { categories: { social: { push: false } } }),
    {},
    'yes tenant_locked on for social by push',
  ],
  ['locked on, in a pause', within(lock(true), { paused: true }), {}, 'suppressed_preference paused further notice'],
  [
    'locked on, of a muted thread',
    within(lock(true), { threads: { t1: true } }),
    {},
    'suppressed_mute muted_thread t1',
  ],
  [
    'locked on, of a room of which nothing is heard',
    within(lock(true), { levels: { room: { r1: { level: 'none' } } } }),
    {},
    'suppressed_mute level none in room r1',
  ],
  [
    'the nearer lock wins',
    within({ locks: { '*': { push: false }, social: { push: true } } }, off),
    {},
    'yes tenant_locked on for social by push',
  ],
  ['off by default', within(set(false)), {}, 'suppressed_preference tenant_default off for everything by push'],
  ['on by default', within(set(true)), {}, 'yes tenant_default on for everything by push'],
  [
    'the nearer default wins',
    within({ defaults: { '*': { push: false }, social: { push: true } } }),
    {},
    'yes tenant_default on for social by push',
  ],
  [
    'a wish for everything wins over any default',
    within({ defaults: { social: { push: true } } }, off),
    {},
    'suppressed_preference opted_out everything by push',
  ],
  [
    'who switched it on hears in spite of a default',
    within(set(false), { categories: { social: { push: true } } }),
    {},
    'yes opted_in social by push',
  ],
]

const said = (levels: Levels) => person({ levels })
const hears = (reason: string): Partial<Ask> => ({ reason })
/** What was said of the thread, the room and the server, and why the person is told. */
const levelRows: Row[] = [
  [
    'nothing of a room',
    said({ room: { r1: { level: 'none' } } }),
    hears('mention'),
    'suppressed_mute level none in room r1',
  ],
  ['of another room', said({ room: { r2: { level: 'none' } } }), {}, 'yes default'],
  ['only mentions', said({ room: { r1: { level: 'mentions' } } }), {}, 'suppressed_mute level mentions in room r1'],
  [
    'a participant is not mentioned',
    said({ room: { r1: { level: 'mentions' } } }),
    hears('participating'),
    'suppressed_mute level mentions in room r1',
  ],
  [
    'nor is the author',
    said({ room: { r1: { level: 'mentions' } } }),
    hears('author'),
    'suppressed_mute level mentions in room r1',
  ],
  ...['mention', 'dm', 'everyone', 'role'].map((reason): Row => [
    `${reason} passes where mentions do`,
    said({ room: { r1: { level: 'mentions' } } }),
    hears(reason),
    'yes default',
  ]),
  [
    'the room is nearer than the server',
    said({ tenant: { s1: { level: 'none' } }, room: { r1: { level: 'all' } } }),
    {},
    'yes default',
  ],
  [
    'the thread is nearer than the room',
    said({ room: { r1: { level: 'all' } }, thread: { t1: { level: 'none' } } }),
    {},
    'suppressed_mute level none in thread t1',
  ],
  [
    'until later',
    said({ room: { r1: { level: 'none', until: 1001 } } }),
    {},
    'suppressed_mute level none in room r1 until 1970-01-01T00:00:01.001Z',
  ],
  ['until now', said({ room: { r1: { level: 'none', until: 1000 } } }), {}, 'yes default'],
  [
    'until now, then what counts for good',
    said({ room: { r1: { level: 'none', until: 1000, after: 'mentions' } } }),
    {},
    'suppressed_mute level mentions in room r1',
  ],
  [
    'what is over says nothing: the server counts',
    said({ tenant: { s1: { level: 'mentions' } }, room: { r1: { level: 'all', until: 1000 } } }),
    {},
    'suppressed_mute level mentions in tenant s1',
  ],
  [
    'mentions of everyone are off',
    said({ tenant: { s1: { everyone: false } } }),
    hears('everyone'),
    'suppressed_mute mention_off everyone in tenant s1',
  ],
  ['and those of a role are not', said({ tenant: { s1: { everyone: false } } }), hears('role'), 'yes default'],
  [
    'the nearest switch counts',
    said({ tenant: { s1: { role: false } }, room: { r1: { role: true } } }),
    hears('role'),
    'yes default',
  ],
  [
    'a level and a switch come from their own nearest scope',
    said({ tenant: { s1: { everyone: false } }, room: { r1: { level: 'mentions' } } }),
    hears('everyone'),
    'suppressed_mute mention_off everyone in tenant s1',
  ],
  [
    'a switch that is on opens no level',
    said({ tenant: { s1: { level: 'none' } }, room: { r1: { everyone: true } } }),
    hears('everyone'),
    'suppressed_mute level none in tenant s1',
  ],
  [
    'a muted thread wins over its level',
    person({ threads: { t1: true }, levels: { thread: { t1: { level: 'all' } } } }),
    {},
    'suppressed_mute muted_thread t1',
  ],
  [
    'a level wins over a wish for the category',
    person({ categories: { social: { push: true } }, levels: { room: { r1: { level: 'none' } } } }),
    {},
    'suppressed_mute level none in room r1',
  ],
  [
    'the level all switches no category on',
    person({ ...off, levels: { room: { r1: { level: 'all' } } } }),
    {},
    'suppressed_preference opted_out everything by push',
  ],
  [
    'mandatory, of a room of which nothing is heard',
    said({ room: { r1: { level: 'none', everyone: false } } }),
    { reason: 'everyone', mandatory: true },
    'yes mandatory',
  ],
]

/** Each row adds what an earlier rule looks at: that rule wins. */
const table: Row[] = [
  ['nothing is set', person({}), {}, 'yes default'],
  ['everything is off', person(off), {}, 'suppressed_preference opted_out everything by push'],
  ['on another channel', person(off), { channel: 'email' }, 'yes default'],
  [
    'the nearer wish wins over the one for everything',
    person({ categories: { ...off.categories, social: { push: true } } }),
    {},
    'yes opted_in social by push',
  ],
  [
    'a category is off',
    person({ categories: { social: { push: false } } }),
    {},
    'suppressed_preference opted_out social by push',
  ],
  ['another category', person({ categories: { social: { push: false } } }), { category: 'billing' }, 'yes default'],
  [
    'a muted thread wins over a wish for its category',
    person({ categories: { social: { push: true } }, threads: { t1: true } }),
    {},
    'suppressed_mute muted_thread t1',
  ],
  [
    'muted until later',
    person({ threads: { t1: 1001 } }),
    {},
    'suppressed_mute muted_thread t1 until 1970-01-01T00:00:01.001Z',
  ],
  ['muted until now', person({ threads: { t1: 1000 } }), {}, 'yes default'],
  ['another thread', person({ threads: { t2: true } }), {}, 'yes default'],
  ...levelRows,
  ...tenantRows,
  ['paused for good', person({ paused: true }), {}, 'suppressed_preference paused further notice'],
  [
    'a pause wins over a muted thread',
    person({ paused: 1001, threads: { t1: true } }),
    {},
    'suppressed_preference paused 1970-01-01T00:00:01.001Z',
  ],
  ['paused until now', person({ paused: 1000 }), {}, 'yes default'],
  ['paused, but for the inbox', person({ paused: true }), { channel: 'in_app' }, 'yes default'],
  ['mandatory, in a pause', person({ paused: true }), { mandatory: true }, 'yes mandatory'],
  ['mandatory', person({ ...off, threads: { t1: true } }), { mandatory: true }, 'yes mandatory'],
  ['erased', person({}, true), { mandatory: true }, 'suppressed_preference erased'],
  [
    'names that every object has',
    person(JSON.parse('{"categories":{},"threads":{},"levels":{"room":{},"tenant":{}}}') as Choices),
    { category: 'constructor', place: { thread: '__proto__', room: '__proto__', tenant: 'constructor' } },
    'yes default',
  ],
]
for (const [name, who, about, expected] of table)
  test(`may we: ${name}`, () => {
    const { allowed, outcome, why } = mayWe(who, ask(about))
    assert.equal([allowed ? 'yes' : outcome, why.rule, why.value].filter(Boolean).join(' '), expected)
  })

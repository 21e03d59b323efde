import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sentence } from '#contracts/decision.ts'
import type { Person } from '#preferences/preferences.ts'
import { decide, type Question } from './decide.ts'
import {
  budget,
  noon,
  night,
  endpoint,
  inbox,
  everybody,
  entry,
  intent,
  quiet,
  windowed,
  stepped,
  later,
  aside,
  stopped,
} from './decide.fixture.ts'
import { noWindows } from './policies/windows.ts'

type Row = { name: string; ask?: Partial<Question>; expect: string[]; before?: Partial<Question>[] }

/** The order of decision as a table: each row adds what an earlier rule looks at and that rule wins. */
const rows: Row[] = [
  {
    name: 'nothing speaks against it',
    expect: ['in_app deliver default', 'push deliver default', 'email deliver default'],
  },
  {
    name: 'a stop that drops comes before everything, for whatever it covers, mandatory or not',
    ask: {
      ...{ stops: [stopped('channel', 'push'), stopped('category', 'social', 'drop')] },
      ...{ entry: { ...entry, mandatory: true }, intent: { ...intent, expiresAt: noon - 1 } },
    },
    expect: ['in_app killed killed', 'push killed killed', 'email killed killed'],
  },
  {
    name: 'a stop that keeps holds the whole intent before anything is asked',
    ask: { stops: [stopped('type', 'comment.created')], intent: { ...intent, expiresAt: noon - 1 } },
    expect: ['in_app held stopped', 'push held stopped', 'email held stopped'],
  },
  {
    name: 'a stop of one channel leaves the others alone',
    ask: { stops: [stopped('channel', 'email', 'drop'), stopped('tenant', 'acme'), stopped('provider', 'fcm')] },
    expect: ['email killed killed', 'in_app deliver default', 'push deliver default'],
  },
  {
    name: 'a stop of a channel that keeps comes after dedupe, which is for all channels',
    ask: { entry: windowed, stops: [stopped('channel', 'push')] },
    before: [{}],
    expect: ['in_app deduplicated deduplicated', 'push deduplicated deduplicated', 'email deduplicated deduplicated'],
  },
  {
    name: 'what a stop of its channel held is not its own repeat',
    ask: { entry: windowed, at: noon + 7_200_000, released: { channels: ['push'], reason: 'stopped_late' } },
    before: [{}],
    expect: ['push deliver default'],
  },
  {
    name: 'what a stop of its type held is asked everything, its schedule too',
    ask: {
      ...{ intent: { ...intent, sendAt: noon + 60_000 }, released: { channels: ['push', 'email'], reason: 'stopped' } },
      person: { ...everybody, choices: { categories: { social: { push: false } } } },
    },
    expect: ['push held scheduled', 'email held scheduled'],
  },
  {
    name: 'expiry comes before everything else',
    ask: { intent: { ...intent, expiresAt: noon - 1, sendAt: noon + 1 }, person: { ...everybody, erased: true } },
    expect: ['in_app expired expired', 'push expired expired', 'email expired expired'],
  },
  {
    name: 'what is to be sent later is held before anybody is asked',
    ask: { intent: { ...intent, sendAt: noon + 60_000 }, person: { ...everybody, erased: true } },
    expect: ['in_app held scheduled', 'push held scheduled', 'email held scheduled'],
  },
  {
    name: 'an erased person gets nothing, not even what is mandatory',
    ask: { entry: { ...entry, mandatory: true }, person: { ...everybody, erased: true } },
    expect: [
      'in_app suppressed_preference erased',
      'push suppressed_preference erased',
      'email suppressed_preference erased',
    ],
  },
  {
    name: 'a mandatory type passes opt-outs and quiet hours, never a suppressed address',
    ask: {
      ...{ entry: { ...entry, mandatory: true }, at: night },
      person: {
        ...{ ...everybody, quiet, choices: { categories: { '*': { push: false, email: false, in_app: false } } } },
        endpoints: [endpoint('push', 'fcm'), endpoint('email', 'sendgrid', 'suppressed'), inbox],
      },
    },
    expect: ['in_app deliver mandatory', 'push deliver mandatory', 'email suppressed_address endpoint_suppressed'],
  },
  {
    name: 'an opt-out is for its category and channel',
    ask: { person: { ...everybody, choices: { categories: { social: { push: false }, billing: { email: false } } } } },
    expect: ['in_app deliver default', 'push suppressed_preference opted_out', 'email deliver default'],
  },
  {
    name: 'the nearer wish wins over the one for everything',
    ask: { person: { ...everybody, choices: { categories: { '*': { push: false }, social: { push: true } } } } },
    expect: ['in_app deliver default', 'push deliver opted_in', 'email deliver default'],
  },
  {
    name: 'a muted thread is silent on every channel',
    ask: { person: { ...everybody, choices: { threads: { t1: true } } } },
    expect: [
      'in_app suppressed_mute muted_thread',
      'push suppressed_mute muted_thread',
      'email suppressed_mute muted_thread',
    ],
  },
  {
    name: 'a level looks at the reason and at where it happened, also when a hold is released',
    ask: {
      ...{ intent: { ...intent, room: 'r1' }, reason: 'everyone' },
      ...{ released: { channels: ['push', 'email'], reason: 'quiet_hours' } },
      person: { ...everybody, choices: { levels: { room: { r1: { level: 'mentions', everyone: false } } } } },
    },
    expect: ['push suppressed_mute mention_off', 'email suppressed_mute mention_off'],
  },
  {
    name: 'who is not mentioned hears nothing where only mentions count',
    ask: {
      ...{ intent: { ...intent, tenant: 's1' }, reason: 'participating' },
      person: { ...everybody, choices: { levels: { tenant: { s1: { level: 'mentions' } } } } },
    },
    expect: ['in_app suppressed_mute level', 'push suppressed_mute level', 'email suppressed_mute level'],
  },
  {
    name: 'a lock of the tenant counts on its channel',
    ask: { person: { ...everybody, within: { locks: { '*': { push: false } } } } },
    expect: ['in_app deliver default', 'push suppressed_preference tenant_locked', 'email deliver default'],
  },
  {
    name: 'no address, or none that may be used',
    ask: {
      person: {
        ...everybody,
        endpoints: [endpoint('push', 'fcm', 'dead'), endpoint('email', 'sendgrid', 'suppressed'), inbox],
      },
    },
    expect: ['in_app deliver default', 'push no_endpoint no_endpoint', 'email suppressed_address endpoint_suppressed'],
  },
  {
    name: 'the second telling is dropped on every channel, before quiet hours can hold it',
    ask: { entry: windowed, at: night, person: { ...everybody, quiet } },
    before: [{}],
    expect: ['in_app deduplicated deduplicated', 'push deduplicated deduplicated', 'email deduplicated deduplicated'],
  },
  {
    name: 'quiet hours hold what would interrupt',
    ask: { at: night, person: { ...everybody, quiet } },
    expect: ['in_app deliver default', 'push held quiet_hours', 'email held quiet_hours'],
  },
  {
    name: 'critical passes quiet hours',
    ask: { entry: { ...entry, lane: 'critical' }, at: night, person: { ...everybody, quiet } },
    expect: ['in_app deliver default', 'push deliver default', 'email deliver default'],
  },
  {
    name: 'a throttle drops only what would leave now',
    ask: { entry: { ...entry, throttle: { limit: 1, per: '24h' } }, at: night, person: { ...everybody, quiet } },
    before: [{}],
    expect: ['in_app throttled throttled', 'push held quiet_hours', 'email held quiet_hours'],
  },
  {
    name: 'what waited for quiet hours to end is not its own repeat, but a new wish counts',
    ask: {
      ...{ entry: windowed, at: noon + 7_200_000, released: { channels: ['push', 'email'], reason: 'quiet_hours' } },
      person: { ...everybody, choices: { categories: { social: { email: false } } } },
    },
    before: [{}],
    expect: ['push deliver default', 'email suppressed_preference opted_out'],
  },
  {
    name: 'what waited counts once in a window',
    ask: {
      ...{ entry: windowed, at: noon + 3_599_999 },
      released: { channels: ['push'], reason: 'quiet_hours', countedAt: noon },
    },
    before: [{}],
    expect: ['push deliver default'],
  },
  {
    name: 'and anew in the next one',
    ask: {
      ...{ entry: { ...entry, throttle: { limit: 1, per: '1h' } }, at: noon + 3_600_000 },
      released: { channels: ['push'], reason: 'quiet_hours', countedAt: noon },
    },
    before: [{}, { at: noon + 3_600_000 }],
    expect: ['push throttled throttled'],
  },
  {
    name: 'a digest takes what may leave, before quiet hours and throttle are asked',
    ask: {
      entry: { ...windowed, digest: { every: '1h' } },
      digests: new Map(),
      at: night,
      person: { ...everybody, quiet },
    },
    expect: ['in_app deliver default', 'push held digest', 'email held digest'],
  },
  {
    name: 'a repeat joins no digest',
    ask: { entry: { ...windowed, digest: { every: '1h' } }, digests: new Map() },
    before: [{}],
    expect: ['in_app deduplicated deduplicated', 'push deduplicated deduplicated', 'email deduplicated deduplicated'],
  },
  {
    name: 'quiet hours hold before a budget is asked, and a budget before a throttle',
    ask: {
      ...{ entry: { ...entry, throttle: { limit: 1, per: '24h' }, budgets: [budget] }, digests: new Map() },
      person: { ...everybody, quiet: { start: '12:00', end: '13:00' } },
      at: noon + 3_600_000,
    },
    before: [{ person: everybody, at: noon }, { at: noon + 60_000 }],
    expect: ['in_app throttled throttled', 'push held budget', 'email throttled throttled'],
  },
  {
    name: 'the holdout comes last: what is refused or held before it says so',
    ask: {
      ...{ entry: { ...entry, holdout: 1 }, at: night },
      person: { ...everybody, quiet, choices: { categories: { social: { email: false } } } },
    },
    expect: ['in_app holdout holdout', 'push held quiet_hours', 'email suppressed_preference opted_out'],
  },
  {
    name: 'who is held out is so when the hold ends as well',
    ask: {
      ...{ entry: { ...entry, globalHoldout: 1 }, at: noon + 7_200_000 },
      released: { channels: ['push', 'email'], reason: 'quiet_hours' },
    },
    expect: ['push holdout holdout', 'email holdout holdout'],
  },
  {
    name: 'who is held out uses up windows as if it had been sent',
    ask: { entry: { ...windowed, holdout: 1 } },
    before: [{ entry: { ...windowed, holdout: 1 } }],
    expect: ['in_app deduplicated deduplicated', 'push deduplicated deduplicated', 'email deduplicated deduplicated'],
  },
  {
    name: 'a channel of another arm is none of this person',
    ask: {
      entry: {
        ...{ ...entry, arms: { name: 'x', split: { a: 1e-9, b: 1 } } },
        deliver: [{ channel: 'in_app' }, { channel: 'push', arm: 'a' }, { channel: 'email', arm: 'b' }],
      },
    },
    expect: ['in_app deliver default', 'email deliver default'],
  },
  {
    name: 'what was read is told on no channel, whatever was wished',
    ask: { engaged: { read: true }, person: { ...everybody, choices: { threads: { t1: true } } } },
    expect: ['in_app suppressed_read read', 'push suppressed_read read', 'email suppressed_read read'],
  },
  {
    name: 'who has read everything has read what occurred until then',
    ask: { person: { ...everybody, readUpTo: noon } },
    expect: ['in_app suppressed_read read', 'push suppressed_read read', 'email suppressed_read read'],
  },
  {
    name: 'and nothing newer',
    ask: { person: { ...everybody, readUpTo: noon - 1 } },
    expect: ['in_app deliver default', 'push deliver default', 'email deliver default'],
  },
  {
    name: 'what must be told is told to who has read it',
    ask: {
      ...{ engaged: { read: true }, person: { ...everybody, readUpTo: noon } },
      intent: { ...intent, ignoresReads: true },
    },
    expect: ['in_app deliver default', 'push deliver default', 'email deliver default'],
  },
  {
    name: 'later steps wait their time, but what a wish forbids now is refused now',
    ask: { entry: stepped, person: { ...everybody, choices: { categories: { social: { email: false } } } } },
    expect: ['in_app deliver default', 'push held escalation', 'email suppressed_preference opted_out'],
  },
  {
    name: 'quiet hours are asked when a later step is due, and hold the first ones',
    ask: { entry: { ...stepped, quietHours: 'all' }, at: night, person: { ...everybody, quiet } },
    expect: ['in_app held quiet_hours', 'push held escalation', 'email held escalation'],
  },
  {
    name: 'the second telling is dropped on later steps too',
    ask: { entry: { ...stepped, dedupe: windowed.dedupe } },
    before: [{}],
    expect: ['in_app deduplicated deduplicated', 'push deduplicated deduplicated', 'email deduplicated deduplicated'],
  },
  {
    name: 'a later step is not the repeat of its own intent, and counts once in a window',
    ask: {
      ...{ entry: { ...stepped, dedupe: windowed.dedupe, throttle: windowed.throttle }, at: noon + 30_000 },
      released: { channels: ['push'], reason: 'escalation', countedAt: noon },
    },
    before: [{}],
    expect: ['push deliver default'],
  },
  {
    name: 'quiet hours hold a later step that is due',
    ask: {
      ...{ entry: stepped, at: night, person: { ...everybody, quiet } },
      released: { channels: ['push'], reason: 'escalation' },
    },
    expect: ['push held quiet_hours'],
  },
  {
    name: 'a schedule comes first, then the steps begin',
    ask: { entry: stepped, released: { channels: ['in_app', 'push', 'email'], reason: 'scheduled' } },
    expect: ['in_app deliver default', 'push held escalation', 'email held escalation'],
  },
  {
    name: 'what was seen stops the steps that ask for it',
    ask: { entry: stepped, engaged: { seen: true, delivered: true }, released: later },
    expect: ['push escalation_stopped escalation_stopped', 'email deliver default'],
  },
  {
    name: 'what was read was seen, and is not told by the others either',
    ask: { entry: stepped, engaged: { read: true }, released: later },
    expect: ['push escalation_stopped escalation_stopped', 'email suppressed_read read'],
  },
  {
    name: 'the success that the type names stops every later step',
    ask: { entry: stepped, engaged: { acted: true }, released: later },
    expect: ['push escalation_stopped escalation_stopped', 'email escalation_stopped escalation_stopped'],
  },
  {
    name: 'a step that asks for it waits while the person is active elsewhere',
    ask: { entry: aside, activeUntil: noon + 60_000 },
    expect: ['in_app deliver default', 'push held active'],
  },
  {
    name: 'who is active no more gets it',
    ask: { entry: aside, activeUntil: noon },
    expect: ['in_app deliver default', 'push deliver default'],
  },
  {
    name: 'who stays active is waited for',
    ask: {
      ...{ entry: aside, at: noon + 3_599_999, activeUntil: noon + 7_200_000 },
      released: { channels: ['push'], reason: 'presence', heldSince: noon },
    },
    expect: ['push held active'],
  },
  {
    name: 'for an hour',
    ask: {
      ...{ entry: aside, at: noon + 3_600_000, activeUntil: noon + 7_200_000 },
      released: { channels: ['push'], reason: 'presence', heldSince: noon },
    },
    expect: ['push suppressed_active stayed_active'],
  },
]

for (const { name, ask, before = [], expect } of rows)
  test(`order of decision: ${name}`, () => {
    const windows = noWindows()
    const question: Question = { intent, entry, person: everybody, windows, at: noon, ...ask }
    for (const earlier of before) decide({ ...question, at: noon, person: everybody, ...earlier, released: undefined })
    const decided = decide(question).map(({ channel, verdict }) => {
      assert.ok(sentence(verdict.why).length > 10)
      return `${channel} ${verdict.kind === 'refused' ? verdict.outcome : verdict.kind} ${verdict.why.rule}`
    })
    assert.deepEqual(decided, expect)
  })

test('a person with two devices gets both, and what is refused consumes no window', () => {
  const windows = noWindows()
  const off: Person = { ...everybody, choices: { categories: { '*': { push: false, email: false, in_app: false } } } }
  decide({ intent, entry: windowed, person: off, windows, at: noon })
  assert.deepEqual(windows, noWindows())
  const push = decide({ intent, entry: windowed, person: everybody, windows, at: noon }).find(
    one => one.channel === 'push',
  )
  assert.deepEqual(
    push?.endpoints.map(one => one.id),
    ['fcm-1', 'apns-1'],
  )
})

test('what waits for a person to leave waits for an hour at most, and never past its expiry', () => {
  const ask = { intent, entry: aside, person: everybody, windows: undefined, at: noon, activeUntil: noon + 7_200_000 }
  const untils = (question: Question) =>
    decide(question).flatMap(({ verdict, heldSince }) =>
      verdict.kind === 'held' ? [verdict.until - noon, heldSince] : [],
    )
  assert.deepEqual(untils(ask), [3_600_000, noon])
  assert.deepEqual(untils({ ...ask, intent: { ...intent, expiresAt: noon + 60_000 } }), [60_000, noon])
  const again = { channels: ['push'] as const, reason: 'presence' as const, heldSince: noon - 3_000_000 }
  assert.deepEqual(untils({ ...ask, released: again }), [600_000, noon - 3_000_000])
})

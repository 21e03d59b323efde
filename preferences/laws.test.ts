import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { channels } from '#contracts/channel.ts'
import { levels, type Place, scopes, type TenantSettings } from '#contracts/preferences.ts'
import type { QuietHours } from '#contracts/quiet-hours.ts'
import { type ChoicesPatch, patched } from './choices.ts'
import { type Hearing, levelAt } from './levels.ts'
import { type Ask, mayWe } from './may-we.ts'
import { type Choices, inTenant, type Person, quietUntil } from './preferences.ts'
import { windowsOf } from './quiet-hours.ts'
import { noQuiet } from './quiet-windows.ts'
import { whereTo } from './where-to.ts'

const latest = 2000
const person = (choices: Choices): Person => ({ id: 'u1', choices, endpoints: [], erased: false })
const plain = { noNullPrototype: true }

const category = fc.constantFrom('*', 'social', 'billing')
const channel = fc.constantFrom(...channels)
const instant = fc.integer({ min: 0, max: latest })
const until = fc.oneof(fc.constant(true as const), instant)
/** Few names, so that what is said and what is asked meet. */
const name = fc.constantFrom('a', 'a', 'a', 'b')
const level = fc.constantFrom(...levels)
const hearing: fc.Arbitrary<Hearing> = fc
  .record({
    level: fc.oneof(
      fc.constant({}),
      level.map(level => ({ level })),
      fc.record({ level, until: instant, after: level }, { requiredKeys: ['level', 'until'], ...plain }),
    ),
    switches: fc.record({ everyone: fc.boolean(), role: fc.boolean() }, { requiredKeys: [], ...plain }),
  })
  .map(({ level, switches }) => ({ ...level, ...switches }))
const named = fc.dictionary(name, hearing, plain)
const said = fc.record({ thread: named, room: named, tenant: named }, { requiredKeys: [], ...plain })
const choices: fc.Arbitrary<Choices> = fc.record(
  {
    categories: fc.dictionary(category, fc.dictionary(channel, fc.boolean(), plain), plain),
    threads: fc.dictionary(name, until, plain),
    paused: until,
    levels: said,
  },
  { requiredKeys: [], ...plain },
)
const place: fc.Arbitrary<Place> = fc.record(
  { thread: name, room: name, tenant: name },
  { requiredKeys: ['room'], ...plain },
)
const asked: fc.Arbitrary<Ask> = fc.record({
  category: fc.constantFrom('social', 'billing', 'news'),
  channel,
  place,
  reason: fc.constantFrom(undefined, 'mention', 'dm', 'everyone', 'role', 'participating'),
  mandatory: fc.constantFrom(false, false, false, true),
  at: instant,
})

const wishes = fc.dictionary(category, fc.dictionary(channel, fc.boolean(), plain), plain)
const tenant: fc.Arbitrary<TenantSettings> = fc.record(
  { defaults: wishes, locks: wishes },
  { requiredKeys: [], ...plain },
)

const wall = fc.constantFrom('00:00', '06:00', '12:00', '18:00')
const window = fc
  .tuple(wall, wall)
  .filter(([start, end]) => start !== end)
  .map(([start, end]) => ({ start, end }))
const quietHours: fc.Arbitrary<QuietHours> = fc.array(window, { maxLength: 2 }).map(windows => ({ windows }))

const scope = fc.constantFrom(...scopes)
/** Whatever a person can say of a place that asks for less. */
const lessHeard: fc.Arbitrary<ChoicesPatch> = fc.oneof(
  fc.tuple(scope, name, fc.constantFrom('everyone', 'role')).map(([scope, name, field]) => ({
    levels: { [scope]: { [name]: { [field]: false } } },
  })),
  fc.tuple(scope, name, fc.option(instant, { nil: undefined })).map(([scope, name, until]) => ({
    levels: { [scope]: { [name]: { level: 'none' as const, ...(until !== undefined && { until }) } } },
  })),
)
const optOut: fc.Arbitrary<ChoicesPatch> = fc.oneof(
  lessHeard,
  fc.tuple(category, channel).map(([category, channel]) => ({ categories: { [category]: { [channel]: false } } })),
  fc.tuple(name, until).map(([thread, until]) => ({ threads: { [thread]: until } })),
  until.map(paused => ({ paused })),
)

const after = (before: Choices, patch: ChoicesPatch, now: number): Person => {
  const result = patched(before, patch, { recipient: 'u1', now })
  assert.ok(result.ok)
  return person(result.value.choices)
}

const cases = {
  'an opt-out': { choices, patch: optOut },
  'to hear less of a place': { choices: fc.record({ levels: said }), patch: lessHeard },
}
for (const [what, { choices, patch }] of Object.entries(cases))
  test(`${what} never adds a send, whatever was chosen before and whenever it is asked`, () => {
    let honoured = 0
    fc.assert(
      fc.property(choices, patch, fc.tuple(asked, instant, tenant), (before, patch, [question, saidAt, within]) => {
        // One that ends may replace one that ended later: that much of it is taken back.
        if (replacesLonger(before, patch)) return
        const was = mayWe({ ...person(before), within }, question)
        const is = mayWe({ ...after(before, patch, Math.min(saidAt, question.at)), within }, question)
        assert.ok(!is.allowed || was.allowed, `${was.why.rule} became ${is.why.rule}`)
        if (was.allowed && !is.allowed) honoured++
      }),
      { numRuns: 10_000 },
    )
    assert.ok(honoured > 100, `only ${honoured} had an effect`)
  })

const endOf = (until: unknown): number => (typeof until === 'number' ? until : until === true ? Infinity : 0)

const replacesLonger = (before: Choices, { levels, threads, paused }: ChoicesPatch): boolean =>
  endOf(before.paused) > (paused === undefined ? Infinity : endOf(paused)) ||
  Object.entries(threads ?? {}).some(([thread, until]) => endOf(before.threads?.[thread]) > endOf(until)) ||
  scopes.some(scope =>
    Object.entries(levels?.[scope] ?? {}).some(
      ([name, said]) => said?.until !== undefined && before.levels?.[scope]?.[name]?.until !== undefined,
    ),
  )

/** Whether a person is told at this hour of the day: allowed, and it is not quiet. */
function toldNow({ who, within }: Calm, ask: Ask): boolean {
  const known = { ...person(who.choices), quiet: who.quiet, tenant: 'home', tenants: new Map([['home', within]]) }
  const asked = inTenant(known)
  const { quiet, zone = 'UTC' } = asked
  return mayWe(asked, ask).allowed && !(quiet && quietUntil({ quiet, zone, at: ask.at }) !== undefined)
}

const maybe = <T>(one: fc.Arbitrary<T>) => fc.option(one, { nil: undefined })
const home = fc
  .record({ settings: tenant, quiet: maybe(quietHours), quietLocked: fc.boolean() })
  .map(({ settings, quiet, quietLocked }) => ({ ...settings, ...(quiet && { quiet, quietLocked }) }))
const hourly = fc.tuple(asked, fc.integer({ min: 0, max: 47 })).map(([ask, hour]) => ({ ...ask, at: hour * 3_600_000 }))
const own = fc.record({ choices, quiet: maybe(quietHours) })

type Calm = { who: { choices: Choices; quiet: QuietHours | undefined }; within: TenantSettings }
const withQuiet = (calm: Calm, quiet: QuietHours | undefined): Calm => ({ ...calm, who: { ...calm.who, quiet } })
const locked = ({ who, within }: Calm, quietLocked: boolean): Calm => ({ who, within: { ...within, quietLocked } })

/** What a person or their tenant can do to be told of less at some hour: before it, and after. */
const calmer: Record<string, (one: Calm, more: QuietHours) => [before: Calm, after: Calm]> = {
  'more quiet hours of one’s own': (one, more) => {
    const { quiet = noQuiet } = one.who
    return [withQuiet(one, quiet), withQuiet(one, { windows: [quiet, more].flatMap(windowsOf) })]
  },
  'whatever one says of quiet hours that are locked': (one, said) => [
    withQuiet(locked(one, true), undefined),
    withQuiet(locked(one, true), said),
  ],
  'a tenant that locks its quiet hours': one => [locked(one, false), locked(one, true)],
  'a pause': one => [one, { ...one, who: { ...one.who, choices: { ...one.who.choices, paused: true } } }],
}
for (const [what, made] of Object.entries(calmer))
  test(`${what} never adds a send at any hour, whatever is locked or set by default`, () => {
    let honoured = 0
    fc.assert(
      fc.property(own, home, fc.tuple(hourly, quietHours), (who, within, [ask, more]) => {
        const [before, after] = made({ who, within }, more)
        const [was, is] = [toldNow(before, ask), toldNow(after, ask)]
        assert.ok(!is || was)
        if (was && !is) honoured++
      }),
      { numRuns: 1_000 },
    )
    assert.ok(honoured > 5, `only ${honoured} had an effect`)
  })

test('to hear only mentions where everything counted never adds a send', () => {
  fc.assert(
    fc.property(choices, fc.tuple(scope, name), asked, (before, [scope, name], question) => {
      const said = before.levels?.[scope]?.[name]
      if (!said || said.until !== undefined || levelAt(said, question.at) !== 'all') return
      const patch = { levels: { [scope]: { [name]: { level: 'mentions' as const } } } }
      const is = mayWe(after(before, patch, question.at), question)
      assert.ok(!is.allowed || mayWe(person(before), question).allowed)
    }),
    { numRuns: 5000 },
  )
})

test('what a tenant locks off never adds a send, whatever was locked before', () => {
  let honoured = 0
  fc.assert(
    fc.property(
      fc.tuple(choices, tenant),
      fc.tuple(category, channel),
      asked,
      ([chosen, before], [category, channel], question) => {
        const locks = { ...before.locks, [category]: { ...before.locks?.[category], [channel]: false } }
        const was = mayWe({ ...person(chosen), within: before }, question)
        const is = mayWe({ ...person(chosen), within: { ...before, locks } }, question)
        assert.ok(!is.allowed || was.allowed)
        if (category === question.category && channel === question.channel) assert.equal(is.allowed, question.mandatory)
        if (was.allowed && !is.allowed) honoured++
      },
    ),
    { numRuns: 3000 },
  )
  assert.ok(honoured > 5, `only ${honoured} had an effect`)
})

test('the nearest scope that says something wins: what the others say changes nothing', () => {
  let decided = 0
  fc.assert(
    fc.property(choices, named, asked, (before, other, question) => {
      const { thread, room, tenant } = question.place
      const said = thread === undefined ? undefined : before.levels?.thread?.[thread]
      // The thread has a word on everything, so neither room nor server is asked.
      if (!said || levelAt(said, question.at) === undefined || said.everyone === undefined || said.role === undefined)
        return
      const elsewhere = { ...before, levels: { ...before.levels, room: other, tenant: other } }
      assert.deepEqual(mayWe(person(elsewhere), question), mayWe(person(before), question))
      if (room !== undefined && tenant !== undefined) decided++
    }),
    { numRuns: 10_000 },
  )
  assert.ok(decided > 20, `only ${decided} cases with all three`)
})

test('mandatory ignores whatever was chosen, and never a suppressed address', () => {
  const suppressed = {
    id: 'm',
    channel: 'email',
    provider: 'sendgrid',
    address: 'x',
    state: 'suppressed',
    since: 0,
  } as const
  fc.assert(
    fc.property(choices, asked, (chosen, question) => {
      const who = { ...person(chosen), endpoints: [suppressed] }
      assert.equal(mayWe(who, { ...question, mandatory: true }).allowed, true)
      assert.equal(mayWe({ ...who, erased: true }, { ...question, mandatory: true }).allowed, false)
      assert.equal(whereTo(who, 'email', 0).outcome, 'suppressed_address')
    }),
  )
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { markInboxItems } from '#channels/in-app/inbox-store.ts'
import { tellSuccess } from '#channels/receipts/deeds.ts'
import { durationMs, type Duration } from '#contracts/catalogue.ts'
import type { Channel } from '#contracts/channel.ts'
import type { Outcome } from '#contracts/outcome.ts'
import { look, track } from '#preferences/engagement.ts'
import { writePresence } from '#preferences/presence-store.ts'
import { catalogue } from '#producers/catalogue/catalogue.ts'
import { type Workflow, workflows } from '#producers/examples/workflows.ts'
import { holdoutOf } from '#router/policies/holdout.ts'
import { manualClock } from '#runtime/clock.ts'
import { until } from '../program.ts'
import { startWorld, type World } from '../world.ts'

/** The instants at which we look, after everything was stated. It is noon then, so the morning comes before a day is over. */
const instants = ['at once', '5m', '10m', '15m', '1h', 'morning', '1d', '2d', '3d'] as const
type Instant = (typeof instants)[number]
type Deed = 'sees' | 'reads' | `acts: ${string}`

type Story = {
  /** What is stated, by number; the same number twice is the same thing said twice. Default: once. */
  said?: readonly number[]
  /** When it is stated they sit at the desk, or are one of the few who are held out. */
  is?: 'active' | 'held out'
  /** What they do, right after the instant. */
  does?: Partial<Record<Instant, Deed>>
  /** All that reached them by when, in this order; nothing else did. */
  gets: Partial<Record<Instant, readonly Channel[]>>
  /** What became of the rest. Default: there is no rest. */
  not?: Partial<Record<Outcome, number>>
}

/** Each workflow, told by the people who meet it. */
const stories: Record<Workflow, Record<string, Story>> = {
  comments: {
    away: { gets: { 'at once': ['in_app', 'push'] } },
    'sees it edited': { said: [1, 1], gets: { 'at once': ['in_app', 'push'] }, not: { deduplicated: 2 } },
    // An hour at most: then the phone has nothing new to say.
    'at the desk': { is: 'active', gets: { 'at once': ['in_app'] }, not: { suppressed_active: 1 } },
  },
  mentions: {
    away: { gets: { 'at once': ['in_app', 'push'], '10m': ['email'] } },
    looks: { does: { 'at once': 'sees' }, gets: { 'at once': ['in_app', 'push'] }, not: { escalation_stopped: 1 } },
  },
  replies: {
    away: {
      said: [1, 2, 3],
      gets: { 'at once': ['in_app', 'in_app', 'in_app'], '10m': ['email', 'push'] },
      not: { digested: 4 },
    },
    reads: {
      said: [1, 2],
      does: { '5m': 'reads' },
      gets: { 'at once': ['in_app', 'in_app'] },
      not: { escalation_stopped: 4 },
    },
    looks: {
      does: { '5m': 'sees' },
      gets: { 'at once': ['in_app'] },
      not: { escalation_stopped: 2 },
    },
  },
  'alerts by priority': {
    away: {
      // Critical: inbox, push and text message; warning: inbox and push; notice: inbox.
      gets: { 'at once': ['in_app', 'in_app', 'in_app', 'push', 'push', 'sms'], morning: ['email'] },
      not: { digested: 1 },
    },
    'at the desk': {
      is: 'active',
      gets: { 'at once': ['in_app', 'in_app', 'in_app', 'push', 'sms'], morning: ['email'] },
      not: { digested: 1, suppressed_active: 1 },
    },
  },
  'alert digest': {
    away: {
      said: [1, 2],
      gets: { 'at once': ['in_app', 'in_app', 'in_app'], morning: ['email'] },
      not: { deduplicated: 2, digested: 2 },
    },
    reads: {
      does: { '1h': 'reads' },
      gets: { 'at once': ['in_app', 'in_app'] },
      not: { suppressed_read: 2 },
    },
  },
  'incident escalation': {
    sleeps: { gets: { 'at once': ['push'], '5m': ['sms'], '15m': ['email'] } },
    'is told twice': {
      said: [1, 1],
      does: { '5m': 'acts: incident.acknowledged' },
      gets: { 'at once': ['push'], '5m': ['sms'] },
      not: { deduplicated: 3, escalation_stopped: 1 },
    },
    'is quick': {
      does: { 'at once': 'acts: incident.acknowledged' },
      gets: { 'at once': ['push'] },
      not: { escalation_stopped: 2 },
    },
    // Having read it is not enough.
    'only reads': { does: { 'at once': 'reads' }, gets: { 'at once': ['push'], '5m': ['sms'], '15m': ['email'] } },
  },
  'invite with reminder': {
    forgets: { gets: { 'at once': ['email', 'in_app'], '3d': ['email'] } },
    accepts: {
      does: { '1h': 'acts: invite.accepted' },
      gets: { 'at once': ['email', 'in_app'] },
      not: { escalation_stopped: 1 },
    },
  },
  'magic link': {
    'asks for it': { gets: { 'at once': ['email'] } },
    'asks too often': {
      said: [1, 2, 3, 4, 5, 6],
      gets: { 'at once': ['email', 'email', 'email', 'email', 'email'] },
      not: { throttled: 1 },
    },
  },
  'password reset': { 'asks for it': { gets: { 'at once': ['email'] } } },
  'password changed': { away: { gets: { 'at once': ['email', 'in_app', 'push'] } } },
  'email verification': { 'asks for it': { gets: { 'at once': ['email'] } } },
  'usage threshold': {
    away: {
      said: [1, 1, 2],
      gets: { 'at once': ['in_app', 'in_app'], morning: ['email'] },
      not: { deduplicated: 2, digested: 1 },
    },
  },
  'trial ending': {
    waits: { gets: { 'at once': ['email', 'in_app'], '2d': ['push'] } },
    subscribes: {
      does: { '1d': 'acts: subscription.started' },
      gets: { 'at once': ['email', 'in_app'] },
      not: { escalation_stopped: 1 },
    },
  },
  'friend joined': {
    'has many friends': {
      said: [1, 2, 3],
      gets: { 'at once': ['in_app', 'in_app', 'in_app', 'push'], '1h': ['push'] },
      not: { digested: 1 },
    },
    'has one': { said: [1, 1], gets: { 'at once': ['in_app', 'push'] }, not: { deduplicated: 2 } },
  },
  'reward earned': {
    away: { gets: { 'at once': ['in_app', 'push'], '1d': ['email'] } },
    looks: { does: { 'at once': 'sees' }, gets: { 'at once': ['in_app', 'push'] }, not: { escalation_stopped: 1 } },
  },
  'reward expiring': {
    waits: { gets: { 'at once': ['email', 'in_app'], '2d': ['push'] } },
    'uses it': {
      does: { '1h': 'acts: reward.redeemed' },
      gets: { 'at once': ['email', 'in_app'] },
      not: { escalation_stopped: 1 },
    },
  },
  'ask to invite': {
    'has no time': { gets: { 'at once': ['in_app'], '3d': ['email'] } },
    'is asked twice': {
      said: [1, 2],
      does: { morning: 'acts: referral.sent' },
      gets: { 'at once': ['in_app'] },
      not: { throttled: 1, escalation_stopped: 2 },
    },
    'is one of the few': { is: 'held out', gets: {}, not: { holdout: 2 } },
  },
  welcome: {
    'is new': { said: [1, 1], gets: { 'at once': ['email', 'in_app'] }, not: { deduplicated: 2 } },
  },
  'onboarding reminder': {
    stops: { gets: { '1d': ['in_app'], '3d': ['email'] } },
    'goes on': {
      does: { '1d': 'acts: onboarding.finished' },
      gets: { '1d': ['in_app'] },
      not: { escalation_stopped: 1 },
    },
    'is through': { does: { '1h': 'acts: onboarding.finished' }, gets: {}, not: { escalation_stopped: 2 } },
  },
  'first milestone': {
    away: { gets: { 'at once': ['in_app'], '1h': ['push'] } },
    looks: { does: { '15m': 'sees' }, gets: { 'at once': ['in_app'] }, not: { escalation_stopped: 1 } },
  },
}

type Person = Story & { id: string; workflow: Workflow; told: string }
const people = Object.entries(stories)
  .flatMap(([workflow, byPerson]) =>
    Object.entries(byPerson).map(([name, story]) => ({
      ...{ ...story, workflow: workflow as Workflow },
      told: `${workflow}: ${name}`,
    })),
  )
  .map((story, at): Person => ({ ...story, id: idOf(at, story.is === 'held out') }))

/** Who is held out follows from the id. No words in it: simulators act on some. */
function idOf(at: number, heldOut: boolean): string {
  const entries = [...catalogue.types.values()]
  for (let n = 0; ; n++) {
    const id = `p${at}-${n}`
    if (entries.some(entry => holdoutOf(entry, id) !== undefined) === heldOut) return id
  }
}

test('the workflows that teams expect come out as their types say', async t => {
  const statedAt = Date.now()
  const clock = manualClock(statedAt)
  await using world = await startWorld({ catalogue, clock })
  const { db } = world.installation
  await know(world, statedAt)
  const asks = people.flatMap(({ id, workflow, said = [1] }) =>
    said.flatMap((n, at) =>
      workflows[workflow]({ to: [id], key: `${id} ${at}`, thread: `of ${id}`, occurredAt: statedAt }, n),
    ),
  )
  await world.notifier.notifyMany(asks.map(uniquely))
  await world.settle({ holds: false })

  const got = new Map<string, Record<string, string[]>>(people.map(({ id }) => [id, {}]))
  const before = new Map<string, number>()
  for (const instant of instants) {
    if (instant !== 'at once') await waitUntil(world, { clock, at: statedAt + afterMs(instant, statedAt) })
    for (const [id, channels] of await received(world, before)) got.get(id)![instant] = channels
    for (const { id, does } of people)
      if (does?.[instant]) await act(world, { id, deed: does[instant], statedAt, clock })
  }
  const ends = await endsOf(world)
  for (const { id, told, gets, not = {} } of people)
    await t.test(told, () => assert.deepEqual({ got: got.get(id), not: ends.get(id) ?? {} }, { got: gets, not }))

  const { problems, inFlight } = await world.audit()
  assert.deepEqual([problems, inFlight.held], [[], 0])
  // A link that opens an account is kept nowhere; what others say still is.
  const keeping = async (text: string) =>
    (await db.query('select from batches where position($1 in payload::text) > 0', [text])).length
  assert.equal(await keeping('one-time'), 0)
  assert.ok((await keeping('bells')) > 0)
})

/** Two types of a workflow may be stated for one event, each by its own key. */
const uniquely = ({ type, options }: ReturnType<(typeof workflows)[Workflow]>[number]) => ({
  type,
  options: { ...options, key: `${options.key} ${type}` },
})

/** Everybody has a phone, a number and a mailbox, and it is noon where they live. */
async function know({ installation: { db } }: World, now: number): Promise<void> {
  const rows = people.map(({ id }, at) => [
    id,
    JSON.stringify(
      [
        { id: 'phone', channel: 'push', provider: 'fcm', address: `of-${id}` },
        { id: 'number', channel: 'sms', provider: 'twilio', address: numberOf(at) },
        { id: 'mailbox', channel: 'email', provider: 'sendgrid', address: `${id}@mail.example` },
      ].map(one => ({ ...one, state: 'active', since: 0 })),
    ),
  ])
  for (const row of rows)
    await db.query('insert into recipients (id, endpoints, zone) values ($1, $2, $3)', [...row, noonZone(now)])
  for (const { id } of people.filter(one => one.is === 'active'))
    await writePresence(db, { recipient: id, activeUntil: now + durationMs('7d') })
}

const numberOf = (at: number): string => `+49155500${String(at).padStart(5, '0')}`

/** `Etc/GMT-3` is three hours ahead of UTC. */
function noonZone(now: number): string {
  const ahead = 12 - new Date(now).getUTCHours()
  return `Etc/GMT${ahead > 0 ? '-' : '+'}${Math.abs(ahead)}`
}

/** When holds due after this time have been released: they are looked for every few seconds. */
function afterMs(instant: Exclude<Instant, 'at once'>, statedAt: number): number {
  const slackMs = 20_000
  if (instant !== 'morning') return durationMs(instant satisfies Duration) + slackMs
  const now = Temporal.Instant.fromEpochMilliseconds(statedAt).toZonedDateTimeISO(noonZone(statedAt))
  const due = now.toPlainDate().add({ days: 1 }).toZonedDateTime({ timeZone: now.timeZoneId, plainTime: '08:00' })
  return due.epochMilliseconds - statedAt + slackMs
}

async function waitUntil(world: World, { clock, at }: { clock: ReturnType<typeof manualClock>; at: number }) {
  clock.set(at)
  await until(async () => {
    const [row] = await world.installation.db.query<{ due: number }>(
      'select count(*)::int as due from held where released_at is null and due_at <= to_timestamp($1 / 1000.0)',
      [at],
    )
    return row!.due === 0
  })
  await world.settle({ holds: false })
}

/** What came to whom since the last time, as channels in alphabetical order. */
async function received({ installation, simulators }: World, before: Map<string, number>) {
  const items = await installation.db.query<{ id: string }>('select recipient as id from inbox_items')
  const byAddress = new Map(
    people.flatMap(({ id }, at) => [
      [`of-${id}`, `${id} push`],
      [`${id}@mail.example`, `${id} email`],
      [numberOf(at), `${id} sms`],
    ]),
  )
  const sent = simulators.log.entries().flatMap(({ address }) => byAddress.get(address) ?? [])
  const counts = new Map<string, number>()
  for (const one of [...items.map(({ id }) => `${id} in_app`), ...sent]) counts.set(one, (counts.get(one) ?? 0) + 1)
  const news = new Map<string, string[]>()
  for (const one of [...counts.keys()].sort()) {
    const count = counts.get(one)!
    const [id, channel] = one.split(' ') as [string, string]
    const more = Array.from({ length: count - (before.get(one) ?? 0) }, () => channel)
    if (more.length > 0) news.set(id, [...(news.get(id) ?? []), ...more])
    before.set(one, count)
  }
  return news
}

type Done = { id: string; deed: Deed; statedAt: number; clock: ReturnType<typeof manualClock> }

async function act({ installation: { db, catalogue } }: World, { id, deed, statedAt, clock }: Done): Promise<void> {
  const store = { db, now: clock.now(), markInbox: markInboxItems, tellSuccess: tellSuccess(catalogue) }
  if (deed === 'sees' || deed === 'reads') {
    await look(store, { recipient: id, what: deed === 'sees' ? 'seen' : 'read', thread: `of ${id}`, upTo: statedAt })
    return
  }
  await track(store, { recipient: id, event: deed.slice('acts: '.length) })
}

/** What was not sent to whom, with how many. */
async function endsOf({ installation: { db } }: World): Promise<Map<string, Record<string, number>>> {
  const rows = await db.query<{ id: string; ends: Record<string, number> }>(
    `select recipient as id, json_object_agg(what, n) as ends from (
       select recipient, what, count(*)::int as n from delivery_events
       where what not in ('deliver', 'held', 'sent', 'delivered') group by 1, 2) ends group by 1`,
  )
  return new Map(rows.map(row => [row.id, row.ends]))
}

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { markInboxItems } from '#channels/in-app/inbox-store.ts'
import { traceIntent } from '#analytics/trace-store.ts'
import { printTrace } from '#analytics/trace.ts'
import { z } from 'zod'
import { retract } from '#cli/retract.ts'
import { onlyFor } from '#contracts/allow-list.ts'
import { type Budget, catalogueOf } from '#contracts/catalogue.ts'
import { intentId } from '#contracts/ids.ts'
import { type Outcome, outcomes } from '#contracts/outcome.ts'
import { act } from '#operators/quarantine-acts.ts'
import { stop } from '#operators/stop-acts.ts'
import { look, type Looked } from '#preferences/engagement.ts'
import { writePresence } from '#preferences/presence-store.ts'
import { defineNotification } from '#producers/sdk/define-notification.ts'
import { startProgram, until } from '../program.ts'
import { startWorld, type World } from '../world.ts'

type Story = {
  /** What a person is told of it. */
  sentence: RegExp
  /** Drives the stack; the outcome is to be that of the intent whose key it gives. */
  tell: (stage: Stage) => Promise<string>
  /** Done again and again until the outcome is there. */
  hurry?: (stage: Stage) => Promise<unknown>
}

/** One story for every outcome: what somebody does, and what the trace then says. */
const stories: Record<Outcome, Story> = {
  sent: { sentence: /Sent, and accepted by fcm at 20/, tell: stage => stage.toPhone('sent') },
  delivered: { sentence: /It is in the inbox/, tell: stage => stage.notify(news, 'delivered') },
  rejected: {
    sentence: /the provider refused the message/,
    tell: stage => {
      stage.world.simulators.script.set({ provider: 'fcm', address: 'token-rejected', answer: 'invalidArgument' })
      return stage.toPhone('rejected')
    },
  },
  address_dead: { sentence: /the address no longer exists/, tell: stage => stage.toPhone('address_dead', 'dead-1') },
  expired: {
    sentence: /it was worth something until/,
    tell: stage => stage.notify(news, 'expired', { occurredAt: Date.now() - 60_000, expiresIn: '1s' }),
  },
  suppressed_preference: {
    sentence: /the person switched social by in_app off/,
    tell: stage => stage.choosing('suppressed_preference', { categories: { social: { in_app: false } } }),
  },
  suppressed_mute: {
    sentence: /the person muted t1/,
    tell: stage => stage.choosing('suppressed_mute', { threads: { t1: true } }),
  },
  suppressed_address: {
    sentence: /the address must not be used/,
    tell: stage => stage.toPhone('suppressed_address', 'token', { state: 'suppressed' }),
  },
  suppressed_read: {
    sentence: /the person has read t1 already/,
    tell: async stage => {
      await stage.looks({ recipient: 'of-suppressed_read', what: 'read', thread: 't1', upTo: Date.now() + 60_000 })
      return stage.notify(news, 'suppressed_read', { thread: 't1' })
    },
  },
  suppressed_active: {
    sentence: /the person stayed active elsewhere for 1h/,
    tell: async stage => {
      await stage.hasPhone('suppressed_active')
      const activeUntil = Date.now() + 24 * 3_600_000
      await writePresence(stage.world.installation.db, { recipient: 'of-suppressed_active', activeUntil })
      return stage.notify(aside, 'suppressed_active')
    },
    // As if it had been held an hour ago.
    hurry: ({ world }) =>
      world.installation.db.query(
        `update holds set due_at = now(), held_since = array[now() - interval '1 h']
         where released_at is null and reason = 'presence' and recipients = array['of-suppressed_active']`,
      ),
  },
  escalation_stopped: {
    sentence: /what went out before was enough \(seen\)/,
    tell: async stage => {
      await stage.hasPhone('escalation_stopped')
      const key = await stage.notify(unseen, 'escalation_stopped')
      await stage.isDecided(key)
      const intent = intentId({ producer: 'test', key })
      await stage.looks({ recipient: 'of-escalation_stopped', what: 'seen', intent })
      return key
    },
    // As if its time were over.
    hurry: ({ world }) =>
      world.installation.db.query(
        `update holds set due_at = now() where released_at is null and recipients = array['of-escalation_stopped']`,
      ),
  },
  discarded: {
    sentence: /held as too many, and an operator discarded it/,
    tell: async stage => {
      const { db } = stage.world.installation
      await db.query(
        `insert into audience_members (audience, recipient) select 'two', 'of-' || n from generate_series(1, 2) n`,
      )
      const to = ['of-discarded', { audience: 'two' }]
      await stage.world.notifier.notify(select, { to, data: {}, key: 'discarded' })
      const intent = intentId({ producer: 'test', key: 'discarded' })
      const discard = { intent, act: { kind: 'discard' }, now: Date.now(), approvalAbove: 10_000 } as const
      await until(async () => (await act(db, { who: 'eve', why: 'a test' }, discard)) === undefined)
      return 'discarded'
    },
  },
  dry_run: {
    sentence: /a dry run; else it would have been sent/,
    tell: stage => stage.notify(news, 'dry_run', { dryRun: true }),
  },
  not_allowed_here: {
    sentence: /not on the list of those who may be told/,
    tell: stage => stage.notify(news, 'not_allowed_here'),
  },
  superseded: {
    sentence: /intent [0-9a-f-]{36} took its place/,
    tell: async stage => {
      const key = await stage.notify(news, 'superseded', { sendAt: Date.now() + 3_600_000 })
      await stage.notify(news, 'superseded', { key: 'successor', supersedes: key })
      return key
    },
  },
  retracted: {
    sentence: /took it back/,
    tell: async stage => {
      // Before it comes: what waits for it is the word itself.
      await retract(stage.world.installation.db, { producer: 'test', key: 'retracted', now: Date.now() })
      return stage.notify(news, 'retracted')
    },
  },
  killed: {
    sentence: /an operator stopped type rumour/,
    tell: async stage => {
      const { db } = stage.world.installation
      await stop(db, { who: 'eve', why: 'a test' }, { scope: 'type', name: rumour.type, resume: 'drop' })
      return stage.notify(rumour, 'killed')
    },
  },
  deduplicated: {
    sentence: /a duplicate of what happened at .*the same is told once in 10m/,
    tell: stage => stage.twice(once, 'deduplicated'),
  },
  throttled: { sentence: /more than 1 in 1h for this person/, tell: stage => stage.twice(few, 'throttled') },
  over_budget: {
    sentence: /told enough until it was worth nothing any more, 1 in 1h by push/,
    tell: async stage => {
      await stage.hasPhone('over_budget')
      // The first has the only place; the second waits a second for one.
      await stage.notify(call, 'over_budget', { key: 'over_budget-first', occurredAt: Date.now() - 1_000 })
      await stage.isDecided('over_budget-first')
      return stage.notify(call, 'over_budget')
    },
  },
  digested: {
    sentence: /told together with others, in intent/,
    tell: async stage => {
      await stage.hasPhone('digested')
      // Two are enough for the digest: the later one tells of both.
      const later = { occurredAt: Date.now() - 1_000 }
      const key = await stage.notify(together, 'digested', later)
      await stage.notify(together, 'digested', { key: 'digested-2' })
      return key
    },
  },
  holdout: { sentence: /in a holdout group \(held\.out, 100 %\)/, tell: stage => stage.notify(nobody, 'holdout') },
  no_endpoint: { sentence: /no usable address for push/, tell: stage => stage.notify(urgent, 'no_endpoint') },
  template_error: {
    sentence: /its template failed \(broken, in_app, en: it failed\)/,
    tell: stage => stage.notify(broken, 'template_error'),
  },
  provider_exhausted: {
    sentence: /the provider failed at every try/,
    tell: stage => {
      const { script } = stage.world.simulators
      script.set({ provider: 'fcm', address: 'token-provider_exhausted', answer: 'deviceQuota' })
      return stage.toPhone('provider_exhausted')
    },
    // Each try comes later than the one before; nobody waits for minutes here.
    hurry: ({ world }) =>
      world.installation.db.query(
        `update batches set due_at = now() - interval '1 ms' where closed_at is null and due_at > now()
           and recipients = array['of-provider_exhausted']`,
      ),
  },
  in_doubt: {
    sentence: /Nobody knows whether it was sent/,
    tell: stage => {
      stage.world.simulators.script.set({ provider: 'fcm', address: 'token-in_doubt', answer: 'garbage' })
      return stage.toPhone('in_doubt')
    },
  },
}

const about = { category: 'social', lane: 'default', owner: 'docs', value: 3, schema: z.object({}) } as const
const words = () => ({ title: 'Hello', body: '' })
const toInbox = { deliver: [{ channel: 'in_app' }], templates: { en: { in_app: words } } } as const
const toPush = { deliver: [{ channel: 'push' }], templates: { en: { push: words } } } as const
const news = defineNotification({ ...about, ...toInbox, type: 'news' })
const rumour = defineNotification({ ...about, ...toInbox, type: 'rumour' })
const once = defineNotification({ ...about, ...toInbox, type: 'once', dedupe: { key: () => 'k', within: '10m' } })
const few = defineNotification({ ...about, ...toInbox, type: 'few', throttle: { limit: 1, per: '1h' } })
const select = defineNotification({ ...about, ...toInbox, type: 'select', maxRecipients: 2 })
const nobody = defineNotification({ ...about, ...toInbox, type: 'held.out', holdout: 0.999_999 })
const urgent = defineNotification({ ...about, ...toPush, type: 'urgent', lane: 'critical', doubt: 'never' })
const together = defineNotification({ ...about, ...toPush, type: 'together', digest: { every: '1h', maxItems: 2 } })
const call = defineNotification({ ...about, ...toPush, type: 'call', category: 'calls' })
const aside = defineNotification({
  ...about,
  ...toPush,
  type: 'aside',
  deliver: [{ channel: 'push', unless: 'active' }],
})
const unseen = defineNotification({
  ...{ ...about, type: 'unseen', templates: { en: { in_app: words, push: words } } },
  deliver: [{ channel: 'in_app' }, { channel: 'push', after: '1h', unless: 'seen' }],
})
const broken = defineNotification({
  ...{ ...about, ...toInbox, type: 'broken' },
  templates: {
    en: {
      in_app: () => {
        throw new Error('a fault of the template')
      },
    },
  },
})
const types = [select, news, rumour, once, few, nobody, urgent, together, call, aside, unseen, broken]
const budgets: Budget[] = [
  { name: 'calls', channel: 'push', categories: ['calls'], limit: 1, per: '1h', wait: '1s', afterwards: 'expire' },
]

type Told = {
  key?: string
  thread?: string
  occurredAt?: number
  sendAt?: number
  supersedes?: string
  dryRun?: boolean
  expiresIn?: '1s'
}

/** What stories are told with. The person of an outcome is `of-<outcome>`, its intent has the outcome as its key. */
type Stage = {
  world: World
  notify(type: (typeof types)[number], outcome: Outcome, told?: Told): Promise<string>
  looks(looked: Looked): Promise<void>
  isDecided(key: string): Promise<void>
  hasPhone(outcome: Outcome, address?: string, more?: object): Promise<void>
  toPhone(outcome: Outcome, address?: string, more?: object): Promise<string>
  choosing(outcome: Outcome, choices: object): Promise<string>
  twice(type: (typeof types)[number], outcome: Outcome): Promise<string>
}

function stageOf(world: World): Stage {
  const { db } = world.installation
  const stage: Stage = {
    world,
    async notify(type, outcome, { key = outcome, ...told } = {}) {
      await world.notifier.notify(type, { to: [`of-${outcome}`], data: {}, key, ...told })
      return key
    },
    looks: looked => look({ db, now: Date.now(), markInbox: markInboxItems }, looked),
    isDecided: key => until(async () => (await traceIntent(db, { producer: 'test', key })).lines.length > 0),
    async hasPhone(outcome, address = `token-${outcome}`, more = {}) {
      const phone = { id: 'phone', channel: 'push', provider: 'fcm', address, state: 'active', since: 0, ...more }
      await db.query('insert into recipients (id, endpoints) values ($1, $2)', [
        ...[`of-${outcome}`, JSON.stringify([phone])],
      ])
    },
    async toPhone(outcome, address, more) {
      await stage.hasPhone(outcome, address, more)
      return stage.notify(urgent, outcome)
    },
    async choosing(outcome, choices) {
      await db.query('insert into recipients (id, choices) values ($1, $2)', [
        ...[`of-${outcome}`, JSON.stringify(choices)],
      ])
      return stage.notify(news, outcome, { thread: 't1' })
    },
    async twice(type, outcome) {
      await stage.notify(type, outcome, { key: `${outcome}-first`, occurredAt: Date.now() - 1_000 })
      await stage.isDecided(`${outcome}-first`)
      return stage.notify(type, outcome)
    },
  }
  return stage
}

test('every outcome comes about, and the trace of its intent says why', { concurrency: true }, async t => {
  const allowed = outcomes.filter(outcome => outcome !== 'not_allowed_here').map(outcome => `of-${outcome}`)
  await using world = await startWorld({ catalogue: onlyFor(catalogueOf('1', types, { budgets }), allowed) })
  const { db, addresses } = world.installation
  const stage = stageOf(world)
  const told = Object.entries(stories).map(([outcome, { sentence, tell, hurry }]) =>
    t.test(outcome, async () => {
      const intent = { producer: 'test', key: await tell(stage) }
      const lines = async () => (await traceIntent(db, intent)).lines.filter(line => line.what === outcome)
      await until(async () => {
        await hurry?.(stage)
        return (await lines()).length > 0
      })
      assert.match((await lines())[0]!.sentence, sentence)
      const trace = printTrace(await traceIntent(db, intent), { width: 300, colour: false })
      assert.match(trace, new RegExp(`\\b${outcome} .*${sentence.source}`))
    }),
  )
  await Promise.all(told)
  // Here by the functions of the command; once by the command itself.
  await using command = startProgram(['trace', 'test/holdout'], { DATABASE_URL: addresses.databaseUrl })
  assert.equal(await command.ended, 0, command.said())
  assert.match(command.out.replaceAll(/\s+/g, ' '), /holdout Not sent: the person is in a holdout group/)
  assert.deepEqual((await world.audit()).problems, [])
})

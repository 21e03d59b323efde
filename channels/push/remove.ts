import type { EpochMs } from '#contracts/ids.ts'
import type { Answer } from '#contracts/outcome.ts'
import { stopOn } from '#contracts/stop.ts'
import { type Push, pushesTo } from '#ledger/pushes.ts'
import { markEndpoint, readPeople } from '#preferences/preferences.ts'
import { every } from '#runtime/every.ts'
import { isOutage } from '#runtime/postgres.ts'
import { forAll, notBegun } from '../answer-table.ts'
import { countUnread } from '../badge.ts'
import type { DeliverDeps } from '../deliver.ts'
import { notOursMs, stoppedMs } from '../limits.ts'
import { deadMark, tellTripped } from '../marks.ts'
import type { Provider } from '../provider.ts'
import { type Plan, type PlannedRemoval, planTurn, type Said, turned } from './removal-plan.ts'
import { claimTurns, notedAmong, recordTurns, spendBudget } from './removal-store.ts'

/** Nobody waits for them. */
const lane = 'bulk'
/** People that a turn takes; a claim lasts longer than all calls that it may begin. */
const peopleMax = 100
const leaseMs = 60_000
const startWithinMs = 10_000
const callMs = 15_000
const everyMs = 1_000
/** What was not accepted is tried again no sooner. */
const againMinMs = 30_000

/**
 * Takes off the screens of devices what was read or taken back since: claim → plan → spend → send → record, in any number of
 * processes. A removal is nobody's delivery: no intent, batch or outcome comes of it. One that a lost worker sent is sent
 * again, which changes nothing on a screen.
 */
export const startRemovals = (deps: DeliverDeps): AsyncDisposable =>
  every(
    everyMs,
    () => removeDue(deps),
    error => deps.log.warn({ task: 'removals', error }, 'a scheduled task failed and will run again'),
  )

/** One turn. True when there may be more to do. */
export async function removeDue(deps: DeliverDeps): Promise<boolean> {
  const { db, clock, providers, failpoint } = deps
  const begun = { ms: performance.now(), at: clock.now() }
  const { turns, stops } = await claimTurns(db, { limit: peopleMax, leaseMs })
  if (turns.length === 0) return false
  // Read after the claim: a device that is gone or somebody else's by now is told nothing.
  const ids = turns.map(turn => turn.recipient)
  const [people, pushes, unread] = await Promise.all([
    readPeople(db, ids),
    pushesTo(
      db,
      turns.flatMap(({ recipient, notes }) => notes.map(({ intent }) => ({ recipient, intent }))),
    ),
    countUnread(
      db,
      ids.map(recipient => ({ recipient })),
    ),
  ])
  const noted = await notedAmong(
    db,
    // Those of one message share the list.
    [...new Map(pushes.map(({ told, recipient }) => [told, recipient]))].flatMap(([told, recipient]) =>
      told.length > 1 ? told.map(intent => ({ recipient, intent })) : [],
    ),
  )
  // What cannot be told anything silently keeps nothing open.
  const removable = pushes.filter(({ provider: name }) => {
    const provider = providers.get(name)
    return !provider || provider.remove !== undefined
  })
  const byPerson = Map.groupBy(removable, push => push.recipient)
  const waitMs = (push: Push): number | undefined =>
    stopOn(stops, { ...push, channel: 'push' }) ? stoppedMs : providerWaitMs(push.provider, deps)
  const plans = turns.map((turn, at) =>
    planTurn(turn, {
      ...{ pushes: byPerson.get(turn.recipient) ?? [], noted: noted.get(turn.recipient) ?? new Set() },
      person: people.get(turn.recipient)!,
      ...{ badge: unread[at]!, waitMs },
    }),
  )
  const said = await told(plans, { begun, deps })
  await failpoint?.('after removal before record')
  await recordTurns(
    db,
    plans.map(plan =>
      turned(
        plan,
        said.filter(one => one.removal.recipient === plan.turn.recipient),
      ),
    ),
  )
  return turns.length === peopleMax
}

/** How long a provider may not be called here; undefined: it may. */
function providerWaitMs(name: string, { providers, pace }: DeliverDeps): number | undefined {
  const provider = providers.get(name)
  return provider?.remove ? pace.wait({ provider, lane })?.waitMs : notOursMs
}

/** `at`: when addresses were not read yet, which is as of when they are known. */
type Begun = { begun: { ms: number; at: EpochMs }; deps: DeliverDeps }

async function told(plans: readonly Plan[], at: Begun): Promise<Said[]> {
  const { db } = at.deps
  const telling = plans.filter(plan => plan.removals.length > 0)
  const ours = await spendBudget(
    db,
    telling.map(({ turn, sent }) => ({ recipient: turn.recipient, turn: turn.turn, sent })),
  )
  const removals = telling.filter(({ turn }) => ours.has(turn.recipient)).flatMap(plan => plan.removals)
  const said = await Promise.all(
    [...Map.groupBy(removals, removal => removal.endpoint.provider)].map(([name, group]) =>
      called(at.deps.providers.get(name)!, group, at),
    ),
  )
  return said.flat()
}

async function called(
  provider: Provider,
  removals: readonly PlannedRemoval[],
  { begun, deps }: Begun,
): Promise<Said[]> {
  const { metrics, pace } = deps
  const said: Said[] = []
  const entered = await pace.enter({ provider, lane, size: removals.length })
  using entry = 'waitMs' in entered ? undefined : entered
  for (let from = 0; from < removals.length;) {
    const fitting = removals.slice(from, from + provider.callSizeMax)
    const turn = await entry?.begin(
      fitting.map(() => 1),
      begun.ms + startWithinMs,
    )
    if (!turn) {
      return [...said, ...removals.slice(from).map(removal => saidOf(removal, notBegun))]
    }
    const call = fitting.slice(0, turn.count)
    from += call.length
    const answers = await asked(provider, call, { begun, deps })
    turn.end(answers)
    for (const { kind } of answers) metrics.count('removals_total', { provider: provider.name, answer: kind })
    await markDead(call, answers, { begun, deps })
    said.push(...call.map((removal, at) => saidOf(removal, answers[at]!)))
  }
  return said
}

async function asked(
  provider: Provider,
  call: readonly PlannedRemoval[],
  { begun, deps: { clock, log } }: Begun,
): Promise<Answer[]> {
  try {
    const startUntilMs = begun.ms + startWithinMs
    return await provider.remove!(call, { lane, now: clock.now(), deadlineMs: callMs, startUntilMs })
  } catch (error) {
    log.error({ provider: provider.name, error }, 'a provider client has a fault')
    return forAll(call, { kind: 'doubt', reason: 'fault of the client' })
  }
}

/** What an answer means. An app that was not told for sure is told again: it has nothing to lose by it. */
function saidOf(removal: PlannedRemoval, answer: Answer): Said {
  switch (answer.kind) {
    case 'accepted':
    case 'addressDead':
    case 'messageDead':
    case 'suppress':
    case 'takenBack':
      return { removal, done: true }
    case 'retry':
      return {
        ...{ removal, done: false, againInMs: Math.max(againMinMs, answer.afterMs) },
        ...(!answer.maybeSent && { unsent: true }),
      }
    case 'pause':
      return { removal, done: false, againInMs: Math.max(againMinMs, answer.afterMs), unsent: true }
    case 'notBegun':
      return { removal, done: false, againInMs: againMinMs, unsent: true }
    case 'config':
      return { removal, done: false, againInMs: 2 * againMinMs, unsent: true }
    case 'doubt':
      return { removal, done: false, againInMs: againMinMs }
    default:
      return answer satisfies never
  }
}

async function markDead(
  call: readonly PlannedRemoval[],
  answers: readonly Answer[],
  { begun, deps }: Begun,
): Promise<void> {
  const marks = call.flatMap(({ recipient, endpoint }, at) => {
    const answer = answers[at]!
    return answer.kind === 'addressDead' ? deadMark({ recipient, endpoint }, answer, begun.at) : []
  })
  if (marks.length === 0) return
  try {
    tellTripped(await markEndpoint(deps, marks), deps.log)
  } catch (error) {
    if (isOutage(error)) throw error
    deps.log.error({ error }, 'what was learned about addresses could not be written')
  }
}

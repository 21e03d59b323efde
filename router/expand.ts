import type { AnyNotificationType, Catalogue } from '#contracts/catalogue.ts'
import type { Lane } from '#contracts/channel.ts'
import { type EpochMs, newSetId, type RecipientId } from '#contracts/ids.ts'
import type { Routes } from '#contracts/routes.ts'
import {
  checkpoint,
  type Expansion,
  nextExpansion,
  postponeExpansion,
  quarantineExpansion,
} from '#ledger/expansions.ts'
import { linkIntents } from '#ledger/holds.ts'
import { type NewQuarantine, openQuarantines } from '#ledger/quarantine.ts'
import { type ReadyBatch, writeSet } from '#ledger/set.ts'
import {
  audiencePage,
  countWithSources,
  inTenant,
  type MembershipSource,
  readPeople,
} from '#preferences/preferences.ts'
import type { Log } from '#runtime/log.ts'
import { type Database, isConflict, isOutage } from '#runtime/postgres.ts'
import { addEngagement } from './engaged.ts'
import { instantOf } from './gather.ts'
import { type Case, judge, underStops, windowKeys, withWindows } from './judge.ts'
import { countedTo, tooMany } from './policies/quarantine.ts'
import { markTakenBack } from './policies/retraction.ts'

/** Members of one page: one transaction, one set. Memory does not grow with the audience. */
const pageSize = 500
/** One that fails (a type that is not known here, a source that is away) is tried again after this time. */
const failedDelayMs = 60_000

export type ExpandDeps = {
  db: Database
  lanes: readonly Lane[]
  catalogue: Catalogue
  log: Log
  sources: readonly MembershipSource[]
  /** Of channels that have several accounts. */
  routes?: Routes | undefined
  now: EpochMs
  trustEventTime: boolean
}

/**
 * Works on one page of one open expansion. Membership is as of the page's read. Returns the batches that became ready,
 * or undefined when no expansion was waiting. One that fails is put off, so that the others are not kept waiting.
 */
export async function expandPage(deps: ExpandDeps): Promise<ReadyBatch[] | undefined> {
  const { db, lanes, now, log } = deps
  const ahead = await db.transaction(tx => nextExpansion(tx, { lanes, now }))
  if (!ahead) return undefined
  try {
    return await expandNext(ahead, deps)
  } catch (error) {
    if (isOutage(error) || isConflict(error)) throw error
    const { id: intent, type } = ahead.intent
    log.error({ intent, type, waitMs: failedDelayMs, error }, 'an audience cannot be expanded now; it is put off')
    await postponeExpansion(db, { intent, until: now + failedDelayMs })
    return []
  }
}

async function expandNext(ahead: Expansion, deps: ExpandDeps): Promise<ReadyBatch[]> {
  const { db, lanes, now } = deps
  const entry = deps.catalogue.types.get(ahead.intent.type)
  if (!entry) throw unknownType(ahead, deps)
  const held = await tooManyMembers(ahead, { ...deps, entry })
  if (held) return keepUnread(ahead, held, deps)
  const limit = Math.min(pageSize, ahead.sampleLeft ?? pageSize)
  const page = await audiencePage(db, {
    audiences: ahead.audiences.map(one => one.audience),
    after: ahead.after,
    limit,
    sources: deps.sources,
  })
  const cases = await memberCases(ahead, page, { ...deps, entry })
  await addEngagement(db, cases)
  return withWindows(db, windowKeys(cases), async (tx, locked) => {
    const expansion = await nextExpansion(tx, { lanes, now })
    if (!expansion || !isStill(ahead, expansion)) return []
    const set = newSetId()
    const decided = await judge(tx, underStops(markTakenBack(cases, expansion.tombstones), expansion.stops), locked)
    const done = page.length < limit
    const after = page.at(-1)?.recipient ?? ahead.after
    await checkpoint(tx, { intent: ahead.intent.id, after, members: cases.length, done, now })
    await linkIntents(tx, set, [ahead.intent.id])
    return writeSet(tx, {
      ...{ id: set, lane: ahead.lane, origin: 'expansion', now },
      intake: {},
      ...{ decided, routes: deps.routes },
      released: 0,
    })
  })
}

/** Somebody else may have worked on it since it was read ahead: then it is not as it was, and nothing is done here. */
const isStill = (ahead: Expansion, found: Expansion): boolean =>
  found.intent.id === ahead.intent.id &&
  found.after === ahead.after &&
  found.sampleLeft === ahead.sampleLeft &&
  found.guarded === ahead.guarded

/**
 * The quarantine of an intent for more people than its type allows, counted with those in teams' own lists before the
 * first of them is told: when it was admitted nobody had asked these lists. An operator's word is not doubted.
 */
async function tooManyMembers(
  { intent, audiences, except, after, guarded }: Expansion,
  { db, sources, entry }: Pick<ExpandDeps, 'db' | 'sources'> & { entry: AnyNotificationType },
): Promise<NewQuarantine | undefined> {
  if (after !== '' || guarded || intent.dryRun) return undefined
  const names = audiences.map(one => one.audience)
  const members = await countWithSources(db, { audiences: names, limit: countedTo(entry), sources })
  if (members === undefined) return undefined
  return tooMany({ intent, entry }, { named: except.length, members, guard: 'members' })
}

async function keepUnread(ahead: Expansion, held: NewQuarantine, { db, lanes, now }: ExpandDeps): Promise<[]> {
  await db.transaction(async tx => {
    const expansion = await nextExpansion(tx, { lanes, now })
    if (!expansion || !isStill(ahead, expansion)) return
    await openQuarantines(tx, [held])
    await quarantineExpansion(tx, { intent: held.intent, now })
  })
  return []
}

const unknownType = ({ intent }: Expansion, { catalogue }: ExpandDeps): Error =>
  new Error(`expansion of intent ${intent.id}: type ${intent.type} is not in catalogue ${catalogue.version}`)

/** The members of a page, but those whom the intent names itself and its actor. */
export async function memberCases(
  { intent, except, audiences }: Omit<Expansion, 'lane' | 'after' | 'guarded' | 'stops' | 'tombstones'>,
  page: Awaited<ReturnType<typeof audiencePage>>,
  { entry, ...deps }: Pick<ExpandDeps, 'db' | 'now' | 'trustEventTime'> & { entry: AnyNotificationType },
): Promise<Case[]> {
  const skip = new Set(except)
  const members = page.filter(member => member.recipient !== intent.actor && !skip.has(member.recipient))
  const people = await readPeople(
    deps.db,
    members.map(member => member.recipient),
    [intent],
  )
  const at = instantOf(intent, deps)
  // Of an audience that is named twice the first reason counts, as for people who are named.
  const reasons = new Map(audiences.toReversed().map(one => [one.audience, one.reason]))
  return members.map(member => ({
    ...{ intent, entry, recipient: member.recipient as RecipientId, at },
    person: inTenant(people.get(member.recipient)!, intent.tenant),
    reason: member.reason ?? reasons.get(member.audience) ?? 'audience',
  }))
}

import type { AnyNotificationType, Catalogue } from '#contracts/catalogue.ts'
import type { Lane } from '#contracts/channel.ts'
import { type EpochMs, newSetId, type RecipientId } from '#contracts/ids.ts'
import { checkpoint, type Expansion, nextExpansion, postponeExpansion } from '#ledger/expansions.ts'
import { linkIntents } from '#ledger/holds.ts'
import { type ReadyBatch, writeSet } from '#ledger/set.ts'
import { audiencePage, inTenant, type MembershipSource, readPeople } from '#preferences/preferences.ts'
import type { Log } from '#runtime/log.ts'
import { type Database, isConflict, isOutage } from '#runtime/postgres.ts'
import { addEngagement } from './engaged.ts'
import { instantOf } from './gather.ts'
import { type Case, judge, underStops, windowKeys, withWindows } from './judge.ts'
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
  const limit = Math.min(pageSize, ahead.sampleLeft ?? pageSize)
  const page = await audiencePage(db, {
    audiences: ahead.audiences.map(one => one.audience),
    after: ahead.after,
    limit,
    sources: deps.sources,
  })
  const entry = deps.catalogue.types.get(ahead.intent.type)
  if (!entry) throw unknownType(ahead, deps)
  const cases = await memberCases(ahead, page, { ...deps, entry })
  await addEngagement(db, cases)
  return withWindows(db, windowKeys(cases), async (tx, locked) => {
    // Somebody else may have worked on this page meanwhile: then the checkpoint has moved and nothing is done here.
    const expansion = await nextExpansion(tx, { lanes, now })
    if (
      expansion?.intent.id !== ahead.intent.id ||
      expansion.after !== ahead.after ||
      expansion.sampleLeft !== ahead.sampleLeft
    )
      return []
    const set = newSetId()
    const decided = await judge(tx, underStops(markTakenBack(cases, expansion.tombstones), expansion.stops), locked)
    const done = page.length < limit
    const after = page.at(-1)?.recipient ?? ahead.after
    await checkpoint(tx, { intent: ahead.intent.id, after, members: cases.length, done, now })
    await linkIntents(tx, set, [ahead.intent.id])
    return writeSet(tx, {
      ...{ id: set, lane: ahead.lane, origin: 'expansion', now },
      intake: {},
      decided,
      released: 0,
    })
  })
}

const unknownType = ({ intent }: Expansion, { catalogue }: ExpandDeps): Error =>
  new Error(`expansion of intent ${intent.id}: type ${intent.type} is not in catalogue ${catalogue.version}`)

/** The members of a page, but those whom the intent names itself and its actor. */
export async function memberCases(
  { intent, except, audiences }: Omit<Expansion, 'lane' | 'after' | 'stops' | 'tombstones'>,
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

import type { Catalogue } from '#contracts/catalogue.ts'
import { type EpochMs, newSetId, type RecipientId } from '#contracts/ids.ts'
import { checkpoint, type Expansion, nextExpansion } from '#ledger/expansions.ts'
import { linkIntents } from '#ledger/holds.ts'
import { type ReadyBatch, writeSet } from '#ledger/set.ts'
import { audiencePage, type MembershipSource, readPeople } from '#preferences/preferences.ts'
import type { Database } from '#runtime/postgres.ts'
import { instantOf } from './gather.ts'
import { type Case, judge, windowKeys, withWindows } from './judge.ts'

/** Members of one page: one transaction, one set. Memory does not grow with the audience. */
const pageSize = 500

export type ExpandDeps = {
  db: Database
  catalogue: Catalogue
  sources: readonly MembershipSource[]
  now: EpochMs
  trustEventTime: boolean
}

/**
 * Works on one page of one open expansion. Membership is as of the page's read. Returns the batches that became ready,
 * or undefined when no expansion was waiting.
 */
export async function expandPage(deps: ExpandDeps): Promise<ReadyBatch[] | undefined> {
  const { db, now } = deps
  const ahead = await db.transaction(tx => nextExpansion(tx, now))
  if (!ahead) return undefined
  const page = await audiencePage(db, {
    audiences: ahead.audiences.map(one => one.audience),
    after: ahead.after,
    limit: pageSize,
    sources: deps.sources,
  })
  const cases = await casesOf(ahead, page, deps)
  return withWindows(db, windowKeys(cases), async (tx, locked) => {
    // Somebody else may have worked on this page meanwhile: then the checkpoint has moved and nothing is done here.
    const expansion = await nextExpansion(tx, now)
    if (expansion?.intent.id !== ahead.intent.id || expansion.after !== ahead.after) return []
    const set = newSetId()
    const decided = await judge(tx, cases, locked)
    const done = page.length < pageSize
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

async function casesOf(
  { intent, except, audiences }: Expansion,
  page: readonly { recipient: string; reason?: string }[],
  deps: ExpandDeps,
): Promise<Case[]> {
  const entry = deps.catalogue.types.get(intent.type)
  if (!entry)
    throw new Error(
      `expansion of intent ${intent.id}: type ${intent.type} is not in catalogue ${deps.catalogue.version}`,
    )
  const skip = new Set(except)
  const members = page.filter(member => member.recipient !== intent.actor && !skip.has(member.recipient))
  const people = await readPeople(
    deps.db,
    members.map(member => member.recipient),
  )
  const at = instantOf(intent, deps)
  const reason = audiences.find(one => one.reason !== undefined)?.reason
  return members.map(member => ({
    ...{ intent, entry, recipient: member.recipient as RecipientId, person: people.get(member.recipient)!, at },
    reason: member.reason ?? reason ?? 'audience',
  }))
}

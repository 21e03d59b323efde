import type { EpochMs } from '#contracts/ids.ts'
import { logAct } from '#ledger/operator-log.ts'
import {
  approveBlasted,
  type Blasted,
  countBlasted,
  discardQuarantine,
  lockBlasted,
  releaseQuarantine,
} from '#ledger/quarantine.ts'
import { passVolume } from '#ledger/volumes.ts'
import type { Database } from '#runtime/postgres.ts'
import type { NotDone } from './quarantine-acts.ts'

/** What comes after a release passes for so long. */
const passMs = 3_600_000

export type BlastAct = 'release' | 'discard'
type By = { who: string; why: string }

/** How many intents it was about, and whether what comes in the next hour passes. */
export type Acted = { intents: number; passes?: true }

/** So many intents end in one transaction: a blast may be millions, and no statement may take long. */
const stepIntents = 20_000

type Acting = { of: Blasted; act: BlastAct; now: EpochMs; approvalAbove: number; step?: number }

/**
 * Ends every quarantine by volume of a type and producer, in steps. Of more people than `approvalAbove`, `release` lets go
 * what somebody of another name has approved. What comes in the next hour may be any number, so that passes only
 * where all that is let go was approved. One that is interrupted has done some steps, and is repeated.
 */
export async function actOnBlast(db: Database, { who, why }: By, acting: Acting): Promise<Acted | NotDone> {
  const { of, act, approvalAbove, step = stepIntents } = acting
  const held = await countBlasted(db, of, who)
  if (held.intents === 0) return 'not in quarantine'
  const decidesAlone = act === 'discard' || (held.recipients <= approvalAbove && !held.more)
  if (!decidesAlone && held.approved === 0) return 'needs approval'
  const passes = act === 'release' && (!decidesAlone || held.approved === held.intents)
  const done = { intents: 0, recipients: 0 }
  for (let last = false; !last;)
    await db.transaction(async tx => {
      const mine = await lockBlasted(tx, of, { limit: step, ...(!decidesAlone && { approvedFor: who }) })
      last = mine.length < step
      done.recipients += mine.reduce((sum, one) => sum + one.recipients, 0)
      // What has come since nobody has agreed to.
      const more = done.recipients > approvalAbove || mine.some(one => one.more)
      const tooMany = decidesAlone && act === 'release' && more
      last ||= tooMany
      if (tooMany || mine.length === 0) return
      const intents = mine.map(one => one.intent)
      await (act === 'discard' ? discardQuarantine : releaseQuarantine)(tx, { intents, who, now: acting.now })
      if (passes) await passVolume(tx, { ...of, until: acting.now + passMs })
      const about = { ...of, intents: intents.length, ...(passes && { passes }) }
      await logAct(tx, { who, what: `quarantine ${act}`, why, about })
      done.intents += intents.length
    })
  if (done.intents === 0) return done.recipients > 0 ? 'needs approval' : 'not in quarantine'
  return { intents: done.intents, ...(passes && { passes }) }
}

/** Approves what somebody else does next with everything of a type and producer that is held for its volume by now. */
export function approveBlast(db: Database, { who, why }: By, of: Blasted): Promise<number> {
  return db.transaction(async tx => {
    const intents = await approveBlasted(tx, of, who)
    if (intents > 0) await logAct(tx, { who, what: 'quarantine approve', why, about: { ...of, intents } })
    return intents
  })
}

import type { EpochMs } from '#contracts/ids.ts'
import { logAct } from '#ledger/operator-log.ts'
import {
  approveQuarantine,
  type Blasted,
  discardQuarantine,
  lockBlasted,
  type QuarantineRecord,
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

/**
 * Ends every quarantine by volume of a type and producer. Of more people than `approvalAbove`, `release` lets go what
 * somebody of another name has approved. What comes in the next hour may be any number, so that passes only where
 * all that is let go was approved.
 */
export function actOnBlast(
  db: Database,
  { who, why }: By,
  { of, act, now, approvalAbove }: { of: Blasted; act: BlastAct; now: EpochMs; approvalAbove: number },
): Promise<Acted | NotDone> {
  return db.transaction(async tx => {
    const held = await lockBlasted(tx, of)
    if (held.length === 0) return 'not in quarantine'
    const approved = held.filter(one => one.approvedBy !== undefined && one.approvedBy !== who)
    const mine = act === 'discard' || mayDecideAlone(held, approvalAbove) ? held : approved
    if (mine.length === 0) return 'needs approval'
    const intents = mine.map(one => one.intent)
    const end = act === 'discard' ? discardQuarantine : releaseQuarantine
    await end(tx, { intents, who, now })
    const passes = act === 'release' && approved.length === mine.length
    if (passes) await passVolume(tx, { ...of, until: now + passMs })
    const acted = { intents: intents.length, ...(passes && { passes }) }
    await logAct(tx, { who, what: `quarantine ${act}`, why, about: { ...of, ...acted } })
    return acted
  })
}

/** Approves what somebody else does next with everything of a type and producer that is held for its volume by now. */
export function approveBlast(db: Database, { who, why }: By, of: Blasted): Promise<number> {
  return db.transaction(async tx => {
    const intents = (await lockBlasted(tx, of)).map(one => one.intent)
    if (intents.length === 0) return 0
    await approveQuarantine(tx, { intents, by: who })
    await logAct(tx, { who, what: 'quarantine approve', why, about: { ...of, intents: intents.length } })
    return intents.length
  })
}

const mayDecideAlone = (held: readonly QuarantineRecord[], approvalAbove: number): boolean =>
  held.reduce((sum, one) => sum + one.recipients, 0) <= approvalAbove && !held.some(one => one.more)

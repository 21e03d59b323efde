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

/**
 * Ends every quarantine by volume of a type and producer. `release` lets what comes in the next hour pass as well; of
 * more people than `approvalAbove` it releases what somebody of another name has approved. Gives the number of intents.
 */
export function actOnBlast(
  db: Database,
  { who, why }: By,
  { of, act, now, approvalAbove }: { of: Blasted; act: BlastAct; now: EpochMs; approvalAbove: number },
): Promise<number | NotDone> {
  return db.transaction(async tx => {
    const held = await lockBlasted(tx, of)
    if (held.length === 0) return 'not in quarantine'
    const mine = act === 'discard' ? held : released(held, { who, approvalAbove })
    if (mine.length === 0) return 'needs approval'
    const intents = mine.map(one => one.intent)
    const end = act === 'discard' ? discardQuarantine : releaseQuarantine
    await end(tx, { intents, who, now })
    if (act === 'release') await passVolume(tx, { ...of, until: now + passMs })
    await logAct(tx, { who, what: `quarantine ${act}`, why, about: { ...of, intents: intents.length } })
    return intents.length
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

function released(
  held: readonly QuarantineRecord[],
  { who, approvalAbove }: { who: string; approvalAbove: number },
): readonly QuarantineRecord[] {
  const people = held.reduce((sum, one) => sum + one.recipients, 0)
  if (people <= approvalAbove && !held.some(one => one.more)) return held
  return held.filter(one => one.approvedBy !== undefined && one.approvedBy !== who)
}

import { askReadmission, type MessageName, type Readmission } from '#ledger/admit.ts'
import { logAct } from '#ledger/operator-log.ts'
import type { Database } from '#runtime/postgres.ts'

/** Has a refused message admitted again, once, within seconds: a scheduler publishes it. Gives what became of the wish. */
export function readmit(
  db: Database,
  { who, why }: { who: string; why: string },
  message: MessageName,
): Promise<Readmission> {
  return db.transaction(async tx => {
    const readmission = await askReadmission(tx, message)
    if (readmission === 'asked') await logAct(tx, { who, what: 'refused readmit', why, about: message })
    return readmission
  })
}

/** Why a message is not admitted again; undefined when it is. */
export function notReadmitted(readmission: Readmission): string | undefined {
  switch (readmission) {
    case 'asked':
      return undefined
    case 'not refused':
      return 'no such message was refused'
    case 'again':
      return 'it was admitted again before, and goes that way once'
    case 'not kept':
      return 'what it said is not kept (of a sensitive type, malformed, or another body of a known key): its producer must state it again'
    default:
      return readmission satisfies never
  }
}

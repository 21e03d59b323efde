import type { EpochMs } from '#contracts/ids.ts'
import type { Database } from '#runtime/postgres.ts'
import { type ChoicesPatch, patched } from './choices.ts'
import { logConsent } from './consent-log.ts'
import type { Choices } from './preferences.ts'
import type { Problem } from './profile.ts'

/** `gone`: the person was erased, and wishes nothing. */
export type Chosen = { kind: 'chosen' } | { kind: 'refused'; problems: Problem[] } | { kind: 'gone' }

/** Changes what a person has chosen, each change with its line in the consent log, in one transaction. */
export async function changeChoices(
  { db, now }: { db: Database; now: EpochMs },
  recipient: string,
  patch: ChoicesPatch,
): Promise<Chosen> {
  return db.transaction(async (tx): Promise<Chosen> => {
    await tx.query(`insert into recipients (id) values ($1) on conflict do nothing`, [recipient])
    const [row] = await tx.query<{ choices: string | null; zone: string | null; erased: boolean }>(
      `select choices, zone, erased_at is not null as erased from recipients where id = $1 for update`,
      [recipient],
    )
    const { choices: before, zone, erased } = row!
    if (erased) return { kind: 'gone' }
    const result = patched(before ? (JSON.parse(before) as Choices) : {}, patch, {
      recipient,
      now,
      zone: zone ?? undefined,
    })
    if (!result.ok) return { kind: 'refused', problems: result.problems }
    const { choices, lines } = result.value
    await tx.query(`update recipients set choices = $2, updated_at = to_timestamp($3 / 1000.0) where id = $1`, [
      recipient,
      Object.keys(choices).length > 0 ? JSON.stringify(choices) : null,
      now,
    ])
    await logConsent(tx, lines, now)
    return { kind: 'chosen' }
  })
}

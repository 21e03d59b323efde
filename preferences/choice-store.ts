import type { EpochMs } from '#contracts/ids.ts'
import type { TenantSettings } from '#contracts/preferences.ts'
import type { Database } from '#runtime/postgres.ts'
import { type ChoicesPatch, patched } from './choices.ts'
import { type ConsentSource, logConsent } from './consent-log.ts'
import type { Choices } from './preferences.ts'
import type { Problem } from './profile.ts'
import { noQuiet, quietOf, storedQuiet } from './quiet-windows.ts'
import { isMatch, revisionOf } from './revision.ts'

/** `gone`: the person was erased, and wishes nothing. `stale`: `basis` is not what there is. */
export type Chosen =
  | { kind: 'chosen' }
  | { kind: 'refused'; problems: Problem[] }
  | { kind: 'gone' }
  | { kind: 'stale' }

export type ChoiceStore = {
  db: Database
  now: EpochMs
  /** Through what it comes. Default: `api`. */
  source?: ConsentSource
  /** The revisions that it may be made from, as an If-Match header. Absent: any. */
  basis?: string | undefined
}

/**
 * Changes what a person prefers, each change of a choice with its line in the consent log, in one transaction. A patch that
 * depends on what the person had chosen before is made from that, in the transaction.
 */
export async function changeChoices(
  { db, now, basis, source = 'api' }: ChoiceStore,
  recipient: string,
  change: ChoicesPatch | ((before: Choices) => ChoicesPatch),
): Promise<Chosen> {
  return db.transaction(async (tx): Promise<Chosen> => {
    await tx.query(`insert into recipients (id) values ($1) on conflict do nothing`, [recipient])
    const [row] = await tx.query<Row>(
      `select choices, zone, locale, quiet, erased_at is not null as erased,
         (select settings from tenants where id = recipients.tenant) as settings
       from recipients where id = $1 for update`,
      [recipient],
    )
    const { settings, erased } = row!
    if (erased) return { kind: 'gone' }
    const before = saidIn(row!)
    if (!isMatch(basis, revisionOf(before))) return { kind: 'stale' }
    const patch = typeof change === 'function' ? change(before.choices) : change
    const own = ownAfter(row!, patch)
    const zone = own.zone ?? (settings ? (JSON.parse(settings) as TenantSettings).zone : undefined)
    const result = patched(before.choices, patch, { recipient, now, zone, source })
    if (!result.ok) return { kind: 'refused', problems: result.problems }
    const { choices, lines } = result.value
    await tx.query(
      `update recipients set choices = $2, zone = $3, locale = $4, quiet = $5, updated_at = to_timestamp($6 / 1000.0) where id = $1`,
      [
        recipient,
        Object.keys(choices).length > 0 ? JSON.stringify(choices) : null,
        ...[own.zone, own.locale, own.quiet, now],
      ],
    )
    await logConsent(tx, lines, now)
    return { kind: 'chosen' }
  })
}

type Own = { zone: string | null; locale: string | null; quiet: string | null }
type Row = Own & { choices: string | null; settings: string | null; erased: boolean }

const saidIn = ({ choices, zone, locale, quiet }: Row) => ({
  choices: choices ? (JSON.parse(choices) as Choices) : {},
  ...(zone !== null && { zone }),
  ...(locale !== null && { locale }),
  ...(quiet !== null && { quiet: quietOf(quiet) }),
})

function ownAfter(before: Own, { zone = before.zone, locale = before.locale, quiet }: ChoicesPatch): Own {
  if (quiet === undefined) return { zone, locale, quiet: before.quiet }
  return { zone, locale, quiet: quiet === null ? null : storedQuiet(quiet === 'none' ? noQuiet : quiet) }
}

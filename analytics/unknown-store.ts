import { type Database, isTimeLimit, type Queryable } from '#runtime/postgres.ts'
import { asking } from './asking.ts'

/** What may be mistyped, and rollups keep; the other filters of theirs are words of a list. */
const typed = ['type', 'category', 'producer', 'provider', 'arm'] as const
export type Unknown = (typeof typed)[number] | 'event'
/** Of each look at a table. */
const limit = '1s'

/**
 * Which values of a question nothing that is stored has, of whatever time: asked where an answer is empty, to tell what is mistyped
 * from what did not happen. Of rollups, and so seconds behind; `event` of what people did. Of one tenant nothing is told: what others
 * have is not theirs to know; nor where it takes long to find out, for the answer waits for it.
 */
export async function unknownOf(
  db: Database,
  { tenant, event, ...asked }: Partial<Record<Unknown | 'tenant', string | undefined>>,
): Promise<Unknown[]> {
  const fields = typed.filter(field => asked[field] !== undefined)
  if (tenant !== undefined || (fields.length === 0 && event === undefined)) return []
  const looking = asking(db, async tx => {
    await tx.query(`select set_config('statement_timeout', $1, true)`, [limit])
    const unknown: Unknown[] = []
    for (const field of fields) {
      // What was stored a moment ago is in no rollup yet, but its type is marked.
      const marked = field === 'type' ? 'or exists (select from rollup_marks where type = $1)' : ''
      const known = `exists (select from funnel_hours where ${field} = $1) ${marked}`
      if (await isFalse(tx, known, asked[field]!)) unknown.push(field)
    }
    if (event !== undefined && (await isFalse(tx, 'exists (select from product_events where event = $1)', event)))
      unknown.push('event')
    return unknown
  })
  return looking.catch((error: unknown) => {
    if (isTimeLimit(error)) return []
    throw error
  })
}

async function isFalse(tx: Queryable, known: string, value: string): Promise<boolean> {
  const [row] = await tx.query<{ known: boolean }>(`select ${known} as known`, [value])
  return !row!.known
}

import { addressHash } from './address.ts'
import type { ConsentLine } from './consent-log.ts'
import { endpointAfter } from './endpoint-state.ts'
import { rewriteEndpoints } from './endpoint-rows.ts'
import { takeBackSuppressions } from './group-suppressions.ts'
import { type HashedMark, isAbout, type Mark, wordOf } from './mark.ts'
import { guardPrunes, type Tripped } from './prune-store.ts'
import { suppress, suppressedOf, suppressionLine, type Suppressions, tellSuppressed } from './suppression-store.ts'

/**
 * Remembers what was learned about endpoints (`endpoint-state.ts`). What is said of a time before the last registration, or of
 * another address, changes nothing. A suppressed address is never used again, whoever has it or registers it: from the first
 * statement on no claim sends to it (`readReachable`). Gives the prune guards that tripped by it: what they hold is not dead yet.
 */
export async function markEndpoint(store: Suppressions, marks: readonly (Mark | HashedMark)[]): Promise<Tripped[]> {
  const { db } = store
  const hashed = marks.map(mark => ({
    ...mark,
    hash: 'hash' in mark ? mark.hash : addressHash(store.addressKey, mark),
  }))
  const of = (...states: Mark['state'][]) => hashed.filter(mark => states.includes(mark.state))
  const told = of('suppressed')
  await suppress(db, told, 'provider')
  // What was taken back by then suppresses nobody; and what stands only for a time was said by somebody else.
  const standing = await suppressedOf(
    db,
    told.map(mark => mark.hash),
  )
  const suppressed = told.filter(({ hash }) => standing.has(hash) && standing.get(hash)!.until === undefined)
  const { allowed, tripped } = await guardPrunes(store, of('dead'))
  await applyMarks(store, [...of('suspect', 'alive'), ...suppressed, ...allowed])
  if (suppressed.length > 0) await tellSuppressed(db, suppressed, 'provider')
  await takeBackSuppressions(db, of('taken back'), 'provider')
  return tripped
}

/** Marks endpoints as they are told, without asking any guard. */
export async function applyMarks({ db, addressKey }: Suppressions, marks: readonly HashedMark[]): Promise<void> {
  if (marks.length === 0) return
  await rewriteEndpoints(db, {
    ids: marks.map(mark => mark.recipient),
    now: Math.max(...marks.map(mark => mark.at)),
    change(id, before) {
      const log: ConsentLine[] = []
      const mine = marks.filter(mark => mark.recipient === id)
      const endpoints = before.map(endpoint => {
        const about = mine.filter(mark => isAbout(mark, endpoint, addressKey))
        const after = about.reduce((one, mark) => endpointAfter(one, wordOf(mark)), endpoint)
        if (after.state === 'suppressed' && after !== endpoint) log.push(suppressionLine(id, after, 'provider'))
        return after
      })
      return { endpoints, log }
    },
  })
}

import { addressHash } from './address.ts'
import type { ConsentLine } from './consent-log.ts'
import { endpointAfter } from './endpoint-state.ts'
import { rewriteEndpoints } from './endpoint-rows.ts'
import { takeBackSuppressions } from './group-suppressions.ts'
import { type EndpointMark, type HashedMark, isAbout, type Mark, wordOf } from './mark.ts'
import { guardPrunes, type Tripped } from './prune-store.ts'
import { suppress, suppressedOf, type Suppressions } from './suppression-store.ts'
import { suppressionLine, tellOwners } from './tell-owners.ts'

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
  const of = <S extends Mark['state']>(...states: S[]) =>
    hashed.flatMap(mark => {
      const state = states.find(one => one === mark.state)
      return state === undefined ? [] : [{ ...mark, state }]
    })
  const told = of('suppressed')
  await suppress(db, told, 'provider')
  // What was taken back by then suppresses nobody; and what stands only for a time was said by somebody else.
  const hashes = told.map(mark => mark.hash)
  const standing = await suppressedOf(db, hashes)
  const suppressed = told.flatMap(mark => {
    const said = standing.get(mark.hash)
    return said && said.until === undefined ? [{ ...mark, reason: said.reason, at: said.at }] : []
  })
  const { allowed, tripped } = await guardPrunes(store, of('dead'))
  await applyMarks(store, [...of('suspect', 'alive'), ...suppressed, ...allowed])
  if (told.length > 0) await tellOwners(db, hashes, { now: Math.max(...told.map(mark => mark.at)), source: 'provider' })
  await takeBackSuppressions(db, of('taken back'), 'provider')
  return tripped
}

/** Marks endpoints as they are told, without asking any guard. */
export async function applyMarks({ db, addressKey }: Suppressions, marks: readonly EndpointMark[]): Promise<void> {
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
        if (after.state === 'suppressed' && after !== endpoint)
          log.push(suppressionLine(id, after, { wish: false, source: 'provider' }))
        return after
      })
      return { endpoints, log }
    },
  })
}

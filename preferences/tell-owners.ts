import type { Channel } from '#contracts/channel.ts'
import type { EpochMs } from '#contracts/ids.ts'
import type { Queryable } from '#runtime/postgres.ts'
import type { ConsentLine, ConsentSource } from './consent-log.ts'
import { rewriteEndpoints } from './endpoint-rows.ts'
import { endpointAfter } from './endpoint-state.ts'
import type { Endpoint } from './preferences.ts'
import type { Suppressed } from './registration.ts'
import { suppressedOf } from './suppression-store.ts'

/** When it was said, through what, and why an address may be used again. */
export type ToldBy = { now: EpochMs; source: ConsentSource; why?: string | undefined }

const triesMax = 5

/**
 * Makes the endpoints of everybody who has these mailboxes and numbers what is said of them, each change with a line in the
 * consent log, until nothing else is said meanwhile: what is written and told between, in whatever order, ends as it stands.
 * To be called after it is written; who registers an address from then on sees it. Gives how many had them at first.
 */
export async function tellOwners(db: Queryable, hashes: readonly string[], by: ToldBy): Promise<number> {
  let open: readonly string[] = [...new Set(hashes)]
  let said = await suppressedOf(db, open)
  const n = await tellOnce(db, { hashes: open, said }, by)
  for (let tries = 1; tries < triesMax; tries++) {
    const again = await suppressedOf(db, open)
    open = open.filter(hash => JSON.stringify(again.get(hash)) !== JSON.stringify(said.get(hash)))
    if (open.length === 0) break
    said = again
    await tellOnce(db, { hashes: open, said }, by)
  }
  return n
}

type Said = { hashes: readonly string[]; said: ReadonlyMap<string, Suppressed> }

async function tellOnce(db: Queryable, { hashes, said }: Said, { now, source, why }: ToldBy): Promise<number> {
  const owners = await ownersOf(db, hashes)
  await rewriteEndpoints(db, {
    ...{ ids: owners.map(one => one.recipient), now },
    change(recipient, before) {
      const log: ConsentLine[] = []
      const endpoints = before.map(endpoint => {
        const owner = owners.find(one => one.recipient === recipient && one.endpoint === endpoint.id)
        const after = owner ? endpointAs(endpoint, { said: said.get(owner.hash), now }) : endpoint
        if (after !== endpoint)
          log.push(suppressionLine(recipient, after, { wish: after.state !== 'suppressed', source, why }))
        return after
      })
      return { endpoints, log }
    },
  })
  return owners.length
}

/** The same endpoint where it is that already. */
function endpointAs(endpoint: Endpoint, { said, now }: { said: Suppressed | undefined; now: EpochMs }): Endpoint {
  const free = endpointAfter(endpoint, { kind: 'lifted', at: now })
  if (!said) return free
  const { reason: why, ...word } = said
  const after = endpointAfter(free, { kind: 'suppressed', ...word, why })
  const isSaid = (['state', 'why', 'until'] as const).every(field => endpoint[field] === after[field])
  return isSaid ? endpoint : after
}

/** The line of an endpoint, or of a contact that would be one, that must not be used, or may be again (`wish`). */
export const suppressionLine = (
  recipient: string,
  { id, channel, until }: { id?: string; channel: Channel; until?: EpochMs },
  { wish, source, why }: Pick<ToldBy, 'source' | 'why'> & { wish: boolean },
): ConsentLine => ({
  ...{ recipient, kind: 'suppression', channel, wish, source },
  ...(id !== undefined && { endpoint: id }),
  ...(until !== undefined && { until }),
  ...(wish && why !== undefined && { said: why }),
})

/** Who has mailboxes and numbers of these hashes. */
export const ownersOf = (
  db: Queryable,
  hashes: readonly string[],
): Promise<{ recipient: string; endpoint: string; hash: string }[]> =>
  hashes.length === 0
    ? Promise.resolve([])
    : db.query(`select recipient, endpoint, hash from addresses where hash = any($1::text[]) and channel <> 0`, [
        hashes,
      ])

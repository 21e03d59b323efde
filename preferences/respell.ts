import type { Queryable } from '#runtime/postgres.ts'
import { addressHash, readAddress } from './address.ts'
import { rewriteEndpoints } from './endpoint-rows.ts'
import type { Endpoint } from './preferences.ts'
import { type RecipientStore, removeEndpoints, untilSettled } from './recipient-store.ts'

/** So many people are looked at by one statement. */
const pageRows = 10_000

/**
 * Brings browsers' subscriptions that were registered as they came into the one spelling that they are known by, or the same
 * browser registers beside itself. What is known of an endpoint stays; one whose browser has registered anew goes. Once for a
 * database; one that is interrupted begins again, and several at once come to the same.
 */
export async function respellSubscriptions(store: RecipientStore, signal: AbortSignal): Promise<void> {
  const { db } = store
  const [known] = await db.query<{ respelled: boolean }>(`select respelled from address_key`)
  if (known!.respelled) return
  for (let after: string | null = ''; after !== null;) after = await respellPage(store, { after, signal })
  if (signal.aborted) return
  await db.query(`update address_key set respelled = true`)
}

/** Gives the last who was looked at, or null. */
async function respellPage(
  store: RecipientStore,
  { after, signal }: { after: string; signal: AbortSignal },
): Promise<string | null> {
  const [page] = await store.db.query<{ last: string | null; ids: string[] | null; endpoints: string[] | null }>(
    `with page as materialized (select id, endpoints from recipients where id > $1 order by id limit ${pageRows}),
     found as (select id, endpoints from page where endpoints like '%"webpush"%')
     select (select max(id) from page) as last, (select array_agg(id order by id) from found) as ids,
       (select array_agg(endpoints order by id) from found) as endpoints`,
    [after],
  )
  const { last, ids, endpoints } = page!
  for (const [at, id] of (ids ?? []).entries())
    for (const respelling of (JSON.parse(endpoints![at]!) as Endpoint[]).flatMap(respelled)) {
      if (signal.aborted) return null
      await untilSettled(() => store.db.transaction(tx => respell(tx, { ...store, ...respelling, id })))
    }
  return last
}

type Spelling = { endpoint: string; before: string; address: string }

function respelled(one: Endpoint): Spelling[] {
  const address = one.provider === 'webpush' ? readAddress('webpush', one.address).address : undefined
  return address === undefined || address === one.address ? [] : [{ endpoint: one.id, before: one.address, address }]
}

type Respelling = Omit<RecipientStore, 'db'> & Spelling & { id: string }

async function respell(tx: Queryable, { addressKey, now, id, endpoint, before, address }: Respelling): Promise<void> {
  // People before the directory, as everybody locks them.
  const [person] = await tx.query<{ endpoints: string | null }>(
    `select endpoints from recipients where id = $1 for update`,
    [id],
  )
  const all = JSON.parse(person?.endpoints ?? '[]') as Endpoint[]
  // Somebody else has respelled it, or it is another one by now.
  if (!all.some(one => one.id === endpoint && one.address === before)) return
  const done = await tx.query(
    `update addresses a set hash = $3 where recipient = $1 and endpoint = $2
       and not exists (select from addresses o where o.channel = 0 and o.hash = $3) returning 1`,
    [id, endpoint, addressHash(addressKey, { channel: 'push', address })],
  )
  if (done.length === 0) {
    await removeEndpoints({ db: tx, now, source: 'moved' }, id, one => one.id === endpoint)
    return
  }
  const change = (_: string, endpoints: readonly Endpoint[]) => ({
    endpoints: endpoints.map(one => (one.id === endpoint ? { ...one, address } : one)),
  })
  await rewriteEndpoints(tx, { ids: [id], now, change })
}

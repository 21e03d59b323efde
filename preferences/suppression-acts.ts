import { type Channel, channels } from '#contracts/channel.ts'
import type { EpochMs } from '#contracts/ids.ts'
import type { Database } from '#runtime/postgres.ts'
import { addressHash, masked } from './address.ts'
import { logConsent } from './consent-log.ts'
import { readPeople } from './preferences.ts'
import { contactPrefix } from './profile.ts'
import { saidSql, standsSql, suppress, type Suppressions, type SuppressionSource } from './suppression-store.ts'
import { ownersOf, suppressionLine, tellOwners } from './tell-owners.ts'

/** Why an address is suppressed by hand; providers have codes of their own beside. */
export const suppressionReasons = ['manual', 'bounce', 'invalid', 'complaint', 'unsubscribed', 'stop'] as const
export type GivenSuppression = {
  channel: Channel
  address: string
  reason: (typeof suppressionReasons)[number]
  /** It may be used again from then on. */
  until?: EpochMs
}
export type SuppressionRecord = {
  hash: string
  channel: Channel
  reason: string
  source: string
  at: Date
  expiresAt: Date | null
  /** Of an address that somebody has now. */
  masked?: string
}

type By = { now: EpochMs; source: Exclude<SuppressionSource, 'provider'> }

/** Suppresses mailboxes and numbers for everybody who has them or registers them, from the moment that this resolves. */
export async function addSuppressions(
  { db, addressKey }: Suppressions,
  given: readonly GivenSuppression[],
  { now, source }: By,
): Promise<void> {
  const suppressions = given.map(one => ({ ...one, hash: addressHash(addressKey, one), at: now }))
  await suppress(db, suppressions, source)
  await tellOwners(
    db,
    suppressions.map(one => one.hash),
    { now, source },
  )
}

/**
 * Lets an address be used again. What its owner or a provider has said needs a reason, and the consent log keeps it, with a
 * line for everybody who has the address, or for the contact that it would be. A provider's own list is not asked.
 */
export async function liftSuppression(
  { db, addressKey }: { db: Database; addressKey: string },
  { channel, address, why }: { channel: Channel; address: string; why?: string },
  { now, source }: By,
): Promise<'lifted' | 'not suppressed' | 'needs why'> {
  const hash = addressHash(addressKey, { channel, address })
  const key = [hash, channels.indexOf(channel)]
  const by = { now, source, why }
  const done = await db.transaction(async tx => {
    // What is said of it meanwhile waits for this lock, and stands afterwards.
    const [found] = await tx.query<{ reason: string }>(
      `select ${saidSql} from suppressions where hash = $1 and channel = $2 and ${standsSql} for update`,
      key,
    )
    if (!found) return 'not suppressed'
    if (found.reason !== 'manual' && why === undefined) return 'needs why'
    const nobody = `${contactPrefix}${hash.slice(0, 22)}`
    // What was taken back before is still known.
    await tx.query(
      `update suppressions set stopped_at = null, expires_at = '-infinity' where hash = $1 and channel = $2`,
      key,
    )
    if ((await tellOwners(tx, [hash], by)) === 0)
      await logConsent(tx, [suppressionLine(nobody, { channel }, { wish: true, source, why })], now)
    return 'lifted'
  })
  // Those who registered it meanwhile; and whom somebody has suppressed again by then.
  if (done === 'lifted') await tellOwners(db, [hash], by)
  return done
}

/** Suppressed addresses in the order of their hashes, from behind `after` on; those that have ended by themselves are not there. */
export async function listSuppressions(
  { db, addressKey }: Suppressions,
  { after, limit }: { after: string; limit: number },
): Promise<{ suppressions: SuppressionRecord[]; next?: string }> {
  const rows = await db.query<
    Omit<SuppressionRecord, 'channel' | 'expiresAt'> & { channel: number; until: Date | null }
  >(
    `select hash, channel, ${saidSql}, case when stopped_at is null then source else 'sms' end as source from suppressions
     where hash > $1 and ${standsSql} order by hash, channel limit $2`,
    [after, limit],
  )
  const owners = await ownersOf(
    db,
    rows.map(row => row.hash),
  )
  const people = await readPeople(db, [...new Set(owners.map(one => one.recipient))])
  const known = new Map(
    owners.flatMap(({ recipient, endpoint, hash }) => {
      const found = people.get(recipient)!.endpoints.find(one => one.id === endpoint)
      return found && addressHash(addressKey, found) === hash ? [[hash, masked(found)] as const] : []
    }),
  )
  const suppressions = rows.map(({ until: expiresAt, ...row }) => ({
    ...{ ...row, expiresAt, channel: channels[row.channel]! },
    ...(known.has(row.hash) && { masked: known.get(row.hash)! }),
  }))
  return { suppressions, ...(rows.length === limit && { next: rows.at(-1)!.hash }) }
}

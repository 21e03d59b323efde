import type { EpochMs } from '#contracts/ids.ts'
import type { Database } from '#runtime/postgres.ts'
import { type ConsentSource, logConsent } from './consent-log.ts'
import type { Endpoint } from './preferences.ts'

/**
 * Signs a device of a person out of notifications: it gets nothing any more until the product registers it again. False
 * where the person has no such device; mailboxes and numbers are no devices.
 */
export async function signOutDevice(
  { db, now, source }: { db: Database; now: EpochMs; source: ConsentSource },
  { recipient, device }: { recipient: string; device: string },
): Promise<boolean> {
  return db.transaction(async tx => {
    const [row] = await tx.query<{ endpoints: string | null }>(
      `select endpoints from recipients where id = $1 and erased_at is null for update`,
      [recipient],
    )
    const endpoints = row?.endpoints ? (JSON.parse(row.endpoints) as Endpoint[]) : []
    const left = endpoints.filter(one => !(one.channel === 'push' && one.id === device))
    if (left.length === endpoints.length) return false
    await tx.query(`update recipients set endpoints = $2, updated_at = to_timestamp($3 / 1000.0) where id = $1`, [
      ...[recipient, left.length > 0 ? JSON.stringify(left) : null, now],
    ])
    await tx.query(`delete from addresses where recipient = $1 and endpoint = $2 and channel = 0`, [recipient, device])
    await logConsent(tx, [{ recipient, kind: 'endpoint', channel: 'push', endpoint: device, wish: false, source }], now)
    return true
  })
}

import type { EpochMs } from '#contracts/ids.ts'
import type { TenantSettings } from '#contracts/preferences.ts'
import type { Queryable } from '#runtime/postgres.ts'

/** What a tenant has set; nothing for one that is not known. */
export async function readTenant(db: Queryable, id: string): Promise<TenantSettings> {
  const [row] = await db.query<{ settings: string }>('select settings from tenants where id = $1', [id])
  return row ? (JSON.parse(row.settings) as TenantSettings) : {}
}

/** Sets everything of a tenant; counts from the next decision and the next claim on. Nothing set: it is forgotten. */
export async function putTenant(
  db: Queryable,
  set: { id: string; tenant: TenantSettings; now: EpochMs },
): Promise<void> {
  const { id, tenant, now } = set
  if (Object.keys(tenant).length === 0) await db.query('delete from tenants where id = $1', [id])
  else
    await db.query(
      `insert into tenants as t (id, settings, updated_at) values ($1, $2, to_timestamp($3 / 1000.0))
       on conflict (id) do update set settings = excluded.settings, updated_at = excluded.updated_at`,
      [id, JSON.stringify(tenant), now],
    )
}

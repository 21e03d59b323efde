import { channels } from '#contracts/channel.ts'
import type { Queryable } from '#runtime/postgres.ts'
import type { ConsentSource } from './consent-log.ts'
import type { Suppression } from './suppression-store.ts'
import { tellOwners } from './tell-owners.ts'

/**
 * Takes suppressions back, each by the reason that it was made for and where nothing later was said. Whatever else is said of
 * an address stays. When each reason was last taken back is kept, so that an older word which comes late changes nothing. Who
 * has the address is told, with a line in the consent log; nobody is made, or comes back.
 */
export async function takeBackSuppressions(
  db: Queryable,
  backs: readonly Suppression[],
  source: ConsentSource,
): Promise<void> {
  for (const { hash, channel, reason, at } of backs) {
    await db.query(
      `insert into suppressions as s (hash, channel, reason, source, at, expires_at, taken_back)
       values ($1, $2, $3::text, $4, to_timestamp($5 / 1000.0), '-infinity', jsonb_build_object($3::text, $5::float8))
       on conflict (hash, channel) do update set taken_back = s.taken_back || excluded.taken_back,
         expires_at = case when s.reason = excluded.reason and s.at < excluded.at then excluded.expires_at else s.expires_at end
         where coalesce((s.taken_back ->> excluded.reason)::float8, 0) < $5`,
      [hash, channels.indexOf(channel), reason, source, at],
    )
  }
  // Also what an earlier try has taken back: its people may not have been told.
  if (backs.length > 0)
    await tellOwners(
      db,
      backs.map(one => one.hash),
      { now: Math.max(...backs.map(one => one.at)), source },
    )
}

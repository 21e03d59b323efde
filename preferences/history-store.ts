import { channels } from '#contracts/channel.ts'
import type { Change } from '#contracts/preferences.ts'
import type { Queryable } from '#runtime/postgres.ts'

/** What a person changed, or what was changed of it, the latest first; `before`: what is older than that change. */
export async function readHistory(
  db: Queryable,
  recipient: string,
  { limit, before }: { limit: number; before?: string },
): Promise<Change[]> {
  const rows = await db.query<Line>(
    `select id::text, at, kind, wish, source as through, category, channel, endpoint, thread, room, tenant, said, until
     from consent_log where recipient = $1 and id < coalesce($2::bigint, 9223372036854775807) order by id desc limit $3`,
    [recipient, before ?? null, limit],
  )
  return rows.map(changeOf)
}

type Line = { [K in keyof Change]-?: Change[K] | null } & { id: string; kind: string; through: string } & {
  at: Date
  until: Date | null
  channel: number | null
}

function changeOf({ id, at, kind, wish, through, channel, until, ...rest }: Line): Change {
  const given = Object.entries(rest).filter(([, value]) => value !== null)
  return {
    ...{ id, at: at.toISOString(), kind, wish, through },
    ...Object.fromEntries(given),
    ...(channel !== null && { channel: channels[channel]! }),
    ...(until && { until: until.toISOString() }),
  }
}

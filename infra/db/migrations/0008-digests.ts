import { type Kysely, sql } from 'kysely'

/** Digests: what waits to be told together. Their members are holds that name them. Forward only. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  `create table digests (
    id uuid primary key, recipient text collate "C" not null, key text collate "C" not null, lane smallint not null,
    opened_at timestamptz not null, due_at timestamptz not null, n int not null, is_full boolean not null,
    closed_at timestamptz, closed_by uuid
  ) with (fillfactor = 70)`,
  // One that is full waits for nothing: what comes next opens another.
  `create unique index digests_open on digests (recipient, key) where closed_at is null and not is_full`,
  `create index digests_due on digests (lane, due_at) where closed_at is null`,
  `alter table holds add column digest_id uuid`,
  `create index holds_by_digest on holds (digest_id) where digest_id is not null and released_at is null`,
  // Wait for a time of their own: what waits in a digest goes with it.
  `drop index holds_due`,
  `create index holds_due on holds (lane, due_at) where released_at is null and digest_id is null`,
  `create or replace view held as select h.id as hold_id, h.set_id, (s.place - 1)::smallint as slot, h.lane, s.channel, h.reason,
     h.intents[coalesce(s.pick::int, 0) + 1] as intent_id, s.recipient, coalesce(d.due_at, h.due_at) as due_at, h.released_at, h.released_by
     from holds h left join digests d on d.id = h.digest_id
     cross join lateral unnest(h.recipients, h.channels, h.picks) with ordinality as s(recipient, channel, pick, place)`,
]

import { type Kysely, sql } from 'kysely'

/** Deactivations of endpoints and the guard over them; what was reported of an address again and again. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  `create table prunes (
    recipient text collate "C" not null, endpoint text collate "C" not null, hash text collate "C" not null,
    provider text not null, app text not null, reason text not null, at timestamptz not null default now(),
    state text not null default 'pruned', primary key (recipient, endpoint, hash)
  ) with (fillfactor = 80)`,
  // The guard counts the last minutes of a provider and app by it, an operator finds what to undo, and it is purged by it.
  `create index prunes_by_time on prunes (provider, app, at)`,
  `create index prunes_held on prunes (provider, app) where state = 'held'`,
  // Read by everybody who prunes, written every ten minutes by one of them.
  `create table prune_limits (
    provider text not null, app text not null, active bigint not null, most bigint not null,
    counted_at timestamptz not null default now(), settled_at timestamptz, primary key (provider, app)
  )`,
  // What is no end of an address yet, but makes it suspect when it comes again. Few reports are of such.
  `create table troubles (
    hash text collate "C" not null, reason text not null, attempt text collate "C" not null, at timestamptz not null,
    primary key (hash, reason, attempt)
  )`,
  `create index troubles_by_time on troubles using brin (at)`,
  `alter table suppressions add column expires_at timestamptz`,
]

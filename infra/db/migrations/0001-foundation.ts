import { type Kysely, sql } from 'kysely'

/** Every table of the first release. Owners are named in `../schema.ts`. Forward only. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
  const { rows } = await sql<{ lz4: boolean }>`
    select 'lz4' = any(enumvals) as lz4 from pg_settings where name = 'default_toast_compression'`.execute(db)
  if (rows[0]?.lz4)
    for (const [table, column] of [
      ['batches', 'payload'],
      ['holds', 'payload'],
      ['outbox', 'payload'],
    ] as const)
      await sql.raw(`alter table ${table} alter ${column} set compression lz4`).execute(db)
}

const statements = [
  // -- ledger ---------------------------------------------------------------------------------------------------
  `create table admitted (
    id uuid primary key, body_hash bigint not null, set_id uuid not null
  ) with (autovacuum_vacuum_insert_threshold = -1)`,
  // Insert order is time order, so a BRIN index finds what is old enough to purge.
  `create index admitted_by_set on admitted using brin (set_id)`,
  `create table refused (
    message_id text not null, at timestamptz not null, lane text not null, reason text not null,
    intent_id uuid, producer text, type text, catalogue text, problems text not null, message bytea, readmitted_at timestamptz,
    primary key (lane, message_id)
  )`,
  `create index refused_parked on refused (type) where reason = 'parked' and readmitted_at is null`,
  `create index refused_by_intent on refused (intent_id) where intent_id is not null`,
  `create table sets (
    day date not null, id uuid not null, lane smallint not null, origin text not null,
    received int not null, admitted int not null, duplicate int not null, malformed int not null, conflict int not null,
    unknown int not null, parked int not null, expired int not null, killed int not null,
    delivering int not null, refused int not null, held int not null, released int not null, opened int not null,
    primary key (day, id)
  ) partition by range (day)`,
  `create table batches (
    day date not null, id uuid not null, set_id uuid not null,
    lane smallint not null, channel smallint not null, provider text not null, sensitive boolean not null,
    tries smallint not null, maybe_sent boolean not null, due_at timestamptz not null, enqueued_at timestamptz,
    attempt int not null default 0, lease_until timestamptz, claimed_at timestamptz, claim_snapshot pg_snapshot,
    closed_at timestamptz, doubt boolean not null default false, from_batch uuid, from_slots smallint[],
    n smallint not null, recipients text[] not null, endpoints text[] not null, intents uuid[] not null,
    picks smallint[], payload text, whys text, outcomes smallint[], provider_ids text,
    primary key (day, id)
  ) partition by range (day)`,
  // Neither names a column that a claim changes, so that claiming stays a heap-only update.
  `create index batches_open on batches (lane, due_at) where closed_at is null`,
  `create index batches_doubts on batches (due_at) where doubt and closed_at is null`,
  `create index batches_by_set on batches (set_id)`,
  `create index batches_from on batches (from_batch) where from_batch is not null`,
  `create table intent_sets (
    intent_id uuid not null, set_id uuid not null, primary key (intent_id, set_id)
  )`,
  `create index intent_sets_by_set on intent_sets using brin (set_id)`,
  `create table holds (
    id uuid primary key, set_id uuid not null, lane smallint not null, reason text not null,
    due_at timestamptz not null, released_at timestamptz, released_by uuid,
    n smallint not null, recipients text[] not null, channels smallint[] not null, reasons text not null, counted_at timestamptz[],
    intents uuid[] not null, picks smallint[], payload text, whys text not null
  ) with (fillfactor = 80)`,
  `create index holds_due on holds (lane, due_at) where released_at is null`,
  `create index holds_by_set on holds (set_id)`,
  `create table expansions (
    intent_id uuid primary key, lane smallint not null, set_id uuid not null, payload text not null,
    after_recipient text not null default '', pages int not null default 0, members int not null default 0,
    due_at timestamptz not null, done_at timestamptz
  ) with (fillfactor = 70)`,
  `create index expansions_open on expansions (due_at) where done_at is null`,
  `create table outbox (
    id bigint generated always as identity primary key, pack text not null, n int not null, payload text not null, refused text
  ) with (autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_scale_factor = 0)`,
  // One row for each slot of each batch and hold: for people, traces and the audit, not for hot paths.
  `create view deliveries as
    select b.day, b.id as batch_id, b.set_id, (s.place - 1)::smallint as slot, b.lane, b.channel, b.provider,
      b.intents[coalesce(s.pick, 0) + 1] as intent_id, s.recipient, s.endpoint, s.outcome, b.tries, b.attempt, b.due_at,
      b.claimed_at, b.claim_snapshot, b.closed_at, b.doubt, b.from_batch, b.from_slots[s.place] as from_slot
    from batches b cross join lateral unnest(b.recipients, b.endpoints, b.picks, b.outcomes)
      with ordinality as s(recipient, endpoint, pick, outcome, place)`,
  `create view held as
    select h.id as hold_id, h.set_id, (s.place - 1)::smallint as slot, h.lane, s.channel, h.reason,
      h.intents[coalesce(s.pick, 0) + 1] as intent_id, s.recipient, h.due_at, h.released_at, h.released_by
    from holds h cross join lateral unnest(h.recipients, h.channels, h.picks)
      with ordinality as s(recipient, channel, pick, place)`,
  // -- router ---------------------------------------------------------------------------------------------------
  `create table windows (
    recipient text collate "C" primary key, state text not null
  ) with (fillfactor = 60)`,
  // -- preferences ----------------------------------------------------------------------------------------------
  `create table recipients (
    id text collate "C" primary key, tenant text, locale text, zone text, quiet text,
    choices text, endpoints text, erased_at timestamptz, updated_at timestamptz not null default now()
  ) with (fillfactor = 85)`,
  // Who owns an address: the only place where two people meet.
  `create table addresses (
    recipient text collate "C" not null, endpoint text collate "C" not null, channel smallint not null, hash text collate "C" not null,
    primary key (recipient, endpoint)
  )`,
  // A push token has one owner, a mailbox or a number may have several.
  `create unique index addresses_push on addresses (hash) where channel = 0`,
  `create index addresses_shared on addresses (hash) where channel <> 0`,
  `create table suppressions (
    hash text collate "C" not null, channel smallint not null, reason text not null, source text not null,
    at timestamptz not null, primary key (hash, channel)
  )`,
  // Hashes made with another key match none of these: a fingerprint of the key, in one row.
  `create table address_key (the boolean primary key default true check (the), fingerprint text not null)`,
  `create table consent_log (
    id bigint generated always as identity primary key, xid xid8 not null default pg_current_xact_id(), at timestamptz not null,
    recipient text collate "C" not null, kind text not null, category text, thread text, channel smallint, endpoint text,
    wish boolean, until timestamptz, source text not null
  )`,
  `create index consent_log_by_recipient on consent_log (recipient, id)`,
  `create table audience_members (
    audience text collate "C" not null, recipient text collate "C" not null, reason text, primary key (audience, recipient)
  )`,
  // -- producers ------------------------------------------------------------------------------------------------
  `create table producer_tokens (
    token_hash text primary key, producer text not null, types text[] not null, scopes text[] not null,
    created_at timestamptz not null default now()
  )`,
  // -- channels -------------------------------------------------------------------------------------------------
  `create table inbox_items (
    delivery text collate "C" primary key, recipient text collate "C" not null, intent_id uuid not null, type text not null,
    occurred_at timestamptz not null, created_at timestamptz not null, thread text, content text not null,
    seen_at timestamptz, read_at timestamptz
  )`,
  `create index inbox_items_by_recipient on inbox_items (recipient, occurred_at desc)`,
  // -- analytics ------------------------------------------------------------------------------------------------
  `create table event_packs (day date not null, pack text collate "C" not null, primary key (day, pack)) partition by range (day)`,
  `create table delivery_events (
    day date not null, at timestamptz not null, kind text not null, what text not null, intent_id uuid not null,
    type text not null, category text not null, producer text not null, tenant text, lane text not null, occurred_at timestamptz not null,
    recipient text not null, channel text not null, endpoint text, provider text, rule text, rule_value text,
    batch_id uuid, set_id uuid, simulated boolean not null default false
  ) partition by range (day)`,
  // For the trace, which looks up few names in many rows. A B-tree for each would double the cost of storing an event.
  `create index delivery_events_by_name on delivery_events using brin (
    intent_id uuid_bloom_ops (n_distinct_per_range = 1500), recipient text_bloom_ops (n_distinct_per_range = 1500)
  ) with (pages_per_range = 32)`,
  // Wide columns are never searched; statistics on them would only detoast them at every analyze.
  ...['recipients', 'endpoints', 'intents', 'picks', 'payload', 'whys', 'outcomes'].map(
    column => `alter table batches alter ${column} set statistics 0`,
  ),
  `alter table outbox alter payload set statistics 0, alter payload set storage external`,
]

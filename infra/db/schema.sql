-- Dumped from a server, to be read and compared. The migrations make it; change those, then write this anew:
-- node infra/cli/start.mjs infra/tests/db/schema-dump.ts

create table address_key (
  the boolean not null default true,
  fingerprint text not null,
  respelled boolean not null default false,
  constraint address_key_pkey PRIMARY KEY (the),
  constraint address_key_the_check CHECK (the)
);

create table addresses (
  recipient text collate "C" not null,
  endpoint text collate "C" not null,
  channel smallint not null,
  hash text collate "C" not null,
  constraint addresses_pkey PRIMARY KEY (recipient, endpoint)
);
CREATE UNIQUE INDEX addresses_push ON public.addresses USING btree (hash) WHERE (channel = 0);
CREATE INDEX addresses_shared ON public.addresses USING btree (hash) WHERE (channel <> 0);

create table admitted (
  id uuid not null,
  body_hash bigint not null,
  set_id uuid not null,
  constraint admitted_pkey PRIMARY KEY (id)
) with (autovacuum_vacuum_insert_threshold=-1);
CREATE INDEX admitted_by_set ON public.admitted USING brin (set_id);

create table audience_members (
  audience text collate "C" not null,
  recipient text collate "C" not null,
  reason text,
  constraint audience_members_pkey PRIMARY KEY (audience, recipient)
);

create table batches (
  day date not null,
  id uuid not null,
  set_id uuid not null,
  lane smallint not null,
  channel smallint not null,
  provider text not null,
  sensitive boolean not null,
  tries smallint not null,
  maybe_sent boolean not null,
  due_at timestamp with time zone not null,
  enqueued_at timestamp with time zone,
  attempt integer not null default 0,
  lease_until timestamp with time zone,
  claimed_at timestamp with time zone,
  claim_snapshot pg_snapshot,
  closed_at timestamp with time zone,
  doubt boolean not null default false,
  from_batch uuid,
  from_slots smallint[],
  n smallint not null,
  recipients text[] not null,
  endpoints text[] not null,
  intents uuid[] not null,
  picks smallint[],
  payload text,
  whys text,
  outcomes smallint[],
  provider_ids text,
  reasons text,
  waits_for text,
  constraint batches_pkey PRIMARY KEY (day, id)
) partition by RANGE (day);
alter table batches alter recipients set statistics 0;
alter table batches alter endpoints set statistics 0;
alter table batches alter intents set statistics 0;
alter table batches alter picks set statistics 0;
alter table batches alter payload set statistics 0;
alter table batches alter whys set statistics 0;
alter table batches alter outcomes set statistics 0;
alter table batches alter reasons set statistics 0;
CREATE INDEX batches_by_set ON ONLY public.batches USING btree (set_id);
CREATE INDEX batches_doubts ON ONLY public.batches USING btree (due_at) WHERE (doubt AND (closed_at IS NULL));
CREATE INDEX batches_from ON ONLY public.batches USING btree (from_batch) WHERE (from_batch IS NOT NULL);
CREATE INDEX batches_open ON ONLY public.batches USING btree (lane, due_at) WHERE (closed_at IS NULL);

create table batches_20260101 partition of batches FOR VALUES FROM ('2026-01-01') TO ('2026-01-02') with (fillfactor=70, autovacuum_vacuum_insert_threshold=-1);
alter table batches_20260101 alter recipients set statistics 0;
alter table batches_20260101 alter endpoints set statistics 0;
alter table batches_20260101 alter intents set statistics 0;
alter table batches_20260101 alter picks set statistics 0;
alter table batches_20260101 alter payload set statistics 0;
alter table batches_20260101 alter whys set statistics 0;
alter table batches_20260101 alter outcomes set statistics 0;

create table catalogue_schemas (
  type text collate "C" not null,
  catalogue text not null,
  schema text not null,
  since timestamp with time zone not null default now(),
  constraint catalogue_schemas_pkey PRIMARY KEY (type)
);

create table consent_log (
  id bigint not null generated always as identity,
  xid xid8 not null default pg_current_xact_id(),
  at timestamp with time zone not null,
  recipient text collate "C" not null,
  kind text not null,
  category text,
  thread text,
  channel smallint,
  endpoint text,
  wish boolean,
  until timestamp with time zone,
  source text not null,
  tenant text,
  room text,
  said text,
  constraint consent_log_pkey PRIMARY KEY (id)
);
CREATE INDEX consent_log_by_recipient ON public.consent_log USING btree (recipient, id);
CREATE INDEX consent_log_by_time ON public.consent_log USING brin (at);

create table delivery_events (
  day date not null,
  at timestamp with time zone not null,
  kind text not null,
  what text not null,
  intent_id uuid not null,
  type text not null,
  category text not null,
  producer text not null,
  tenant text,
  lane text not null,
  occurred_at timestamp with time zone not null,
  recipient text not null,
  channel text not null,
  endpoint text,
  provider text,
  rule text,
  rule_value text,
  batch_id uuid,
  set_id uuid,
  simulated boolean not null default false,
  arm text,
  platform text,
  app_version text,
  locale text,
  called boolean,
  success boolean
) partition by RANGE (day);
CREATE INDEX delivery_events_by_cohort ON ONLY public.delivery_events USING brin (occurred_at) WITH (pages_per_range='32');
CREATE INDEX delivery_events_by_name ON ONLY public.delivery_events USING brin (intent_id uuid_bloom_ops (n_distinct_per_range='1500'), recipient text_bloom_ops (n_distinct_per_range='1500')) WITH (pages_per_range='32');
CREATE INDEX delivery_events_by_time ON ONLY public.delivery_events USING brin (at) WITH (pages_per_range='32');

create table delivery_events_20260101 partition of delivery_events FOR VALUES FROM ('2026-01-01') TO ('2026-01-02') with (autovacuum_vacuum_insert_scale_factor=0.05);

create table digests (
  id uuid not null,
  recipient text collate "C" not null,
  key text collate "C" not null,
  lane smallint not null,
  opened_at timestamp with time zone not null,
  due_at timestamp with time zone not null,
  n integer not null,
  is_full boolean not null,
  closed_at timestamp with time zone,
  closed_by uuid,
  constraint digests_pkey PRIMARY KEY (id)
) with (fillfactor=70);
CREATE INDEX digests_due ON public.digests USING btree (lane, due_at) WHERE (closed_at IS NULL);
CREATE UNIQUE INDEX digests_open ON public.digests USING btree (recipient, key) WHERE ((closed_at IS NULL) AND (NOT is_full));

create table engagements (
  recipient text collate "C" not null,
  intent_id uuid not null,
  what text not null,
  event text not null default ''::text,
  at timestamp with time zone not null,
  constraint engagements_pkey PRIMARY KEY (recipient, intent_id, what, event)
);
CREATE INDEX engagements_by_time ON public.engagements USING brin (at);

create table event_packs (
  day date not null,
  pack text collate "C" not null,
  constraint event_packs_pkey PRIMARY KEY (day, pack)
) partition by RANGE (day);

create table event_packs_20260101 partition of event_packs FOR VALUES FROM ('2026-01-01') TO ('2026-01-02');

create table expansions (
  intent_id uuid not null,
  lane smallint not null,
  set_id uuid not null,
  payload text not null,
  after_recipient text not null default ''::text,
  pages integer not null default 0,
  members integer not null default 0,
  due_at timestamp with time zone not null,
  done_at timestamp with time zone,
  quarantined_at timestamp with time zone,
  sample_left integer not null default 0,
  constraint expansions_pkey PRIMARY KEY (intent_id)
) with (fillfactor=70);
CREATE INDEX expansions_open ON public.expansions USING btree (due_at) WHERE (done_at IS NULL);

create table folded_hours (
  cohort timestamp with time zone not null,
  type text not null,
  words text not null,
  stories bytea not null,
  notifications bytea not null,
  people bytea not null,
  constraint folded_hours_pkey PRIMARY KEY (cohort, type)
);
alter table folded_hours alter stories set storage external;
alter table folded_hours alter notifications set storage external;
alter table folded_hours alter people set storage external;

create table funnel_hours (
  cohort timestamp with time zone not null,
  type text not null,
  category text not null,
  lane text not null,
  producer text not null,
  channel text not null,
  provider text,
  arm text,
  told smallint not null,
  reached smallint not null,
  fate text not null,
  reason text,
  machine boolean not null,
  n integer not null,
  people smallint
);
CREATE INDEX funnel_hours_by_cohort ON public.funnel_hours USING btree (cohort, type);

create table holds (
  id uuid not null,
  set_id uuid not null,
  lane smallint not null,
  reason text not null,
  due_at timestamp with time zone not null,
  released_at timestamp with time zone,
  released_by uuid,
  n smallint not null,
  recipients text[] not null,
  channels smallint[] not null,
  reasons text not null,
  counted_at timestamp with time zone[],
  intents uuid[] not null,
  picks smallint[],
  payload text,
  whys text not null,
  held_since timestamp with time zone[],
  until timestamp with time zone,
  digest_id uuid,
  constraint holds_pkey PRIMARY KEY (id)
) with (fillfactor=80);
CREATE INDEX holds_by_digest ON public.holds USING btree (digest_id) WHERE ((digest_id IS NOT NULL) AND (released_at IS NULL));
CREATE INDEX holds_by_set ON public.holds USING btree (set_id);
CREATE INDEX holds_due ON public.holds USING btree (lane, due_at) WHERE ((released_at IS NULL) AND (digest_id IS NULL));

create table inbox_changes (
  recipient text collate "C" not null,
  number bigint not null,
  deliveries text[] not null,
  at timestamp with time zone not null default now(),
  constraint inbox_changes_pkey PRIMARY KEY (recipient, number)
);
CREATE INDEX inbox_changes_by_time ON public.inbox_changes USING brin (at);

create table inbox_items (
  delivery text collate "C" not null,
  recipient text collate "C" not null,
  intent_id uuid not null,
  type text not null,
  occurred_at timestamp with time zone not null,
  created_at timestamp with time zone not null,
  thread text,
  content text not null,
  seen_at timestamp with time zone,
  read_at timestamp with time zone,
  tenant text,
  number bigint not null default 0,
  archived_at timestamp with time zone,
  reason text,
  batch uuid,
  slot smallint,
  acted_at timestamp with time zone,
  constraint inbox_items_pkey PRIMARY KEY (delivery)
);
CREATE INDEX inbox_items_archived ON public.inbox_items USING btree (recipient, number) WHERE (archived_at IS NOT NULL);
CREATE INDEX inbox_items_by_number ON public.inbox_items USING btree (recipient, number);
CREATE INDEX inbox_items_by_time ON public.inbox_items USING brin (created_at);
CREATE INDEX inbox_items_unread ON public.inbox_items USING btree (recipient, occurred_at DESC) WHERE (read_at IS NULL);

create table inbox_people (
  recipient text collate "C" not null,
  last bigint not null,
  constraint inbox_people_pkey PRIMARY KEY (recipient)
) with (fillfactor=50);

create table intent_sets (
  intent_id uuid not null,
  set_id uuid not null,
  constraint intent_sets_pkey PRIMARY KEY (intent_id, set_id)
);
CREATE INDEX intent_sets_by_set ON public.intent_sets USING brin (set_id);

create table looks (
  recipient text collate "C" not null,
  delivery text collate "C" not null,
  intent_id uuid not null,
  type text not null,
  batch uuid not null,
  slot smallint not null,
  at timestamp with time zone not null,
  acted_at timestamp with time zone,
  constraint looks_pkey PRIMARY KEY (recipient, delivery)
);
CREATE INDEX looks_by_time ON public.looks USING brin (at);

create table operator_log (
  id bigint not null generated always as identity,
  at timestamp with time zone not null default now(),
  who text not null,
  what text not null,
  why text,
  about text not null,
  constraint operator_log_pkey PRIMARY KEY (id)
);

create table outbox (
  id bigint not null generated always as identity,
  pack text not null,
  n integer not null,
  payload text not null,
  refused text,
  constraint outbox_pkey PRIMARY KEY (id)
) with (autovacuum_vacuum_threshold=2000, autovacuum_vacuum_scale_factor=0);
alter table outbox alter payload set statistics 0;
alter table outbox alter payload set storage external;

create table pace_buckets (
  key text not null,
  free_at double precision not null,
  ramp_from double precision not null,
  constraint pace_buckets_pkey PRIMARY KEY (key)
) with (fillfactor=10);

create table pacings (
  worker text not null,
  provider text not null,
  at timestamp with time zone not null default now(),
  pacing text not null,
  constraint pacings_pkey PRIMARY KEY (worker, provider)
);

create table presence (
  recipient text collate "C" not null,
  active_until timestamp with time zone not null,
  constraint presence_pkey PRIMARY KEY (recipient)
) with (fillfactor=50);

create table producer_tokens (
  token_hash text not null,
  producer text not null,
  types text[] not null,
  scopes text[] not null,
  created_at timestamp with time zone not null default now(),
  tenant text,
  constraint producer_tokens_pkey PRIMARY KEY (token_hash),
  constraint producer_tokens_of_tenant CHECK (((tenant IS NULL) OR (scopes <@ ARRAY['analytics'::text, 'trace'::text])))
);

create table product_events (
  recipient text collate "C" not null,
  event text not null,
  at timestamp with time zone not null,
  intent_id uuid
);
CREATE INDEX product_events_by_event ON public.product_events USING btree (event, at);
CREATE INDEX product_events_by_recipient ON public.product_events USING btree (recipient, event, at);
CREATE INDEX product_events_by_time ON public.product_events USING brin (at);

create table prune_limits (
  provider text not null,
  app text not null,
  active bigint not null,
  most bigint not null,
  counted_at timestamp with time zone not null default now(),
  settled_at timestamp with time zone,
  constraint prune_limits_pkey PRIMARY KEY (provider, app)
);

create table prunes (
  recipient text collate "C" not null,
  endpoint text collate "C" not null,
  hash text collate "C" not null,
  provider text not null,
  app text not null,
  reason text not null,
  at timestamp with time zone not null default now(),
  state text not null default 'pruned'::text,
  constraint prunes_pkey PRIMARY KEY (recipient, endpoint, hash)
) with (fillfactor=80);
CREATE INDEX prunes_by_age ON public.prunes USING btree (at) WHERE (state <> 'held'::text);
CREATE INDEX prunes_by_time ON public.prunes USING btree (provider, app, at);
CREATE INDEX prunes_held ON public.prunes USING btree (provider, app) WHERE (state = 'held'::text);

create table quarantines (
  intent_id uuid not null,
  type text not null,
  producer text not null,
  recipients integer not null,
  more boolean not null,
  most integer not null,
  since timestamp with time zone not null default now(),
  sample text[] collate "C" not null default '{}'::text[],
  approved_by text,
  ended_at timestamp with time zone,
  ended_by text,
  ended_how text,
  guard text not null default 'recipients'::text,
  volume bigint not null default 0,
  constraint quarantines_pkey PRIMARY KEY (intent_id)
);
CREATE INDEX quarantines_of_volume ON public.quarantines USING btree (type, producer) WHERE ((ended_at IS NULL) AND (guard = 'volume'::text));
CREATE INDEX quarantines_open ON public.quarantines USING btree (since) WHERE (ended_at IS NULL);

create table receipts (
  provider text not null,
  event text collate "C" not null,
  attempt text collate "C" not null,
  address_hash text,
  body text not null,
  at timestamp with time zone not null default now(),
  applied_at timestamp with time zone,
  constraint receipts_pkey PRIMARY KEY (provider, event)
) with (fillfactor=80);
CREATE INDEX receipts_by_time ON public.receipts USING brin (at);
CREATE INDEX receipts_open ON public.receipts USING btree (at) WHERE (applied_at IS NULL);

create table recipients (
  id text collate "C" not null,
  tenant text,
  locale text,
  zone text,
  quiet text,
  choices text,
  endpoints text,
  erased_at timestamp with time zone,
  updated_at timestamp with time zone not null default now(),
  read_up_to timestamp with time zone,
  read_xid xid8,
  constraint recipients_pkey PRIMARY KEY (id)
) with (fillfactor=85);

create table refused (
  message_id text not null,
  at timestamp with time zone not null,
  lane text not null,
  reason text not null,
  intent_id uuid,
  producer text,
  type text,
  catalogue text,
  problems text not null,
  message bytea,
  readmitted_at timestamp with time zone,
  asked_at timestamp with time zone,
  constraint refused_pkey PRIMARY KEY (lane, message_id)
);
CREATE INDEX refused_asked ON public.refused USING btree (asked_at) WHERE ((asked_at IS NOT NULL) AND (readmitted_at IS NULL));
CREATE INDEX refused_by_intent ON public.refused USING btree (intent_id) WHERE (intent_id IS NOT NULL);
CREATE INDEX refused_parked ON public.refused USING btree (type) WHERE ((reason = 'parked'::text) AND (readmitted_at IS NULL));

create table removal_turns (
  recipient text collate "C" not null,
  due_at timestamp with time zone,
  lease_until timestamp with time zone,
  turn integer not null default 0,
  sent text not null default '{}'::text,
  constraint removal_turns_pkey PRIMARY KEY (recipient)
) with (fillfactor=60);
CREATE INDEX removal_turns_due ON public.removal_turns USING btree (due_at) WHERE (due_at IS NOT NULL);

create table removals (
  intent_id uuid not null,
  recipient text collate "C" not null,
  why text not null,
  at timestamp with time zone not null default now(),
  told text[] not null default '{}'::text[],
  told_at timestamp with time zone,
  done_at timestamp with time zone,
  constraint removals_pkey PRIMARY KEY (intent_id, recipient)
) with (fillfactor=80);
CREATE INDEX removals_by_time ON public.removals USING brin (at);
CREATE INDEX removals_open ON public.removals USING btree (recipient) WHERE (done_at IS NULL);

create table retractions (
  id uuid not null,
  kind text not null,
  at timestamp with time zone not null default now(),
  xid xid8 not null default pg_current_xact_id(),
  successor uuid,
  occurred_until timestamp with time zone,
  seen integer not null default 0,
  follow_up_at timestamp with time zone,
  constraint retractions_pkey PRIMARY KEY (id)
);
CREATE INDEX retractions_by_time ON public.retractions USING brin (at);
CREATE INDEX retractions_to_follow_up ON public.retractions USING btree (follow_up_at) WHERE (follow_up_at IS NOT NULL);

create table rollup_marks (
  id bigint not null generated always as identity,
  cohort timestamp with time zone not null,
  type text not null,
  newest timestamp with time zone not null,
  constraint rollup_marks_pkey PRIMARY KEY (id)
);
CREATE INDEX rollup_marks_by_cohort ON public.rollup_marks USING btree (cohort);

create table rollup_state (
  one boolean not null,
  newest_event timestamp with time zone not null,
  at timestamp with time zone not null default now(),
  constraint rollup_state_pkey PRIMARY KEY (one),
  constraint rollup_state_one_check CHECK (one)
);

create table sets (
  day date not null,
  id uuid not null,
  lane smallint not null,
  origin text not null,
  received integer not null,
  admitted integer not null,
  duplicate integer not null,
  malformed integer not null,
  conflict integer not null,
  unknown integer not null,
  parked integer not null,
  expired integer not null,
  killed integer not null default 0,
  delivering integer not null,
  refused integer not null,
  held integer not null,
  released integer not null,
  opened integer not null,
  constraint sets_pkey PRIMARY KEY (day, id)
) partition by RANGE (day);

create table sets_20260101 partition of sets FOR VALUES FROM ('2026-01-01') TO ('2026-01-02');

create table standings (
  delivery text collate "C" not null,
  batch uuid not null,
  slot smallint not null,
  standing smallint not null,
  their_id text not null,
  at timestamp with time zone not null default now(),
  constraint standings_pkey PRIMARY KEY (delivery, batch, slot)
) with (fillfactor=80);
CREATE INDEX standings_by_time ON public.standings USING brin (at);

create table stops (
  id bigint not null generated always as identity,
  scope text not null,
  name text not null,
  resume text not null,
  who text not null,
  why text not null,
  since timestamp with time zone not null default now(),
  ended_at timestamp with time zone,
  ended_by text,
  freed boolean not null default false,
  told_at timestamp with time zone,
  constraint stops_pkey PRIMARY KEY (id)
);
CREATE UNIQUE INDEX stops_open ON public.stops USING btree (scope, name) WHERE (ended_at IS NULL);

create table suppressions (
  hash text collate "C" not null,
  channel smallint not null,
  reason text not null,
  source text not null,
  at timestamp with time zone not null,
  expires_at timestamp with time zone,
  stopped_at timestamp with time zone,
  taken_back jsonb not null default '{}'::jsonb,
  constraint suppressions_pkey PRIMARY KEY (hash, channel)
);

create table tenants (
  id text collate "C" not null,
  settings text not null,
  updated_at timestamp with time zone not null default now(),
  constraint tenants_pkey PRIMARY KEY (id)
) with (fillfactor=85);

create table texted_words (
  message text collate "C" not null,
  word text not null,
  changed boolean not null default false,
  at timestamp with time zone not null default now(),
  constraint texted_words_pkey PRIMARY KEY (message)
);

create table troubles (
  hash text collate "C" not null,
  reason text not null,
  attempt text collate "C" not null,
  at timestamp with time zone not null,
  constraint troubles_pkey PRIMARY KEY (hash, reason, attempt)
);
CREATE INDEX troubles_by_time ON public.troubles USING brin (at);

create table volume_passes (
  type text not null,
  producer text not null,
  until timestamp with time zone not null,
  constraint volume_passes_pkey PRIMARY KEY (type, producer)
);

create table volumes (
  period timestamp with time zone not null,
  type text collate "C" not null,
  producer text collate "C" not null,
  process uuid not null,
  passed bigint not null,
  held bigint not null,
  constraint volumes_pkey PRIMARY KEY (period, type, producer, process)
);

create table watermarks (
  recipient text collate "C" not null,
  thread text collate "C" not null,
  up_to timestamp with time zone not null,
  xid xid8 not null default pg_current_xact_id(),
  constraint watermarks_pkey PRIMARY KEY (recipient, thread)
) with (fillfactor=70);
CREATE INDEX watermarks_by_time ON public.watermarks USING brin (up_to);

create table windows (
  recipient text collate "C" not null,
  state text not null,
  keep_until date not null default (CURRENT_DATE + 400),
  constraint windows_pkey PRIMARY KEY (recipient)
) with (fillfactor=60);
CREATE INDEX windows_by_end ON public.windows USING btree (keep_until);

create view analytics_hours as
 SELECT cohort AS hour,
    type,
    category,
    lane,
    producer,
    channel,
    provider,
    arm,
    (ARRAY['intended'::text, 'decided'::text, 'attempted'::text, 'accepted'::text, 'delivered'::text, 'seen'::text, 'opened'::text, 'acted'::text])[1 +
        CASE
            WHEN reached = 7 AND (told::integer & 4) <> 0 THEN 6
            WHEN reached = 5 AND (told::integer & 2) = 0 THEN 4
            WHEN reached = 4 AND (told::integer & 1) = 0 THEN 3
            ELSE reached::integer
        END] AS furthest,
    fate AS outcome,
    reason,
    machine AS machine_opened,
    n
   FROM funnel_hours;

create view analytics_notifications as
 SELECT intent_id,
    recipient,
    channel,
    min(type) AS type,
    min(category) AS category,
    min(producer) AS producer,
    min(tenant) AS tenant,
    min(lane) AS lane,
    min(occurred_at) AS occurred_at,
    max(arm COLLATE "C") AS arm,
    (array_agg(ARRAY[provider, platform, app_version] ORDER BY (what = ANY (ARRAY['sent'::text, 'delivered'::text])) DESC, at, (provider COLLATE "C"), (platform COLLATE "C"), (app_version COLLATE "C")) FILTER (WHERE kind = 'settled'::text AND ((what = ANY (ARRAY['sent'::text, 'delivered'::text])) OR called OR what = 'in_doubt'::text OR rule = 'rerouted'::text AND rule_value !~~ '% unfit'::text OR rule IS NULL AND (what = ANY (ARRAY['moved'::text, 'rejected'::text, 'address_dead'::text, 'suppressed_address'::text, 'provider_exhausted'::text])))))[1][1] AS provider,
    min(at) FILTER (WHERE kind = 'decided'::text) AS intended_at,
    min(at) FILTER (WHERE kind = 'decided'::text AND what = 'deliver'::text) AS decided_at,
    min(at) FILTER (WHERE kind = 'settled'::text AND ((what = ANY (ARRAY['sent'::text, 'delivered'::text])) OR called OR what = 'in_doubt'::text OR rule = 'rerouted'::text AND rule_value !~~ '% unfit'::text OR rule IS NULL AND (what = ANY (ARRAY['moved'::text, 'rejected'::text, 'address_dead'::text, 'suppressed_address'::text, 'provider_exhausted'::text])))) AS attempted_at,
    min(at) FILTER (WHERE kind = 'settled'::text AND (what = ANY (ARRAY['sent'::text, 'delivered'::text]))) AS accepted_at,
    min(at) FILTER (WHERE what = 'delivered'::text AND (kind = ANY (ARRAY['settled'::text, 'standing'::text])) OR kind = 'engaged'::text AND (what = ANY (ARRAY['seen'::text, 'opened'::text, 'read'::text]))) AS delivered_at,
    min(at) FILTER (WHERE kind = 'engaged'::text AND (what = ANY (ARRAY['seen'::text, 'opened'::text, 'read'::text]))) AS seen_at,
    min(at) FILTER (WHERE kind = 'engaged'::text AND (what = ANY (ARRAY['opened'::text, 'read'::text]))) AS opened_at,
    min(at) FILTER (WHERE kind = 'engaged'::text AND what = 'acted'::text) AS acted_at,
    (array_agg(ARRAY[provider, platform, app_version] ORDER BY (what = ANY (ARRAY['sent'::text, 'delivered'::text])) DESC, at, (provider COLLATE "C"), (platform COLLATE "C"), (app_version COLLATE "C")) FILTER (WHERE kind = 'settled'::text AND ((what = ANY (ARRAY['sent'::text, 'delivered'::text])) OR called OR what = 'in_doubt'::text OR rule = 'rerouted'::text AND rule_value !~~ '% unfit'::text OR rule IS NULL AND (what = ANY (ARRAY['moved'::text, 'rejected'::text, 'address_dead'::text, 'suppressed_address'::text, 'provider_exhausted'::text])))))[1][2] AS platform,
    (array_agg(ARRAY[provider, platform, app_version] ORDER BY (what = ANY (ARRAY['sent'::text, 'delivered'::text])) DESC, at, (provider COLLATE "C"), (platform COLLATE "C"), (app_version COLLATE "C")) FILTER (WHERE kind = 'settled'::text AND ((what = ANY (ARRAY['sent'::text, 'delivered'::text])) OR called OR what = 'in_doubt'::text OR rule = 'rerouted'::text AND rule_value !~~ '% unfit'::text OR rule IS NULL AND (what = ANY (ARRAY['moved'::text, 'rejected'::text, 'address_dead'::text, 'suppressed_address'::text, 'provider_exhausted'::text])))))[1][3] AS app_version,
    max(locale COLLATE "C") AS locale,
    upper("substring"(max(locale COLLATE "C"), '^[A-Za-z]{2,3}(?:-[A-Za-z]{4})?-([A-Za-z]{2}|[0-9]{3})(?:-|$)'::text)) AS country
   FROM delivery_events
  WHERE NOT simulated
  GROUP BY intent_id, recipient, channel;

create view deliveries as
 SELECT b.day,
    b.id AS batch_id,
    b.set_id,
    (s.place - 1)::smallint AS slot,
    b.lane,
    b.channel,
    b.provider,
    b.intents[COALESCE(s.pick::integer, 0) + 1] AS intent_id,
    s.recipient,
    s.endpoint,
    s.outcome,
    b.tries,
    b.attempt,
    b.due_at,
    b.claimed_at,
    b.claim_snapshot,
    b.closed_at,
    b.doubt,
    b.from_batch,
    b.from_slots[s.place] AS from_slot
   FROM batches b
     CROSS JOIN LATERAL UNNEST(b.recipients, b.endpoints, b.picks, b.outcomes) WITH ORDINALITY s(recipient, endpoint, pick, outcome, place);

create view held as
 SELECT h.id AS hold_id,
    h.set_id,
    (s.place - 1)::smallint AS slot,
    h.lane,
    s.channel,
    h.reason,
    h.intents[COALESCE(s.pick::integer, 0) + 1] AS intent_id,
    s.recipient,
    COALESCE(d.due_at, h.due_at) AS due_at,
    h.released_at,
    h.released_by
   FROM holds h
     LEFT JOIN digests d ON d.id = h.digest_id
     CROSS JOIN LATERAL UNNEST(h.recipients, h.channels, h.picks) WITH ORDINALITY s(recipient, channel, pick, place);

CREATE OR REPLACE FUNCTION public.keep_operator_log()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  raise exception 'the operator log is only added to';
end $function$;

CREATE TRIGGER operator_log_kept BEFORE DELETE OR UPDATE OR TRUNCATE ON operator_log FOR EACH STATEMENT EXECUTE FUNCTION keep_operator_log();

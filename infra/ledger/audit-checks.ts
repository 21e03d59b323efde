import { channels } from '#contracts/channel.ts'
import { type Outcome, outcomeCode, outcomes } from '#contracts/outcome.ts'
import { type AuditRow, channelNameOf } from './audit.ts'
import { keptDays } from './purge.ts'

type AuditCheck = { check: string; sql: string; sentence: (row: AuditRow) => string }

const outcomesOf = (...names: Outcome[]): string => `(${names.map(outcomeCode).join(', ')})`
const sent = outcomesOf('sent', 'delivered')
/** What reached a person by itself or in the message of another, after a claim: only that has a snapshot. */
const told = outcomesOf('sent', 'delivered', 'digested')

const sqlNames = (names: readonly string[]): string => `array['${names.join("','")}']`
/**
 * How many days back the audit compares one record with another. What is a day older is being forgotten, in any order;
 * the events of it stay.
 */
export const comparedDays = keptDays.ledger - 1
/** The least id of that time: a UUIDv7 begins with its milliseconds. */
const compared = `(lpad(to_hex((extract(epoch from now()) * 1000)::bigint - ${comparedDays * 86_400_000}), 12, '0') || repeat('0', 20))::uuid`

/**
 * What was sent to people of whom lines of these kinds say no, but for mandatory types. A payload is taken apart once
 * (offset 0), not for each of its slots.
 */
const sendsTo = (kinds: string): string => `sends as materialized (
        select d.intent_id, d.recipient, d.channel, d.claim_snapshot, d.closed_at, d.reason, d.facts ->> 'category' as category,
          d.facts ->> 'tenant' as tenant, d.facts ->> 'room' as room, d.facts ->> 'thread' as thread
        from (
          select b.intents[coalesce(x.pick, 0) + 1] as intent_id, x.recipient, b.channel, b.claim_snapshot, b.closed_at,
            p.parts[coalesce(x.pick, 0) + 1]::json as facts,
            p.reasons -> 'values' ->> coalesce((p.reasons -> 'picks' ->> (x.place - 1)::int)::int, 0) as reason
          from batches b
          cross join lateral (select string_to_array(b.payload, E'\\x1f') as parts, b.reasons::json as reasons offset 0) p
          cross join lateral unnest(b.recipients, b.picks, b.outcomes) with ordinality as x(recipient, pick, outcome, place)
          where x.outcome in ${told}
            and x.recipient in (select recipient from consent_log where kind in (${kinds}) and not wish)) d
        where d.facts ->> 'mandatory' is null)`

/** Each row that a check returns is one thing that does not balance. */
export const auditChecks: readonly AuditCheck[] = [
  {
    check: 'intake',
    sql: `select id::text as detail from sets
      where received <> admitted + duplicate + malformed + conflict + unknown + parked + expired`,
    sentence: row => `set ${row.detail} received another number of messages than it accounted for`,
  },
  {
    check: 'keys',
    sql: `select s.id::text as detail from sets s
      left join (select set_id, count(*) as n from admitted group by 1) a on a.set_id = s.id
      where s.id >= ${compared} and s.admitted <> coalesce(a.n, 0)`,
    sentence: row => `set ${row.detail} admitted another number of intents than there are keys of it`,
  },
  {
    check: 'key',
    sql: `select distinct w.intent_id from (
        select set_id, unnest(intents) as intent_id from batches union all select set_id, unnest(intents) from holds) w
      where w.set_id >= ${compared} and not exists (select from admitted a where a.id = w.intent_id)`,
    sentence: row => `intent ${row.intent_id} is worked on and its key is not there: it would be admitted again`,
  },
  {
    check: 'journal',
    sql: `with wrote as (
        select set_id, sum(opened) as opened, sum(refused) as refused, sum(held) as held from (
          select set_id, case when provider <> '' then n else 0 end as opened, case when provider = '' then n else 0 end as refused, 0 as held
          from batches where from_batch is null
          union all select set_id, 0, 0, n from holds) as parts group by 1)
      select coalesce(s.id, w.set_id)::text || ': journal opened ' || coalesce(s.opened, 0) || ' refused ' || coalesce(s.refused, 0)
        || ' held ' || coalesce(s.held, 0) || ', rows opened ' || coalesce(w.opened, 0) || ' refused ' || coalesce(w.refused, 0)
        || ' held ' || coalesce(w.held, 0) as detail
      from sets s full join wrote w on w.set_id = s.id
      where coalesce(s.id, w.set_id) >= ${compared} and (coalesce(s.opened, 0) <> coalesce(w.opened, 0)
        or coalesce(s.refused, 0) <> coalesce(w.refused, 0) or coalesce(s.held, 0) <> coalesce(w.held, 0))`,
    sentence: row => `set ${row.detail}`,
  },
  {
    // The decided events are a second record of every decision: they name what a changed row no longer does.
    check: 'decisions',
    sql: `select intent_id, recipient, channel from (
        select e.set_id, e.intent_id, e.recipient, array_position(${sqlNames(channels)}, e.channel) - 1 as channel
        from delivery_events e where e.kind = 'decided' and e.set_id >= ${compared}
        except select set_id, intent_id, recipient, channel from deliveries
        except select set_id, intent_id, recipient, channel from held) missing`,
    sentence: row =>
      `intent ${row.intent_id} for ${row.recipient} by ${channelNameOf(row)} was decided, but the ledger has no slot for it`,
  },
  {
    check: 'slots',
    sql: `select unnest(intents) as intent_id, id::text as detail from batches
      where n <> cardinality(recipients) or n <> cardinality(endpoints) or n <> coalesce(cardinality(picks), n)
        or (closed_at is null) <> (outcomes is null) or n <> coalesce(cardinality(outcomes), n)`,
    sentence: row => `batch ${row.detail} with intent ${row.intent_id} has arrays of different lengths`,
  },
  {
    check: 'closed',
    sql: `select unnest(intents) as intent_id, id::text as detail from batches
      where closed_at is not null and provider <> '' and (claim_snapshot is null or lease_until is not null)`,
    sentence: row => `batch ${row.detail} with intent ${row.intent_id} was closed by nobody who had claimed it`,
  },
  {
    // The settled events are a second record of every end.
    check: 'settled',
    sql: `select intent_id, recipient, array_position(${sqlNames(channels)}, channel) - 1 as channel, what as detail from (
        select e.batch_id, e.intent_id, e.recipient, e.channel, e.endpoint, e.what from delivery_events e where e.kind = 'settled' and e.batch_id >= ${compared}
        except select batch_id, intent_id, recipient, (${sqlNames(channels)})[channel + 1], endpoint, (${sqlNames(outcomes)})[outcome + 1]
        from deliveries) told`,
    sentence: row =>
      `intent ${row.intent_id} for ${row.recipient} by ${channelNameOf(row)} was told to have ended as ${row.detail}, and the ledger says otherwise`,
  },
  {
    check: 'pages',
    sql: `select coalesce(x.intent_id, p.intent_id) as intent_id from expansions x
      full join (
        select i.intent_id, count(*) as n, max(s.id::text)::uuid as last from intent_sets i
        join sets s on s.id = i.set_id and s.origin = 'expansion' group by 1) p on p.intent_id = x.intent_id
      where coalesce(x.set_id, p.last) >= ${compared} and coalesce(x.pages, -1) <> coalesce(p.n, 0)`,
    sentence: row => `intent ${row.intent_id} has another number of audience pages than were decided`,
  },
  {
    check: 'moved',
    sql: `select m.intent_id, m.recipient, m.channel, m.batch_id::text as detail
      from deliveries m left join deliveries n on n.from_batch = m.batch_id and n.from_slot = m.slot
        and n.recipient = m.recipient and n.endpoint = m.endpoint and n.intent_id = m.intent_id
      where m.outcome = 0 and m.set_id >= ${compared} group by 1, 2, 3, 4, m.slot having count(n.batch_id) <> 1`,
    sentence: row =>
      `intent ${row.intent_id} for ${row.recipient} by ${channelNameOf(row)} left batch ${row.detail} and did not arrive in exactly one other`,
  },
  {
    check: 'once',
    sql: `select intent_id, recipient, channel, endpoint as detail from deliveries
      where (outcome is null or outcome > 0) and set_id >= ${compared} group by 1, 2, 3, 4 having count(*) > 1`,
    sentence: row =>
      `intent ${row.intent_id} for ${row.recipient} by ${channelNameOf(row)} has more than one delivery to the same endpoint`,
  },
  {
    // What was told by another is told where that one is.
    check: 'told',
    sql: `select x.intent_id, x.recipient, b.channel, b.id::text as detail
      from batches b cross join lateral (
        select s.recipient, (array_agg(b.intents[coalesce(s.pick, 0) + 1]) filter (where s.outcome = ${outcomeCode('digested')}))[1] as intent_id
        from unnest(b.recipients, b.endpoints, b.picks, b.outcomes) as s(recipient, endpoint, pick, outcome)
        group by s.recipient, s.endpoint
        having bool_or(s.outcome = ${outcomeCode('digested')}) and not bool_or(s.outcome in ${sent})) x
      where b.provider <> '' and ${outcomeCode('digested')} = any(b.outcomes) and b.set_id >= ${compared}`,
    sentence: row =>
      `intent ${row.intent_id} for ${row.recipient} by ${channelNameOf(row)} was told by another in batch ${row.detail}, and nothing was sent`,
  },
  {
    check: 'released',
    sql: `with took as (select released_by, sum(n) as n from holds where released_by is not null group by 1)
      select coalesce(s.id, t.released_by)::text as detail from sets s full join took t on t.released_by = s.id
      where coalesce(s.id, t.released_by) >= ${compared} and coalesce(s.released, 0) <> coalesce(t.n, 0)`,
    sentence: row => `set ${row.detail} released another number of held decisions than were taken from holds`,
  },
  {
    // Law 4: the latest word of the person that the claim could see said no. A registration ends a suppression: the
    // endpoint has another address, or the line of its own suppression follows.
    check: 'wish',
    sql: `select d.intent_id, d.recipient, d.channel, w.kind as detail from deliveries d
      join lateral (
        select c.wish, c.kind from consent_log c
        where c.recipient = d.recipient and c.kind in ('erase', 'suppression', 'endpoint') and not c.wish and (c.until is null or c.until > d.closed_at)
          and (c.channel is null or c.channel = d.channel) and (c.endpoint is null or c.endpoint = d.endpoint)
          and pg_visible_in_snapshot(c.xid, d.claim_snapshot)
          and not exists (select from consent_log l where l.recipient = c.recipient and l.id > c.id and l.wish
            and l.kind in (c.kind, case c.kind when 'suppression' then 'endpoint' end) and l.channel is not distinct from c.channel and l.endpoint is not distinct from c.endpoint
            and (pg_visible_in_snapshot(l.xid, d.claim_snapshot) or l.at <= d.closed_at))
        limit 1) w on true
      where d.outcome in ${told}`,
    sentence: row =>
      `intent ${row.intent_id} was sent to ${row.recipient} by ${channelNameOf(row)} although a withdrawal (${row.detail}) was visible to its claim`,
  },
  {
    // Law 4 for what producers took back. What superseded it must have happened later.
    check: 'retraction',
    sql: `select s.intent_id, s.recipient, s.channel, r.kind as detail
      from (
        select b.intents[coalesce(x.pick, 0) + 1] as intent_id, x.recipient, b.channel, b.claim_snapshot, b.payload, coalesce(x.pick, 0) + 1 as place
        from batches b cross join lateral unnest(b.recipients, b.picks, b.outcomes) as x(recipient, pick, outcome)
        where x.outcome in ${told}) s
      join retractions r on r.id = s.intent_id
      where pg_visible_in_snapshot(r.xid, s.claim_snapshot) and (r.occurred_until is null
        or ((string_to_array(s.payload, E'\\x1f'))[s.place]::json ->> 'occurredAt')::float8 <= extract(epoch from r.occurred_until) * 1000)`,
    sentence: row =>
      `intent ${row.intent_id} was sent to ${row.recipient} by ${channelNameOf(row)} although it was ${row.detail}, visible to its claim`,
  },
  {
    // What waits for an operator, or was discarded, is told to nobody but a sample, which is in the operator log. Of what
    // is held for its members those whom it names are told, and no page of its audience is read.
    check: 'quarantine',
    sql: `select d.intent_id, d.recipient, d.channel from quarantines q join admitted a on a.id = q.intent_id
      join deliveries d on d.intent_id = q.intent_id and d.provider <> ''
        and d.set_id in (select a.set_id union select i.set_id from intent_sets i where i.intent_id = q.intent_id)
      where q.ended_how is distinct from 'released'
        and (q.guard <> 'members' or exists (select from expansions e where e.intent_id = q.intent_id and e.pages > 0))
        and not exists (
        select from operator_log l where l.what = 'quarantine sample' and l.about::json ->> 'intent' = q.intent_id::text)`,
    sentence: row =>
      `intent ${row.intent_id} goes to ${row.recipient} by ${channelNameOf(row)} although no operator let it out of quarantine`,
  },
  {
    // Law 4 for what people chose, by the rules of `mayWe`: the nearest wish counts, and one that was taken back is none.
    // What is granted after the claim and before the record may be sent; so may what was taken back in that time, since
    // that may have been granting.
    check: 'choice',
    sql: `with ${sendsTo("'choice', 'mute', 'pause'")}
      select s.intent_id, s.recipient, s.channel, case when said.muted then 'mute' when said.paused then 'pause' else 'choice' end as detail
      from sends s cross join lateral (
        select (array_agg(c.wish order by c.id desc) filter (where c.kind = 'choice' and c.category = s.category))[1] as own,
          (array_agg(c.wish order by c.id desc) filter (where c.kind = 'choice' and c.category = '*'))[1] as every,
          bool_or(c.wish is null and not pg_visible_in_snapshot(c.xid, s.claim_snapshot)) as taken_back,
          (array_agg(not c.wish and (c.until is null or c.until > s.closed_at) order by c.id desc)
            filter (where c.kind = 'mute' and c.thread = s.thread))[1] as muted,
          (array_agg(not c.wish and (c.until is null or c.until > s.closed_at) order by c.id desc)
            filter (where c.kind = 'pause' and s.channel <> ${channels.indexOf('in_app')}))[1] as paused
        from consent_log c
        where c.recipient = s.recipient
          and (c.kind in ('mute', 'pause') or c.kind = 'choice' and c.channel = s.channel and c.category in (s.category, '*'))
          and (pg_visible_in_snapshot(c.xid, s.claim_snapshot) or c.wish is not false and c.at <= s.closed_at)
          and c.id > coalesce((select max(e.id) from consent_log e
            where e.recipient = s.recipient and e.kind = 'erase' and e.at <= s.closed_at), 0)) said
      where said.muted or said.paused or not coalesce(said.own, said.every, true) and not coalesce(said.taken_back, false)`,
    sentence: row =>
      `intent ${row.intent_id} was sent to ${row.recipient} by ${channelNameOf(row)} although a withdrawal (${row.detail}) was visible to its claim`,
  },
  {
    // The same for levels and switches of mentions: of each the nearest scope that has a word, by the reason of the
    // recipient. What was said between claim and record and may have granted it excuses what was sent.
    check: 'choice',
    sql: `with ${sendsTo("'level', 'mention'")}
      select s.intent_id, s.recipient, s.channel, case when heard.mention is false then 'mention' else 'level' end as detail
      from sends s cross join lateral (
        select (array_agg(coalesce(brief, lasting) order by near) filter (where coalesce(brief, lasting) is not null))[1] as level,
          (array_agg(mention order by near) filter (where mention is not null))[1] as mention, bool_or(granted) as granted
        from (
          select near, (array_agg(c.said order by c.id desc) filter (where c.kind = 'level' and c.until is null and seen))[1] as lasting,
            (array_agg(case when c.until > s.closed_at then c.said end order by c.id desc) filter (where c.kind = 'level' and seen))[1] as brief,
            (array_agg(c.wish order by c.id desc) filter (where c.kind = 'mention' and c.said = s.reason and seen))[1] as mention,
            bool_or(not seen and (c.wish is not false or c.said = 'mentions') and c.at <= s.closed_at) as granted
          from (values (1, null, null, s.thread), (2, null, s.room, null), (3, s.tenant, null, null)) as p(near, tenant, room, thread)
          join consent_log c on c.recipient = s.recipient and c.kind in ('level', 'mention')
            and (c.tenant = p.tenant or c.room = p.room or c.thread = p.thread)
            and c.id > coalesce((select max(e.id) from consent_log e
              where e.recipient = s.recipient and e.kind = 'erase' and e.at <= s.closed_at), 0)
          cross join lateral (select pg_visible_in_snapshot(c.xid, s.claim_snapshot) as seen) v
          group by near) scopes) heard
      where not heard.granted and (heard.mention is false or heard.level = 'none'
        or heard.level = 'mentions' and coalesce(s.reason, '') not in ('mention', 'dm', 'everyone', 'role'))`,
    sentence: row =>
      `intent ${row.intent_id} was sent to ${row.recipient} by ${channelNameOf(row)} although a withdrawal (${row.detail}) was visible to its claim`,
  },
  {
    // Law 4 for what was read elsewhere. A mark keeps the last transaction that moved it: what it covered before is not told.
    check: 'read',
    sql: `with readers as materialized (
        select distinct recipient from watermarks union select id from recipients where read_up_to is not null),
      sends as materialized (
        select d.intent_id, d.recipient, d.channel, d.claim_snapshot, d.facts ->> 'thread' as thread,
          to_timestamp((d.facts ->> 'occurredAt')::float8 / 1000.0) as occurred_at
        from (
          select b.intents[coalesce(x.pick, 0) + 1] as intent_id, x.recipient, b.channel, b.claim_snapshot,
            p.parts[coalesce(x.pick, 0) + 1]::json as facts
          from batches b
          cross join lateral (select string_to_array(b.payload, E'\\x1f') as parts offset 0) p
          cross join lateral unnest(b.recipients, b.picks, b.outcomes) as x(recipient, pick, outcome)
          where x.outcome in ${told} and x.recipient in (select recipient from readers)) d
        where d.facts ->> 'ignoresReads' is null)
      select s.intent_id, s.recipient, s.channel, w.thread as detail from sends s
      join watermarks w on w.recipient = s.recipient and w.thread = s.thread and s.occurred_at <= w.up_to
        and pg_visible_in_snapshot(w.xid, s.claim_snapshot)
      union all
      select s.intent_id, s.recipient, s.channel, 'everything' from sends s
      join recipients r on r.id = s.recipient and s.occurred_at <= r.read_up_to
        and pg_visible_in_snapshot(r.read_xid, s.claim_snapshot)`,
    sentence: row =>
      `intent ${row.intent_id} was sent to ${row.recipient} by ${channelNameOf(row)} although ${row.detail} had been read, as its claim could see`,
  },
]

/** What a publisher wrote down for itself (temporary table `published`): whom it named, and which intents it stored. */
export const publishedChecks: readonly AuditCheck[] = [
  {
    check: 'published',
    sql: `select distinct p.intent_id from published p join admitted a on a.id = p.intent_id
      where p.expands and not exists (select from expansions x where x.intent_id = p.intent_id)`,
    sentence: row => `intent ${row.intent_id} was published for audiences and nothing reads them`,
  },
  {
    check: 'published',
    sql: `select distinct intent_id from published p
      where not exists (select from admitted a where a.id = p.intent_id)
        and not exists (select from refused r where r.intent_id = p.intent_id and r.readmitted_at is null)`,
    sentence: row => `intent ${row.intent_id} was published and arrived nowhere`,
  },
  {
    check: 'published',
    sql: `select p.intent_id, p.recipient from published p join admitted a on a.id = p.intent_id
      where p.recipient is not null
      except select intent_id, recipient from deliveries except select intent_id, recipient from held`,
    sentence: row => `intent ${row.intent_id} was published for ${row.recipient} and nothing was decided about them`,
  },
]

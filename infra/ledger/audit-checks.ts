import { outcomeCode } from '#contracts/outcome.ts'
import { type AuditRow, channelNameOf } from './audit.ts'

type AuditCheck = { check: string; sql: string; sentence: (row: AuditRow) => string }

const sent = `(${outcomeCode('sent')}, ${outcomeCode('delivered')})`

/** Each row that a check returns is one thing that does not balance. */
export const auditChecks: readonly AuditCheck[] = [
  {
    check: 'intake',
    sql: `select id::text as detail from sets
      where received <> admitted + duplicate + malformed + conflict + unknown + parked + expired + killed`,
    sentence: row => `set ${row.detail} received another number of messages than it accounted for`,
  },
  {
    check: 'journal',
    sql: `with wrote as (
        select set_id, coalesce(sum(n) filter (where provider <> ''), 0) as opened, coalesce(sum(n) filter (where provider = ''), 0) as refused
        from batches where from_batch is null group by 1),
      kept as (select set_id, sum(n) as held from holds group by 1)
      select coalesce(s.id, w.set_id)::text || ': journal opened ' || coalesce(s.opened, 0) || ' refused ' || coalesce(s.refused, 0)
        || ' held ' || coalesce(s.held, 0) || ', rows opened ' || coalesce(w.opened, 0) || ' refused ' || coalesce(w.refused, 0)
        || ' held ' || coalesce(k.held, 0) as detail
      from sets s full join wrote w on w.set_id = s.id left join kept k on k.set_id = coalesce(s.id, w.set_id)
      where coalesce(s.opened, 0) <> coalesce(w.opened, 0) or coalesce(s.refused, 0) <> coalesce(w.refused, 0)
        or coalesce(s.held, 0) <> coalesce(k.held, 0)`,
    sentence: row => `set ${row.detail}`,
  },
  {
    // The decided events are a second record of every decision: they name what a changed row no longer does.
    check: 'decisions',
    sql: `select intent_id, recipient, channel from (
        select e.set_id, e.intent_id, e.recipient, array_position(array['push', 'sms', 'email', 'in_app'], e.channel) - 1 as channel
        from delivery_events e where e.kind = 'decided'
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
    check: 'moved',
    sql: `select m.intent_id, m.recipient, m.channel, m.batch_id::text as detail
      from deliveries m left join deliveries n on n.from_batch = m.batch_id and n.from_slot = m.slot
        and n.recipient = m.recipient and n.endpoint = m.endpoint and n.intent_id = m.intent_id
      where m.outcome = 0 group by 1, 2, 3, 4, m.slot having count(n.batch_id) <> 1`,
    sentence: row =>
      `intent ${row.intent_id} for ${row.recipient} by ${channelNameOf(row)} left batch ${row.detail} and did not arrive in exactly one other`,
  },
  {
    check: 'once',
    sql: `select intent_id, recipient, channel, endpoint as detail from deliveries
      where outcome is null or outcome > 0 group by 1, 2, 3, 4 having count(*) > 1`,
    sentence: row =>
      `intent ${row.intent_id} for ${row.recipient} by ${channelNameOf(row)} has more than one delivery to the same endpoint`,
  },
  {
    check: 'released',
    sql: `with took as (select released_by, sum(n) as n from holds where released_by is not null group by 1)
      select coalesce(s.id, t.released_by)::text as detail from sets s full join took t on t.released_by = s.id
      where coalesce(s.released, 0) <> coalesce(t.n, 0)`,
    sentence: row => `set ${row.detail} released another number of held decisions than were taken from holds`,
  },
  {
    check: 'decided',
    sql: `select a.id as intent_id from admitted a join sets s on s.id = a.set_id
      where not exists (select from batches b where b.set_id = a.set_id and a.id = any(b.intents))
        and not exists (select from holds h where h.set_id = a.set_id and a.id = any(h.intents))
        and not exists (select from expansions x where x.intent_id = a.id)
        and exists (select from delivery_events e where e.intent_id = a.id)`,
    sentence: row => `intent ${row.intent_id} was admitted and nothing of what was decided is left`,
  },
  {
    // Law 4: the latest word of the person that the claim could see said no.
    check: 'wish',
    sql: `select d.intent_id, d.recipient, d.channel, w.kind as detail from deliveries d
      join lateral (
        select c.wish, c.kind from consent_log c
        where c.recipient = d.recipient and c.kind in ('erase', 'suppression', 'endpoint') and not c.wish
          and (c.channel is null or c.channel = d.channel) and (c.endpoint is null or c.endpoint = d.endpoint)
          and pg_visible_in_snapshot(c.xid, d.claim_snapshot)
          and not exists (select from consent_log l where l.recipient = c.recipient and l.id > c.id and l.wish
            and l.kind = c.kind and l.channel is not distinct from c.channel and l.endpoint is not distinct from c.endpoint
            and pg_visible_in_snapshot(l.xid, d.claim_snapshot))
        limit 1) w on true
      where d.outcome in ${sent}`,
    sentence: row =>
      `intent ${row.intent_id} was sent to ${row.recipient} by ${channelNameOf(row)} although a withdrawal (${row.detail}) was visible to its claim`,
  },
]

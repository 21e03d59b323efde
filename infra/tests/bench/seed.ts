import type { Machine } from './machine.ts'
import { addressOf, kinds, people } from './mix.ts'

/** What people say who say something. None of it speaks against what is sent. */
const wishes = {
  categories: { billing: { push: false, email: false }, comments: { sms: true } },
  threads: { 'some-thread': true, 'another-thread': true },
  levels: { tenant: { acme: { level: 'mentions' } }, room: { general: { everyone: false }, other: { level: 'none' } } },
}

/** The same people for the baseline and for us: a device each, a mailbox, a number, an inbox. */
export async function seed({ db, baselineDb }: Machine): Promise<void> {
  await baselineDb.query(`create table baseline_users (
    id text not null, channel text not null, address text not null, enabled boolean not null, primary key (id, channel))`)
  await baselineDb.query(`create table baseline_inbox (
    id uuid primary key, recipient text not null, title text not null, body text not null, created_at timestamptz not null default now())`)
  await baselineDb.query(`create table baseline_events (
    id bigint generated always as identity primary key, notification uuid not null, recipient text not null,
    channel text not null, what text not null, at timestamptz not null)`)
  for (const kind of kinds)
    await baselineDb.query(
      `insert into baseline_users select 'bench-' || p, $1, ${addressOf[kind]}, true from generate_series(0, $2::int - 1) p`,
      [kind, people],
    )
  await db.query(
    `insert into recipients (id, endpoints)
     select 'bench-' || p, json_build_array(
       json_build_object('id', 'device', 'channel', 'push', 'provider', case when p % 3 = 2 then 'apns' else 'fcm' end,
         'address', case when p % 3 = 2 then ${addressOf.apns} else ${addressOf.fcm} end, 'state', 'active', 'since', 0),
       json_build_object('id', 'mail', 'channel', 'email', 'provider', 'sendgrid', 'address', ${addressOf.email}, 'state', 'active', 'since', 0),
       json_build_object('id', 'phone', 'channel', 'sms', 'provider', 'twilio', 'address', ${addressOf.sms}, 'state', 'active', 'since', 0))::text
     from generate_series(0, $1::int - 1) p`,
    [people],
  )
  // Awake now, whenever the benchmark runs: quiet hours begin and end around the other side of the day.
  await db.query(
    `insert into recipients (id, tenant, locale, zone, quiet, choices, endpoints)
     select replace(id, 'bench-', 'wish-'), 'acme', 'en', 'Etc/UTC',
       to_char(now() at time zone 'UTC' + interval '11 hours', 'HH24:MI') || '-' || to_char(now() at time zone 'UTC' + interval '13 hours', 'HH24:MI'),
       $1, endpoints from recipients`,
    [JSON.stringify(wishes)],
  )
  await db.query('vacuum analyze recipients')
  await baselineDb.query('vacuum analyze baseline_users')
}

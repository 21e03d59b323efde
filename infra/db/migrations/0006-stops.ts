import { type Kysely, sql } from 'kysely'

/** Kill switches, and what operators did. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  `create table stops (
    id bigint generated always as identity primary key, scope text not null, name text not null, resume text not null,
    who text not null, why text not null, since timestamptz not null default now(),
    ended_at timestamptz, ended_by text, freed boolean not null default false
  )`,
  `create unique index stops_open on stops (scope, name) where ended_at is null`,
  `create table operator_log (
    id bigint generated always as identity primary key, at timestamptz not null default now(),
    who text not null, what text not null, why text, about text not null
  )`,
  `create function keep_operator_log() returns trigger language plpgsql as $$
begin
  raise exception 'the operator log is only added to';
end $$`,
  `create trigger operator_log_kept before update or delete or truncate on operator_log
    for each statement execute function keep_operator_log()`,
  // A stopped intent is admitted and each of its decisions is killed; a process of before still writes the column.
  `alter table sets alter killed set default 0`,
]

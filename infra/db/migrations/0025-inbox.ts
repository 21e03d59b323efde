import { type Kysely, sql } from 'kysely'

/** Each person's inbox counts its changes: what cursors, the feed of changes and streams go by. Owners are named in `../schema.ts`. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  `create table inbox_people (recipient text collate "C" primary key, last bigint not null) with (fillfactor = 50)`,
  // A row for each mark or removal: of what was put the item itself tells.
  `create table inbox_changes (
    recipient text collate "C" not null, number bigint not null, deliveries text[] not null, at timestamptz not null default now(),
    primary key (recipient, number)
  )`,
  `create index inbox_changes_by_time on inbox_changes using brin (at)`,
  `alter table inbox_items add column number bigint not null default 0, add column archived_at timestamptz, add column reason text`,
  `update inbox_items i set number = n.number from (
     select delivery, row_number() over (partition by recipient order by created_at, delivery) as number from inbox_items) n
   where i.delivery = n.delivery`,
  `insert into inbox_people (recipient, last) select recipient, max(number) from inbox_items group by recipient`,
  `create index inbox_items_by_number on inbox_items (recipient, number)`,
]

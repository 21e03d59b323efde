import { type Kysely, sql } from 'kysely'

/**
 * Tokens that are told of one tenant alone, and open nothing that is of all. Who compares who was told with who was not may then leave
 * aside wishes that were said of another tenant.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  `alter table producer_tokens add column tenant text,
     add constraint producer_tokens_of_tenant check (tenant is null or scopes <@ array['analytics', 'trace'])`,
  `do $do$ begin
    if exists (select from pg_roles where rolname = 'carillon_analytics') then grant select (tenant) on consent_log to carillon_analytics; end if;
  end $do$`,
]

import type { EpochMs } from '#contracts/ids.ts'
import type { Queryable } from '#runtime/postgres.ts'

/** The JSON Schema of a type's data, as its catalogue stated it. */
export type TypeSchema = { type: string; schema: object }
/** `since`: when the type was stored first. */
export type StoredSchema = TypeSchema & { catalogue: string; since: EpochMs }

/** Keeps what the data of a catalogue's types looks like; where `whole`, nothing of types that it does not have. */
export async function storeSchemas(
  db: Queryable,
  { catalogue, types, whole = false }: { catalogue: string; types: readonly TypeSchema[]; whole?: boolean },
): Promise<void> {
  const names = types.map(({ type }) => type)
  await db.query(
    `insert into catalogue_schemas (type, catalogue, schema)
     select type, $1, schema from unnest($2::text[], $3::text[]) as given (type, schema) order by type
     on conflict (type) do update set catalogue = excluded.catalogue, schema = excluded.schema
       where (catalogue_schemas.catalogue, catalogue_schemas.schema) <> (excluded.catalogue, excluded.schema)`,
    [catalogue, names, types.map(({ schema }) => JSON.stringify(schema))],
  )
  if (whole) await db.query('delete from catalogue_schemas where not type = any($1)', [names])
}

/** Every type that was stored; none where the database is older than this. */
export async function readSchemas(db: Queryable): Promise<StoredSchema[]> {
  const [table] = await db.query<{ there: boolean }>(`select to_regclass('catalogue_schemas') is not null as there`)
  if (!table!.there) return []
  const rows = await db.query<{ type: string; catalogue: string; schema: string; since: Date }>(
    'select type, catalogue, schema, since from catalogue_schemas order by type',
  )
  return rows.map(({ schema, since, ...row }) => ({ ...row, schema: JSON.parse(schema) as object, since: +since }))
}

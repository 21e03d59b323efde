// Run by itself it writes infra/db/schema.sql anew.
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { dumpSchema } from '#db/dump.ts'
import { ensurePartitions } from '#db/partitions.ts'
import { migrate, openPostgres } from '#runtime/postgres.ts'
import { bareDatabase } from '../servers.ts'

export const schemaFile = path.join(import.meta.dirname, '..', '..', 'db', 'schema.sql')
/** An example of what every day looks like. */
const day = '2026-01-01'

/** The schema that all migrations make on an empty database, with the partitions of one day, as `schema.sql` holds it. */
export async function freshSchema(): Promise<string> {
  await using database = await bareDatabase()
  await using db = await openPostgres({ url: database.url, connectionsMax: 2, name: 'dump' })
  await migrate(db)
  await ensurePartitions(db, { from: day, days: 1 })
  return `-- Dumped from a server, to be read and compared. The migrations make it; change those, then write this anew:\n-- ${command}\n\n${await dumpSchema(db)}`
}

export const command = 'node infra/cli/start.mjs infra/tests/db/schema-dump.ts'

if (import.meta.main) {
  await writeFile(schemaFile, await freshSchema())
  console.log('wrote infra/db/schema.sql')
}

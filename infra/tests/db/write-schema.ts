// Writes infra/db/schema.sql from what the migrations make on a real server.
import { writeFile } from 'node:fs/promises'
import { freshSchema, schemaFile } from './fresh-schema.ts'

await writeFile(schemaFile, await freshSchema())
console.log('wrote infra/db/schema.sql')

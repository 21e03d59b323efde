import { existsSync } from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { quietTypes } from '#analytics/quiet-types-store.ts'
import type { Catalogue } from '#contracts/catalogue.ts'
import { readSchemas, storeSchemas } from '#ledger/catalogue-schemas.ts'
import { systemClock } from '#runtime/clock.ts'
import { type Config, readConfig } from '#runtime/config.ts'
import { checkCatalogue, type CheckTerms, type Problem } from '../catalogue/check.ts'
import { schemasOf } from '../catalogue/json-schema.ts'
import { catalogueFrom } from '../catalogue-from.ts'
import { CommandError } from '../command.ts'
import { visitDatabase } from '../visit.ts'

const dayMs = 86_400_000

/** `carillon catalogue`. */
export async function runCatalogue(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    ...{ args, allowPositionals: true },
    options: { json: { type: 'boolean', default: false }, unused: { type: 'string', default: '30d' } },
  })
  const config = readConfig()
  const quietDays = Number(/^(\d{1,2})d$/.exec(values.unused)?.[1])
  if (!(quietDays > 0)) throw new CommandError('--unused must be a time like 30d, at most 90d')
  switch (positionals.join(' ')) {
    case 'check':
      return check(config, { quietDays, json: values.json })
    case 'store':
      return store(config)
    default:
      throw new CommandError('name what is to be done: check or store')
  }
}

async function check(config: Config, { quietDays, json }: { quietDays: number; json: boolean }): Promise<number> {
  const { catalogue } = await catalogueFrom(config)
  const known = await knownOf(config, { catalogue, quietDays })
  const { publicUrl: url } = config.http
  const replyTo = config.mail.replyTo ?? {}
  const terms = { ...known, quietDays, replyTo, links: url === undefined ? undefined : { url } }
  const { problems, texts } = await checkCatalogue(catalogue, terms)
  const types = catalogue.types.size
  if (json)
    console.log(JSON.stringify({ catalogue: catalogue.version, types, texts, ...comparedWith(known), problems }))
  else console.log([...problems.map(lineOf), summary({ catalogue, texts, problems, known })].join('\n'))
  return problems.length === 0 ? 0 : 1
}

async function store(config: Config): Promise<number> {
  const { catalogue } = await catalogueFrom(config)
  await using db = await visitDatabase()
  const types = schemasOf(catalogue)
  await storeSchemas(db, { catalogue: catalogue.version, types, whole: true })
  console.log(`stored the schemas of ${types.length} types of catalogue ${catalogue.version}`)
  return 0
}

type Known = Pick<CheckTerms, 'stored' | 'quiet'> & { asked: boolean }

/** A catalogue can be checked where there is no database: then nothing is known of what was before. */
async function knownOf(
  { database, dataDir }: Config,
  { catalogue, quietDays }: { catalogue: Catalogue; quietDays: number },
): Promise<Known> {
  const asked = database.url !== undefined || existsSync(path.join(dataDir, 'postgres'))
  if (!asked) return { asked, stored: [], quiet: [] }
  await using db = await visitDatabase()
  const stored = await readSchemas(db)
  const since = systemClock.now() - quietDays * dayMs
  // A young type may wait for its first use.
  const types = stored.filter(one => one.since < since && catalogue.types.has(one.type)).map(({ type }) => type)
  return { asked, stored, quiet: types.length > 0 ? await quietTypes(db, { types, since }) : [] }
}

const comparedWith = ({ asked, stored }: Known) => (asked ? { compared: stored.length } : {})

const lineOf = ({ type, locale, channel, field, problem, mend }: Problem): string =>
  `${[type, locale, channel, field].filter(part => part !== undefined).join(' · ')}: ${problem}; ${mend}`

type Told = { catalogue: Catalogue; texts: number; problems: readonly Problem[]; known: Known }

function summary({ catalogue, texts, problems, known }: Told): string {
  const found = problems.length === 1 ? '1 problem' : `${problems.length} problems`
  const before = known.asked
    ? `compared with ${known.stored.length} stored schemas`
    : 'not compared with what was before: there is no database'
  return `catalogue ${catalogue.version}: ${catalogue.types.size} types, ${texts} texts, ${before}; ${found}`
}

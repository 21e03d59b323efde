import { existsSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { audit } from '#ledger/audit.ts'
import { systemClock } from '#runtime/clock.ts'
import { CommandError } from '../command.ts'
import { printAudit } from '../print.ts'
import { readPublished } from '../published.ts'
import { visitDatabase } from '../visit.ts'

/** `carillon audit`. */
export async function runAudit(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: { published: { type: 'string' }, json: { type: 'boolean', default: false } },
  })
  if (values.published !== undefined && !existsSync(values.published))
    throw new CommandError(`there is no file ${values.published}`)
  let compared = 0
  const published = async function* (file: string) {
    for await (const line of readPublished(file, systemClock.now())) {
      compared++
      yield line
    }
  }
  await using db = await visitDatabase()
  const report = await audit(db, values.published === undefined ? undefined : published(values.published))
  console.log(values.json ? JSON.stringify(report) : printAudit(report))
  if (values.published !== undefined && !values.json)
    console.log(`  published  ${compared.toLocaleString('en')} intents of the publisher's log compared`)
  return report.balanced ? 0 : 1
}

import { parseArgs } from 'node:util'
import { isName } from '#contracts/ids.ts'
import { systemClock } from '#runtime/clock.ts'
import { readConfig } from '#runtime/config.ts'
import { CommandError } from '../command.ts'
import { erasePerson, exportPerson } from '../person.ts'
import { secretOf } from '../secret.ts'
import { visitDatabase } from '../visit.ts'

/** `carillon person`. */
export async function runPerson(args: string[]): Promise<number> {
  const { positionals } = parseArgs({ args, allowPositionals: true })
  const [act, recipient, ...rest] = positionals
  if ((act !== 'export' && act !== 'erase') || !isName(recipient) || rest.length > 0)
    throw new CommandError('say export or erase, and name one person')
  await using db = await visitDatabase()
  if (act === 'erase') {
    await erasePerson(db, { recipient, now: systemClock.now() })
    console.log(`${recipient} is erased: nothing is told to them any more`)
    return 0
  }
  const found = await exportPerson(db, { recipient, addressKey: await secretOf(readConfig()) })
  console.log(JSON.stringify(found, undefined, 2))
  return 0
}

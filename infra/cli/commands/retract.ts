import { isName } from '#contracts/ids.ts'
import { systemClock } from '#runtime/clock.ts'
import { CommandError } from '../command.ts'
import { retract } from '../retract.ts'
import { visitDatabase } from '../visit.ts'

/** `carillon retract`. */
export async function runRetract([producer, key, ...rest]: string[]): Promise<number> {
  if (!isName(producer) || !isName(key) || rest.length > 0) throw new CommandError('name one producer and one key')
  await using db = await visitDatabase()
  const { seen, cancelled, removed, tooLate, expanding } = await retract(db, {
    ...{ producer, key, now: systemClock.now() },
  })
  console.log(
    `${producer}/${key} is retracted: ${cancelled} cancelled, ${removed} removed unseen, ${seen} removed seen, ${tooLate} too late`,
  )
  if (expanding) console.log('Its audience is still being read: its members to come are refused.')
  return 0
}

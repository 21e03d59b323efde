import { isName } from '#contracts/ids.ts'
import { systemClock } from '#runtime/clock.ts'
import { type Command, CommandError } from '../command.ts'
import { retract } from '../retract.ts'
import { visitDatabase } from '../visit.ts'

export const retractCommand: Command = {
  name: 'retract',
  usage: 'retract PRODUCER KEY',
  summary: 'Takes an intent back, also before it has come: what was not sent yet will not be. Says what was found.',
  async run([producer, key, ...rest]) {
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
  },
}

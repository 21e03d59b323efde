import { parseArgs } from 'node:util'
import { markInboxItems } from '#channels/in-app/inbox-store.ts'
import { isName } from '#contracts/ids.ts'
import { look, track } from '#preferences/engagement.ts'
import { activeUntilProblem, noSuccess, upToProblem } from '#preferences/engagement-api.ts'
import { writePresence } from '#preferences/presence-store.ts'
import { systemClock } from '#runtime/clock.ts'
import { readConfig } from '#runtime/config.ts'
import { successesOf } from '../api.ts'
import { type Command, CommandError } from '../command.ts'
import { catalogueFrom } from '../stack.ts'
import { visitDatabase } from '../visit.ts'

export const readCommand: Command = {
  name: 'read',
  usage: 'read USER [--thread T] [--up-to 2026-11-21T23:00:00Z]',
  summary:
    'Says that a person has read a thread, or everything, up to a time (now). What waits of it is not told any more.',
  async run(args) {
    const { values, positionals } = parseArgs({
      ...{ args, allowPositionals: true },
      options: { thread: { type: 'string' }, 'up-to': { type: 'string' } },
    })
    const recipient = personOf(positionals)
    const { thread, 'up-to': said } = values
    if (thread !== undefined && !isName(thread)) throw new CommandError('--thread must be a name')
    const now = systemClock.now()
    const upTo = said === undefined ? now : instantOf(said)
    const wrong = upToProblem(upTo, now)
    if (wrong) throw new CommandError(`--up-to: ${wrong}`)
    await using db = await visitDatabase()
    const what = { recipient, what: 'read', upTo: upTo!, ...(thread !== undefined && { thread }) } as const
    await look({ db, now, markInbox: markInboxItems }, what)
    console.log(`${recipient} has read ${thread ?? 'everything'} up to ${new Date(upTo!).toISOString()}`)
    return 0
  },
}

export const trackCommand: Command = {
  name: 'track',
  usage: 'track USER EVENT [--key PRODUCER/KEY]',
  summary:
    'Says that a person did what types wait for, for one intent or for all that occurred: no later step follows.',
  async run(args) {
    const options = { key: { type: 'string' } } as const
    const { values, positionals } = parseArgs({ args, allowPositionals: true, options })
    const [user, event, ...rest] = positionals
    const recipient = personOf([...(user === undefined ? [] : [user]), ...rest])
    const successes = successesOf((await catalogueFrom(readConfig())).catalogue)
    if (event === undefined || !successes.has(event)) throw new CommandError(noSuccess(successes))
    const [producer, ...key] = values.key?.split('/') ?? []
    if (values.key !== undefined && key.length === 0) throw new CommandError('--key must be PRODUCER/KEY')
    await using db = await visitDatabase()
    const intent = producer === undefined ? {} : { intent: { producer, key: key.join('/') } }
    await track({ db, now: systemClock.now() }, { recipient, event, ...intent })
    console.log(`${recipient}: ${event}${values.key === undefined ? '' : ` of ${values.key}`}`)
    return 0
  },
}

export const presenceCommand: Command = {
  name: 'presence',
  usage: 'presence USER --until 2026-11-21T23:00:00Z|now',
  summary: 'Says until when a person is active (now: no more): steps that ask for it wait meanwhile, at most an hour.',
  async run(args) {
    const options = { until: { type: 'string' } } as const
    const { values, positionals } = parseArgs({ args, allowPositionals: true, options })
    const recipient = personOf(positionals)
    const now = systemClock.now()
    const activeUntil = values.until === 'now' ? now : instantOf(values.until)
    const wrong = activeUntilProblem(activeUntil, now)
    if (wrong) throw new CommandError(`--until: ${wrong.replace('null', 'now')}`)
    await using db = await visitDatabase()
    await writePresence(db, { recipient, activeUntil: activeUntil! })
    console.log(`${recipient} is active until ${new Date(activeUntil!).toISOString()}`)
    return 0
  },
}

function personOf([user, ...rest]: readonly string[]): string {
  if (!isName(user) || rest.length > 0) throw new CommandError('name one person')
  return user
}

function instantOf(text: string | undefined): number | undefined {
  const at = Date.parse(text ?? '')
  return Number.isNaN(at) ? undefined : at
}

import { parseArgs } from 'node:util'
import { markInboxItems } from '#channels/in-app/inbox-store.ts'
import { tellSuccess } from '#channels/receipts/deeds.ts'
import { isName } from '#contracts/ids.ts'
import { look, track } from '#preferences/engagement.ts'
import { activeUntilProblem, noSuccess, upToProblem } from '#preferences/engagement-api.ts'
import { writePresence } from '#preferences/presence-store.ts'
import { systemClock } from '#runtime/clock.ts'
import { readConfig } from '#runtime/config.ts'
import { CommandError } from '../command.ts'
import { catalogueFrom, successesOf } from '../catalogue-from.ts'
import { visitDatabase } from '../visit.ts'

/** `carillon read`. */
export async function runRead(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    ...{ args, allowPositionals: true },
    options: { thread: { type: 'string' }, 'up-to': { type: 'string' }, device: { type: 'string' } },
  })
  const recipient = personOf(positionals)
  const { thread, device, 'up-to': said } = values
  if (thread !== undefined && !isName(thread)) throw new CommandError('--thread must be a name')
  if (device !== undefined && !isName(device)) throw new CommandError('--device must be the id of an endpoint')
  const now = systemClock.now()
  const upTo = said === undefined ? now : instantOf(said)
  const wrong = upToProblem(upTo, now)
  if (wrong) throw new CommandError(`--up-to: ${wrong}`)
  await using db = await visitDatabase()
  const where = { ...(thread !== undefined && { thread }), ...(device !== undefined && { device }) }
  const what = { recipient, what: 'read', upTo: upTo!, ...where } as const
  await look({ db, now, markInbox: markInboxItems }, what)
  console.log(`${recipient} has read ${thread ?? 'everything'} up to ${new Date(upTo!).toISOString()}`)
  return 0
}

/** `carillon track`. */
export async function runTrack(args: string[]): Promise<number> {
  const options = { key: { type: 'string' } } as const
  const { values, positionals } = parseArgs({ args, allowPositionals: true, options })
  const [user, event, ...rest] = positionals
  const recipient = personOf([...(user === undefined ? [] : [user]), ...rest])
  const { catalogue } = await catalogueFrom(readConfig())
  const successes = successesOf(catalogue)
  if (event === undefined || !successes.has(event)) throw new CommandError(noSuccess(successes))
  const [producer, ...key] = values.key?.split('/') ?? []
  if (values.key !== undefined && key.length === 0) throw new CommandError('--key must be PRODUCER/KEY')
  await using db = await visitDatabase()
  const intent = producer === undefined ? {} : { intent: { producer, key: key.join('/') } }
  await track({ db, now: systemClock.now(), tellSuccess: tellSuccess(catalogue) }, { recipient, event, ...intent })
  console.log(`${recipient}: ${event}${values.key === undefined ? '' : ` of ${values.key}`}`)
  return 0
}

/** `carillon presence`. */
export async function runPresence(args: string[]): Promise<number> {
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
}

function personOf([user, ...rest]: readonly string[]): string {
  if (!isName(user) || rest.length > 0) throw new CommandError('name one person')
  return user
}

function instantOf(text: string | undefined): number | undefined {
  const at = Date.parse(text ?? '')
  return Number.isNaN(at) ? undefined : at
}

import { parseArgs } from 'node:util'
import { intentId, type IntentId, isUuid } from '#contracts/ids.ts'
import { listQuarantines, type QuarantineRecord } from '#ledger/quarantine.ts'
import { act, approve, type NotDone, type QuarantineAct } from '#operators/quarantine-acts.ts'
import { systemClock } from '#runtime/clock.ts'
import { readConfig } from '#runtime/config.ts'
import { CommandError } from '../command.ts'
import { actOptions, actorOf, table, whyOf } from '../operator.ts'
import { visitDatabase } from '../visit.ts'

const wrongUse = 'say `list`, or what is to happen with which intent: release, sample, discard or approve'

/** `carillon quarantine`: what is held because it is for too many people, and what operators do with it. */
export async function runQuarantine(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    ...{ args, allowPositionals: true },
    options: { ...actOptions, json: { type: 'boolean', default: false } },
  })
  const [what, subject, ...rest] = positionals
  if (what === 'list' && subject === undefined) return list(values.json)
  if (subject === undefined) throw new CommandError(wrongUse)
  const intent = intentOf(subject)
  const by = { who: actorOf(values), why: whyOf(values) }
  if (what === 'approve' && rest.length === 0) {
    await using db = await visitDatabase()
    if (!(await approve(db, by, intent))) throw notDone('not in quarantine', subject)
    console.log(`${by.who} approves what somebody else does next with ${subject}`)
    return 0
  }
  const doing = actOf(what, rest)
  const { approvalAbove } = readConfig()
  await using db = await visitDatabase()
  const failed = await act(db, by, { intent, act: doing, now: systemClock.now(), approvalAbove })
  if (failed) throw notDone(failed, subject)
  console.log(told(doing, subject))
  return 0
}

function intentOf(subject: string): IntentId {
  const [producer, ...key] = subject.split('/')
  if (isUuid(subject)) return subject as IntentId
  if (key.length === 0) throw new CommandError('name one intent: its id, or producer/key')
  return intentId({ producer: producer!, key: key.join('/') })
}

const samplesMax = 1_000_000

function actOf(what: string | undefined, rest: readonly string[]): QuarantineAct {
  if (what === 'release' || what === 'discard')
    if (rest.length === 0) return { kind: what }
    else throw new CommandError(`${what} takes one intent`)
  if (what !== 'sample') throw new CommandError(wrongUse)
  const [n = '', ...more] = rest
  if (!/^\d{1,7}$/.test(n) || Number(n) < 1 || Number(n) > samplesMax || more.length > 0)
    throw new CommandError(`sample takes one intent and a number from 1 to ${samplesMax}`)
  return { kind: 'sample', n: Number(n) }
}

const notDone = (why: NotDone, subject: string): CommandError =>
  why === 'not in quarantine'
    ? new CommandError(`${subject} is not in quarantine`, 1)
    : new CommandError(
        `${subject} is for so many people that somebody else must agree: quarantine approve ${subject} --as OTHER --why TEXT`,
        1,
      )

function told(doing: QuarantineAct, subject: string): string {
  switch (doing.kind) {
    case 'release':
      return `${subject} goes on as if it had just come`
    case 'discard':
      return `${subject} is discarded: nobody more is told`
    case 'sample':
      return `${doing.n} people of ${subject} pass, the rest waits on`
    default:
      return doing satisfies never
  }
}

async function list(json: boolean): Promise<number> {
  await using db = await visitDatabase()
  const found = await listQuarantines(db)
  if (json) console.log(JSON.stringify(found))
  else if (found.length === 0) console.log('nothing is in quarantine')
  else
    console.log(table([['intent', 'type', 'producer', 'people', 'why', 'since', 'approved by'], ...found.map(rowOf)]))
  return 0
}

const rowOf = (one: QuarantineRecord): string[] => [
  ...[one.intent, one.type, one.producer, `${one.more ? 'more than ' : ''}${one.recipients}`],
  ...[`the type allows ${one.most}`, one.since.toISOString(), one.approvedBy ?? ''],
]

import { parseArgs } from 'node:util'
import { askedIntent } from '#analytics/trace-asked.ts'
import { intentId, type IntentId } from '#contracts/ids.ts'
import {
  type Blasted,
  type BlastRecord,
  listBlasts,
  listQuarantines,
  type QuarantineRecord,
} from '#ledger/quarantine.ts'
import { actOnBlast, approveBlast } from '#operators/blast-acts.ts'
import { act, approve, type NotDone, type QuarantineAct } from '#operators/quarantine-acts.ts'
import { systemClock } from '#runtime/clock.ts'
import { readConfig } from '#runtime/config.ts'
import { CommandError } from '../command.ts'
import { actOptions, actorOf, table, whyOf } from '../operator.ts'
import { visitDatabase } from '../visit.ts'

const text = { type: 'string' } as const
const wrongUse =
  'say `list`, or what is to happen with which intent, or with --type and --producer: release, sample, discard or approve'

/** `carillon quarantine`: what is held because it is for too many people or one too many of its kind, and what operators do with it. */
export async function runQuarantine(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    ...{ args, allowPositionals: true },
    options: { ...actOptions, type: text, producer: text, json: { type: 'boolean', default: false } },
  })
  const [what, subject, ...rest] = positionals
  if (what === 'list' && subject === undefined) return list(values.json)
  const { type, producer } = values
  if (type !== undefined && producer !== undefined && subject === undefined)
    return onBlast(what, { type, producer }, { who: actorOf(values), why: whyOf(values) })
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

async function onBlast(what: string | undefined, of: Blasted, by: { who: string; why: string }): Promise<number> {
  const { approvalAbove } = readConfig()
  const all = `${of.type} of ${of.producer}`
  await using db = await visitDatabase()
  switch (what) {
    case 'approve': {
      const intents = await approveBlast(db, by, of)
      if (intents === 0) throw new CommandError(`nothing of ${all} is held for its volume`, 1)
      console.log(`${by.who} approves what somebody else does next with ${intents} intents of ${all}`)
      return 0
    }
    case 'release':
    case 'discard': {
      const done = await actOnBlast(db, by, { of, act: what, now: systemClock.now(), approvalAbove })
      if (done === 'not in quarantine') throw new CommandError(`nothing of ${all} is held for its volume`, 1)
      if (done === 'needs approval')
        throw new CommandError(
          `it is for so many people that somebody else must agree: quarantine approve, with --as OTHER`,
          1,
        )
      console.log(`${done.intents} intents of ${all} ${what === 'discard' ? discarded : done.passes ? passing : alone}`)
      return 0
    }
    default:
      throw new CommandError(wrongUse)
  }
}

const discarded = 'are discarded: nobody more is told'
const passing = 'go on, and what comes in the next hour passes'
const alone =
  'go on; what comes is held on, unless somebody else agrees: quarantine approve --as OTHER before the release'

function intentOf(subject: string): IntentId {
  const asked = askedIntent(subject)
  if (asked === undefined) throw new CommandError('name one intent: its id, or producer/key')
  return typeof asked === 'string' ? asked : intentId(asked)
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
      return `${subject} is discarded: nobody who is held for it is told`
    case 'sample':
      return `${doing.n} people of ${subject} pass, the rest waits on`
    default:
      return doing satisfies never
  }
}

async function list(json: boolean): Promise<number> {
  await using db = await visitDatabase()
  const quarantines = await listQuarantines(db)
  const blasts = await listBlasts(db)
  if (json) {
    console.log(JSON.stringify({ quarantines, blasts }))
    return 0
  }
  if (quarantines.length === 0) console.log('nothing is in quarantine')
  else
    console.log(
      table([['intent', 'type', 'producer', 'people', 'why', 'since', 'approved by'], ...quarantines.map(rowOf)]),
    )
  if (blasts.length > 0)
    console.log(
      '\n' + table([['held for its volume', 'producer', 'intents', 'people', 'why', 'since'], ...blasts.map(blastRow)]),
    )
  return 0
}

const blastRow = (one: BlastRecord): string[] => [
  ...[one.type, one.producer, String(one.intents), String(one.recipients)],
  ...[`${one.volume} in ten minutes, ${one.most} may be`, one.since.toISOString()],
]

function whyHeld({ guard, volume, most }: QuarantineRecord): string {
  switch (guard) {
    case 'volume':
      return `${volume} in ten minutes, ${most} may be`
    case 'recipients':
      return `the type allows ${most}`
    case 'members':
      return `the type allows ${most}; whom it names is told`
    default:
      return guard satisfies never
  }
}

const rowOf = (one: QuarantineRecord): string[] => [
  ...[one.intent, one.type, one.producer, `${one.more ? 'more than ' : ''}${one.recipients}`],
  ...[whyHeld(one), one.since.toISOString(), one.approvedBy ?? ''],
]

import { readFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import type { AnyNotificationType } from '#contracts/catalogue.ts'
import type { Intent } from '#contracts/intent.ts'
import { makeIntent, type Said } from '#producers/sdk/make-intent.ts'
import { simulate, type Simulation } from '#router/simulate.ts'
import { systemClock } from '#runtime/clock.ts'
import { readConfig } from '#runtime/config.ts'
import { CommandError, reasonOf } from '../command.ts'
import { secretOf } from '../secret.ts'
import { keyed } from '#contracts/keyed-dedupe.ts'
import { catalogueFrom } from '../catalogue-from.ts'
import { visitDatabase } from '../visit.ts'

const text = { type: 'string' } as const
const options = {
  ...{ producer: text, type: text, to: text, data: text, thread: text, at: text },
  json: { type: 'boolean', default: false },
} as const

/** `carillon simulate`. */
export async function runSimulate(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({ args, allowPositionals: true, options })
  const now = values.at === undefined ? systemClock.now() : Date.parse(values.at)
  if (Number.isNaN(now)) throw new CommandError(`--at "${values.at}" must be a time like 2026-11-21T23:00:00Z`)
  const said = await saidBy(values, positionals)
  const config = readConfig()
  const { catalogue, sources } = await catalogueFrom(config)
  const made = await makeIntent(said, { producer: values.producer ?? 'simulate', catalogue, now })
  if (!made.ok) throw new CommandError(`the intent would be refused: ${made.problems.join('; ')}`)
  const { intent } = made
  const known = catalogue.types.get(intent.type)!
  // Of use only to know a contact, or what was told of a sensitive type, again.
  const secretNeeded = known.sensitive || intent.to.some(to => to.kind === 'contact')
  const addressKey = secretNeeded ? await secretOf(config) : ''
  const entry = keyed(known, addressKey)
  await using db = await visitDatabase()
  const simulation = await simulate(
    { db, addressKey, sources, volumeFloor: config.volumeFloor },
    { intent, entry, now },
  )
  console.log(values.json ? JSON.stringify(simulation) : printSimulation(simulation, { intent, entry, now }))
  return 0
}

type Values = { type?: string; to?: string; data?: string; thread?: string }

/** The intent as `POST /v1/intents` takes it; a key is of no use here. */
async function saidBy({ type, to, data, thread }: Values, positionals: readonly string[]): Promise<Said> {
  const [file, ...rest] = positionals
  const spelt = [type, to, data, thread].some(value => value !== undefined)
  if (rest.length > 0 || (file === undefined) !== spelt)
    throw new CommandError('name a file, or --type, --to and --data')
  if (file !== undefined) {
    const text = await readFile(file, 'utf8').catch((error: unknown) => {
      throw new CommandError(`cannot read ${file}: ${reasonOf(error)}`)
    })
    const { type: named, ...body } = objectOf(text, file)
    return { type: named, options: { key: 'simulate', ...body } }
  }
  const about = { to: to?.split(',').filter(Boolean), data: objectOf(data ?? '{}', '--data'), key: 'simulate' }
  return { type, options: { ...about, ...(thread !== undefined && { thread }) } }
}

function objectOf(text: string, what: string): Record<string, unknown> {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    throw new CommandError(`${what} is not JSON`)
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw new CommandError(`${what} is not a JSON object`)
  return json as Record<string, unknown>
}

type Of = { intent: Intent; entry: AnyNotificationType; now: number }

function printSimulation({ lines, summary, members }: Simulation, { intent, entry, now }: Of): string {
  const out = [`${entry.type}, were it stated at ${new Date(now).toISOString()}:`]
  for (const [recipient, ofPerson] of Map.groupBy(lines, line => line.recipient)) {
    const { reason } = ofPerson[0]!
    out.push(`  ${recipient}${reason === undefined ? '' : ` (${reason})`}`)
    for (const { channel, verdict, sentence } of ofPerson)
      out.push(`    ${channel.padEnd(7)} ${verdict.padEnd(21)}  ${sentence}`)
  }
  if (lines.length === 0) out.push('  nobody')
  if (members)
    out.push(
      `Members of its audiences: ${members.more ? 'more than ' : ''}${members.n.toLocaleString('en')}, of whom ${members.shown} are shown.`,
    )
  out.push('In all:')
  for (const { channel, verdict, rule, n } of summary)
    out.push(`  ${n.toLocaleString('en').padStart(6)}  ${channel.padEnd(7)} ${verdict.padEnd(21)}  ${rule}`)
  if (intent.actor !== undefined) out.push(`${intent.actor}, who did it, is never told.`)
  return out.join('\n')
}

import { readFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { parseLift, needsWhy, parseSuppression } from '#preferences/suppressions-api.ts'
import {
  addSuppressions,
  type GivenSuppression,
  liftSuppression,
  listSuppressions,
} from '#preferences/suppression-acts.ts'
import { systemClock } from '#runtime/clock.ts'
import { CommandError, stated } from '../command.ts'
import { table } from '../operator.ts'
import { visitAddresses } from '../visit.ts'
import { linesOf } from './endpoints.ts'

const text = { type: 'string' } as const
const wrongUse = 'say list, add, remove or import FILE.ndjson'
const importAtOnce = 500
const listMax = 1000
const source = 'operator'

/** `carillon suppressions`: addresses that must not be used. */
export async function runSuppressions(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    ...{ args, allowPositionals: true },
    options: {
      ...{ channel: text, address: text, reason: text, 'expires-at': text, why: text },
      json: { type: 'boolean', default: false },
    },
  })
  const [what, file, ...rest] = positionals
  if (rest.length > 0 || (file !== undefined) !== (what === 'import')) throw new CommandError(wrongUse)
  const { channel, address, reason, 'expires-at': expiresAt, why, json } = values
  switch (what) {
    case 'list':
      return list(json)
    case 'add':
      return add([checked({ channel, address, reason, expiresAt })])
    case 'remove':
      return remove({ channel, address, why })
    case 'import':
      return add(await suppressionsIn(file!))
    default:
      throw new CommandError(wrongUse)
  }
}

async function list(json: boolean): Promise<number> {
  await using store = await visitAddresses()
  const { suppressions, next } = await listSuppressions(store, { after: '', limit: listMax })
  if (json) console.log(JSON.stringify(suppressions))
  else if (suppressions.length === 0) console.log('no address is suppressed')
  else {
    const rows = suppressions.map(one => [
      ...[one.hash, one.channel, one.masked ?? '', one.reason, one.source, one.at.toISOString()],
      one.expiresAt?.toISOString() ?? 'never',
    ])
    console.log(table([['hash', 'channel', 'address', 'reason', 'source', 'since', 'ends'], ...rows]))
    if (next !== undefined) console.log(`these are the first ${listMax}: GET /v1/suppressions?after=… has the others`)
  }
  return 0
}

async function add(given: readonly GivenSuppression[]): Promise<number> {
  await using store = await visitAddresses()
  for (let at = 0; at < given.length; at += importAtOnce)
    await addSuppressions(store, given.slice(at, at + importAtOnce), { now: systemClock.now(), source })
  console.log(`${given.length} ${given.length === 1 ? 'address is' : 'addresses are'} suppressed`)
  return 0
}

async function remove(said: object): Promise<number> {
  const given = parseLift(withoutUnset(said))
  if (!given.ok) throw new CommandError(linesOf(given.problems))
  await using store = await visitAddresses()
  const done = await liftSuppression(store, given.value, { now: systemClock.now(), source })
  if (done === 'not suppressed') throw new CommandError('this address is not suppressed', 1)
  if (done === 'needs why') throw new CommandError(`--why TEXT: ${needsWhy}`)
  console.log('the address may be used again')
  return 0
}

function checked(said: object): GivenSuppression {
  const given = parseSuppression(withoutUnset(said), systemClock.now())
  if (!given.ok) throw new CommandError(linesOf(given.problems))
  return given.value
}

const withoutUnset = (said: object) =>
  Object.fromEntries(Object.entries(said).filter(([, value]) => value !== undefined))

/** Every line, or every problem of it by its line: half a file is not imported. No problem repeats an address. */
async function suppressionsIn(file: string): Promise<GivenSuppression[]> {
  const lines = (await readFile(file, 'utf8').catch(stated('cannot read the file'))).split('\n')
  const now = systemClock.now()
  const problems: string[] = []
  const given = lines.flatMap((line, at) => {
    if (line.trim() === '') return []
    const said = jsonOf(line)
    const parsed = said && parseSuppression(said, now)
    if (!parsed) problems.push(`line ${at + 1}: is not a JSON object`)
    else if (parsed.ok) return [parsed.value]
    else problems.push(...parsed.problems.map(({ pointer, detail }) => `line ${at + 1}: ${pointer.slice(2)} ${detail}`))
    return []
  })
  if (problems.length > 0) throw new CommandError(problems.join('\n'), 1)
  return given
}

function jsonOf(line: string): object | undefined {
  try {
    const said: unknown = JSON.parse(line)
    return typeof said === 'object' && said !== null && !Array.isArray(said) ? said : undefined
  } catch {
    return undefined
  }
}

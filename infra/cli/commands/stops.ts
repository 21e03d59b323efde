import { parseArgs } from 'node:util'
import { resumePolicies, stopLabel, stopScopes } from '#contracts/stop.ts'
import { readActs } from '#ledger/operator-log.ts'
import { listStops } from '#ledger/stops.ts'
import { resume, stop, stopProblem } from '#operators/stop-acts.ts'
import { readConfig } from '#runtime/config.ts'
import { CommandError } from '../command.ts'
import { actOptions, actorOf, table, whyOf } from '../operator.ts'
import { catalogueFrom } from '../catalogue-from.ts'
import { visitDatabase } from '../visit.ts'

/** `carillon stop`. */
export async function runStop(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    ...{ args, allowPositionals: true },
    options: { ...actOptions, resume: { type: 'string', default: 'send' } },
  })
  const [scopeName, name, ...rest] = positionals
  const scope = stopScopes.find(one => one === scopeName)
  if (!scope || name === undefined || rest.length > 0)
    throw new CommandError(`name what to stop: one of ${stopScopes.join(', ')}, and its name`)
  const policy = resumePolicies.find(one => one === values.resume)
  if (!policy) throw new CommandError(`--resume must be one of ${resumePolicies.join(', ')}`)
  const by = { who: actorOf(values), why: whyOf(values) }
  const problem = stopProblem(scope, name, (await catalogueFrom(readConfig())).catalogue)
  if (problem !== undefined) throw new CommandError(problem)
  await using db = await visitDatabase()
  const id = await stop(db, by, { scope, name, resume: policy })
  const fate = policy === 'drop' ? 'what comes ends as killed' : 'what comes waits'
  console.log(`stop ${id}: ${scope} ${name} is stopped, ${fate}, until: npm run carillon -- resume ${id}`)
  return 0
}

/** `carillon resume`. */
export async function runResume(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({ args, allowPositionals: true, options: { as: actOptions.as } })
  const [id, ...rest] = positionals
  if (id === undefined || !/^\d{1,18}$/.test(id) || rest.length > 0)
    throw new CommandError('name one stop by its number; `carillon stops` lists them')
  await using db = await visitDatabase()
  const ended = await resume(db, { who: actorOf(values) }, id)
  if (!ended) throw new CommandError(`no stop ${id} is open`, 1)
  console.log(`${stopLabel(ended)} goes on`)
  return 0
}

/** `carillon stops`. */
export async function runStops(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: { all: { type: 'boolean', default: false }, json: { type: 'boolean', default: false } },
  })
  await using db = await visitDatabase()
  const stops = await listStops(db, values)
  if (values.json) console.log(JSON.stringify(stops))
  else if (stops.length === 0) console.log('nothing is stopped')
  else
    console.log(
      table([
        ['id', 'stopped', 'resume', 'since', 'ended', 'by', 'why'],
        ...stops.map(one => [
          ...[one.id, stopLabel(one), one.resume, one.since.toISOString()],
          ...[one.endedAt?.toISOString() ?? '', one.who, one.why],
        ]),
      ]),
    )
  return 0
}

const actsShown = 100

/** `carillon operator-log`. */
export async function runOperatorLog(args: string[]): Promise<number> {
  const { values } = parseArgs({ args, options: { json: { type: 'boolean', default: false } } })
  await using db = await visitDatabase()
  const acts = await readActs(db, { limit: actsShown })
  if (values.json) console.log(JSON.stringify(acts))
  else if (acts.length === 0) console.log('no operator has done anything yet')
  else
    console.log(
      table([
        ['at', 'who', 'what', 'about', 'why'],
        ...acts.map(({ at, who, what, about, why }) => [
          ...[at.toISOString(), who, what],
          Object.entries(about)
            .map(([name, value]) => `${name}=${value}`)
            .join(' '),
          why ?? '',
        ]),
      ]),
    )
  return 0
}

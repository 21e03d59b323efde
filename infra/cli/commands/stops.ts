import { parseArgs } from 'node:util'
import { resumePolicies, stopLabel, stopScopes } from '#contracts/stop.ts'
import { readActs } from '#ledger/operator-log.ts'
import { listStops } from '#ledger/stops.ts'
import { resume, stop, stopProblem } from '#operators/stop-acts.ts'
import { readConfig } from '#runtime/config.ts'
import { type Command, CommandError } from '../command.ts'
import { actOptions, actorOf, table, whyOf } from '../operator.ts'
import { catalogueFrom } from '../stack.ts'
import { visitDatabase } from '../visit.ts'

const stopCommand: Command = {
  name: 'stop',
  usage: `stop ${stopScopes.join('|')} NAME [--resume ${resumePolicies.join('|')}] --why TEXT [--as NAME]`,
  summary:
    'Stops everything of a type, category, channel, provider, producer or tenant at once; mandatory types too. What is stopped waits (send, the default) or ends as killed (drop).',
  async run(args) {
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
    const fate = policy === 'send' ? 'what comes waits' : 'what comes ends as killed'
    console.log(`stop ${id}: ${scope} ${name} is stopped, ${fate}, until: npm run carillon -- resume ${id}`)
    return 0
  },
}

const resumeCommand: Command = {
  name: 'resume',
  usage: 'resume ID [--as NAME]',
  summary: 'Ends a stop. What it held is decided again and leaves at a pace of 5,000 a second.',
  async run(args) {
    const { values, positionals } = parseArgs({ args, allowPositionals: true, options: { as: actOptions.as } })
    const [id, ...rest] = positionals
    if (id === undefined || !/^\d{1,18}$/.test(id) || rest.length > 0)
      throw new CommandError('name one stop by its number; `carillon stops` lists them')
    await using db = await visitDatabase()
    const ended = await resume(db, { who: actorOf(values) }, id)
    if (!ended) throw new CommandError(`no stop ${id} is open`, 1)
    console.log(`${stopLabel(ended)} goes on`)
    return 0
  },
}

const stopsCommand: Command = {
  name: 'stops',
  usage: 'stops [--all] [--json]',
  summary: 'Lists what operators have stopped; with --all also what was ended since.',
  async run(args) {
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
  },
}

const actsShown = 100

const operatorLogCommand: Command = {
  name: 'operator-log',
  usage: 'operator-log [--json]',
  summary: `Lists the last ${actsShown} acts of operators: who did what, when and why.`,
  async run(args) {
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
  },
}

/** Kill switches, and what operators did. */
export const stopCommands: readonly Command[] = [stopCommand, stopsCommand, resumeCommand, operatorLogCommand]

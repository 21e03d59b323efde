import { parseArgs } from 'node:util'
import { ConfigError } from '#runtime/config.ts'
import { type Command, CommandError, reasonOf } from './command.ts'
import { auditCommand } from './commands/audit.ts'
import { compareCommand } from './commands/compare.ts'
import { backlogCommands } from './commands/backlog.ts'
import { configCommand } from './commands/config.ts'
import { presenceCommand, readCommand, trackCommand } from './commands/engagement.ts'
import { effectiveCommand } from './commands/effective.ts'
import { explainCommand } from './commands/explain.ts'
import { funnelCommand } from './commands/funnel.ts'
import { previewCommand } from './commands/preview.ts'
import { quarantineCommand } from './commands/quarantine.ts'
import { simulateCommand } from './commands/simulate.ts'
import { tokenCommand } from './commands/token.ts'
import { stopCommands } from './commands/stops.ts'
import { traceCommand } from './commands/trace.ts'
import { replayCommand } from './commands/replay.ts'
import { retractCommand } from './commands/retract.ts'
import { roleCommands } from './commands/roles.ts'
import { startCommand } from './commands/start.ts'

const commands: readonly Command[] = [
  ...[startCommand, ...roleCommands, replayCommand],
  ...[readCommand, trackCommand, presenceCommand, retractCommand],
  ...[
    funnelCommand,
    traceCommand,
    effectiveCommand,
    explainCommand,
    simulateCommand,
    compareCommand,
    auditCommand,
    previewCommand,
    tokenCommand,
    configCommand,
  ],
  ...stopCommands,
  ...backlogCommands,
  quarantineCommand,
]

const [name, ...args] = process.argv.slice(2)
process.exitCode = await run(name, args)

/** Exit codes: 0 done, 1 the answer is no or the work failed, 2 the command was misused. */
async function run(name: string | undefined, args: string[]): Promise<number> {
  if (name === undefined || name === 'help' || name === '--help') {
    console.log(usage())
    return name === undefined ? 2 : 0
  }
  const command = commands.find(one => one.name === name)
  if (!command) {
    console.error(`carillon: there is no command "${name}"; there are ${commands.map(one => one.name).join(', ')}`)
    return 2
  }
  if (args.includes('--help')) {
    console.log(`usage: npm run carillon -- ${command.usage}\n\n${command.summary}`)
    return 0
  }
  try {
    if (command.usage === command.name) parseArgs({ args, options: {} })
    return await command.run(args)
  } catch (error) {
    const { message, exitCode } = failure(error)
    console.error(
      `carillon ${name}: ${message}${isMisuse(error) ? `\nusage: npm run carillon -- ${command.usage}` : ''}`,
    )
    // What failed half-way may have left a connection open, which would keep the process for ever.
    return process.exit(exitCode)
  }
}

/** One line for what a person or the machine did wrong. Only a fault of ours shows its stack. */
function failure(error: unknown): { message: string; exitCode: number } {
  if (error instanceof ConfigError) return { message: error.message, exitCode: 2 }
  if (error instanceof CommandError) return { message: error.message, exitCode: error.exitCode }
  if (isMisuse(error)) return { message: error.message.replace(/\s*(Did you forget|To specify).*/s, ''), exitCode: 2 }
  // A system call, the database, or Pub/Sub.
  if (error instanceof Error && 'code' in error) return { message: reasonOf(error), exitCode: 1 }
  return { message: error instanceof Error ? error.stack! : String(error), exitCode: 1 }
}

function isMisuse(error: unknown): error is Error {
  return error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS')
}

function usage(): string {
  const width = Math.max(...commands.map(command => command.name.length))
  const lines = commands.map(command => `  ${command.name.padEnd(width)}  ${command.summary}`)
  return ['usage: npm run carillon -- <command> [options]    (each command has --help)', '', ...lines].join('\n')
}

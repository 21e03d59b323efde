import { ConfigError } from '#runtime/config.ts'
import { type Command, CommandError } from './command.ts'
import { auditCommand } from './commands/audit.ts'
import { configCommand } from './commands/config.ts'
import { funnelCommand } from './commands/funnel.ts'
import { previewCommand } from './commands/preview.ts'
import { tokenCommand } from './commands/token.ts'
import { traceCommand } from './commands/trace.ts'
import { replayCommand } from './commands/replay.ts'
import { roleCommands } from './commands/roles.ts'
import { startCommand } from './commands/start.ts'

const commands: readonly Command[] = [
  ...[startCommand, ...roleCommands, replayCommand],
  ...[funnelCommand, traceCommand, auditCommand, previewCommand, tokenCommand, configCommand],
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
    console.error(`carillon: there is no command "${name}"\n\n${usage()}`)
    return 2
  }
  if (args.includes('--help')) {
    console.log(`carillon ${command.usage}\n\n${command.summary}`)
    return 0
  }
  try {
    return await command.run(args)
  } catch (error) {
    if (error instanceof ConfigError) {
      console.error(`carillon ${name}: ${error.message}`)
      return 2
    }
    if (error instanceof CommandError) {
      console.error(`carillon ${name}: ${error.message}`)
      return error.exitCode
    }
    if (error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS')) {
      console.error(`carillon ${name}: ${error.message}\nusage: carillon ${command.usage}`)
      return 2
    }
    throw error
  }
}

function usage(): string {
  const width = Math.max(...commands.map(command => command.name.length))
  const lines = commands.map(command => `  ${command.name.padEnd(width)}  ${command.summary}`)
  return ['usage: npm run carillon -- <command> [options]    (each command has --help)', '', ...lines].join('\n')
}

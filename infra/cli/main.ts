import { parseArgs } from 'node:util'
import { ConfigError } from '#runtime/config.ts'
import { type Command, CommandError, reasonOf } from './command.ts'
import { commands } from './commands.ts'

const [name, ...args] = process.argv.slice(2)
process.exitCode = await run(name, args)

/** Exit codes: 0 done, 1 the answer is no or the work failed, 2 the command was misused. */
async function run(name: string | undefined, args: string[]): Promise<number> {
  const isHelp = name === 'help' || name === '--help'
  if (name === undefined || (isHelp && args.length === 0)) {
    console.log(overview())
    return name === undefined ? 2 : 0
  }
  const wanted = isHelp ? args[0] : name
  const command = commands.find(one => one.name === wanted)
  if (!command) {
    console.error(`carillon: there is no command "${wanted}"; there are ${commands.map(one => one.name).join(', ')}`)
    return 2
  }
  if (isHelp || args.includes('--help')) {
    console.log(help(command))
    return 0
  }
  try {
    if (command.usage === command.name) parseArgs({ args, options: {} })
    return await command.run(args)
  } catch (error) {
    const { message, exitCode } = failure(error)
    console.error(`carillon ${name}: ${message}${isMisuse(error) ? `\n${usageOf(command)}` : ''}`)
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

function overview(): string {
  const width = Math.max(...commands.map(command => command.name.length))
  const lines = commands.map(command => `  ${command.name.padEnd(width)}  ${command.summary}`)
  return ['usage: npm run carillon -- <command> [options]    (`help <command>` tells more of one)', '', ...lines].join(
    '\n',
  )
}

function help(command: Command): string {
  return [usageOf(command), command.summary, `example: npm run carillon -- ${command.example}`].join('\n\n')
}

function usageOf({ usage }: Command): string {
  return `usage: npm run carillon -- ${usage}`
}

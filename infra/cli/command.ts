/** One command of the `carillon` program. What it works with is loaded when it runs: `run` gives the exit code. */
export type Command = {
  name: string
  usage: string
  summary: string
  /** Arguments that show it at work. */
  example: string
  run(args: string[]): Promise<number>
}

/** What a person did wrong, or what cannot be done: one clear line, no stack. Exit code 2 is misuse. */
export class CommandError extends Error {
  readonly exitCode: number
  constructor(message: string, exitCode = 2) {
    super(message)
    this.exitCode = exitCode
  }
}

/** For `catch`: says in one line what could not be done and why, instead of a stack. Exit code 1. */
export const stated =
  (what: string) =>
  (error: unknown): never => {
    if (error instanceof CommandError) throw error
    throw new CommandError(`${what}: ${reasonOf(error)}`, 1)
  }

/** Node gathers the failed addresses of one host in an error without a message. */
export const reasonOf = (error: unknown): string =>
  error instanceof AggregateError ? error.errors.map(reasonOf).join('; ') : (error as Error).message

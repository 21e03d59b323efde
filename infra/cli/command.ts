/** One command of the `carillon` program. `run` gives the exit code. */
export type Command = { name: string; usage: string; summary: string; run(args: string[]): Promise<number> }

/** What a person did wrong, or what cannot be done: one clear line, no stack. Exit code 2 is misuse. */
export class CommandError extends Error {
  readonly exitCode: number
  constructor(message: string, exitCode = 2) {
    super(message)
    this.exitCode = exitCode
  }
}

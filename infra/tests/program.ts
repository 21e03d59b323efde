import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { globSync, readlinkSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** The `carillon` program as a process of its own. Disposing kills it, should it still run. */
export type Program = AsyncDisposable & {
  child: ChildProcess
  out: string
  err: string
  /** The exit code, once all output is read. */
  ended: Promise<number | null>
  /** Resolves once what it printed on stderr matches; rejects when it ends before. */
  says(pattern: RegExp): Promise<void>
  /** All that it printed, for a failed assertion. */
  said(): string
}

const main = path.resolve(import.meta.dirname, '../cli/main.ts')
const untilLimitMs = 240_000
const pollMs = 20

/** Starts it with nothing configured but `env`, whatever the environment of the tests says. */
export function startProgram(args: readonly string[], env: Record<string, string>): Program {
  const { PATH, HOME, NODE_COMPILE_CACHE } = process.env
  const child = spawn(process.execPath, [main, ...args], {
    env: { PATH, HOME, NODE_COMPILE_CACHE, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = once(child, 'close').then(([code]) => code as number | null)
  const program: Program = {
    child,
    out: '',
    err: '',
    ended,
    says: pattern =>
      until(() => {
        assert.equal(child.exitCode, null, `ended before it said ${pattern}: ${program.said()}`)
        return pattern.test(program.err)
      }),
    said: () => `${program.err}\n${program.out}`,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL')
      await ended
    },
  }
  child.stdout.setEncoding('utf8').on('data', text => void (program.out += text))
  child.stderr.setEncoding('utf8').on('data', text => void (program.err += text))
  return program
}

/** Waits for a fact, at most four minutes: a machine may be busy with other things for long. */
export async function until(fact: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = AbortSignal.timeout(untilLimitMs)
  while (!(await fact())) {
    deadline.throwIfAborted()
    await sleep(pollMs)
  }
}

/** Processes that work inside the folder: the database server and its own. */
export const workingIn = ({ path: folder }: { path: string }): string[] =>
  globSync('/proc/[0-9]*/cwd').flatMap(link => {
    try {
      const place = readlinkSync(link)
      return place.startsWith(`${folder}/`) ? [`${link} ${place}`] : []
    } catch {
      return []
    }
  })

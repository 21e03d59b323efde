import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { withDeadline } from '#runtime/deadline.ts'
import type { Mutant } from './mutants.ts'
import type { FromChild, FromParent, Role, Setup } from './process.ts'

type Ready = Extract<FromChild, { kind: 'ready' }>

/** A process of ours. Disposing ends it hard: everything here survives that. */
export type Child = AsyncDisposable & {
  role: Role
  pid: number
  ready: Promise<Ready>
  /** Resolves when the process stands at the point, the n-th time it comes there; rejects when it ends before. */
  reaches(point: string, passes?: number): Promise<void>
  disarm(point: string): void
  /** Lets it go on from the point. */
  go(): void
  kill(): Promise<void>
  /** How the process ended; undefined while it lives. */
  ended(): string | undefined
}

const readyLimitMs = 120_000

/** Starts a part as a process of its own. `mutant` breaks one rule in it. `stderr` is a file that takes its log. */
export function startChild(setup: Setup, options: { stderr: number; mutant?: Mutant | undefined }): Child {
  const { stderr, mutant } = options
  const mutate = new URL('./mutate.ts', import.meta.url)
  mutate.searchParams.set('mutant', mutant ?? '')
  const preload = mutant === undefined ? [] : ['--import', mutate.href]
  const entry = path.join(import.meta.dirname, 'process.ts')
  const child = spawn(process.execPath, [...preload, entry], {
    stdio: ['ignore', 'ignore', stderr, 'ipc'],
  })
  child.unref()
  const said = listenTo(child)
  const mutated = mutant === undefined ? undefined : said(one => one.kind === 'mutated')
  const started = said(one => one.kind === 'ready')
  const ready = withDeadline(Promise.all([started, mutated]), { ms: readyLimitMs, what: `a ${setup.role} to be ready` })
  ready.catch(() => {})
  // What a process that has just ended is told no more is known by its end.
  const tell = (message: FromParent) => void child.send(message, () => {})
  const ended = () => child.signalCode ?? child.exitCode?.toString()
  tell({ kind: 'start', setup })
  const kill = async () => {
    if (ended() !== undefined) return
    const exit = once(child, 'exit')
    child.kill('SIGKILL')
    await exit
  }
  return {
    role: setup.role,
    pid: child.pid!,
    ready: ready.then(([one]) => one as Ready),
    reaches: async (point, passes = 0) => {
      if (ended() !== undefined) throw new Error(`process ${child.pid} had ended with ${ended()}`)
      const hit = said(one => one.kind === 'hit' && one.point === point)
      tell({ kind: 'arm', point, passes })
      await hit
    },
    disarm: point => tell({ kind: 'disarm', point }),
    go: () => tell({ kind: 'go' }),
    kill,
    ended,
    [Symbol.asyncDispose]: kill,
  }
}

/** Waits for a message of a child that is wanted; rejects when the child ends first. */
function listenTo(child: ChildProcess): (wanted: (one: FromChild) => boolean) => Promise<FromChild> {
  return wanted =>
    new Promise((resolve, reject) => {
      const done = () => {
        child.off('message', onMessage)
        child.off('exit', onExit)
      }
      const onExit = (code: number | null, signal: string | null) => {
        done()
        reject(new Error(`process ${child.pid} ended with ${code ?? signal}`))
      }
      const onMessage = (one: unknown) => {
        if (!wanted(one as FromChild)) return
        done()
        resolve(one as FromChild)
      }
      child.on('message', onMessage)
      child.on('exit', onExit)
    })
}

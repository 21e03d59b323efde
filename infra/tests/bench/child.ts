import { fork } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import type { Order, Part, Reply, Setup } from './setup.ts'

export type Child = AsyncDisposable & {
  readonly pid: number
  readonly ready: Extract<Reply, { kind: 'ready' }>
  order(order: Order): void
  /** The next reply; rejects when the process ends instead. */
  next(): Promise<Reply>
}

/** Starts a part in a process of its own and waits until it is ready. `flags` are Node's. Disposing ends it. */
export async function startChild(part: Part, setup: Partial<Setup>, flags: readonly string[] = []): Promise<Child> {
  const child = fork(path.join(import.meta.dirname, 'part.ts'), [part], {
    // The baseline finds the local Pub/Sub server as any program would.
    env: { ...process.env, ...(setup.pubsub !== undefined && { PUBSUB_EMULATOR_HOST: setup.pubsub }) },
    execArgv: [...process.execArgv, ...flags],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  const ended = once(child, 'exit').then(([code, signal]): never => {
    throw new Error(`${part} ended with ${String(code ?? signal)}`)
  })
  ended.catch(() => {})
  const next = async () => {
    const [reply] = (await Promise.race([once(child, 'message'), ended])) as [Reply]
    if (reply.kind === 'failed') throw new Error(`${part}: ${reply.problem}`)
    return reply
  }
  child.send({ kind: 'start', setup } satisfies Order)
  const ready = await next()
  if (ready.kind !== 'ready') throw new Error(`${part} said ${ready.kind} before it was ready`)
  return {
    ...{ pid: child.pid!, ready, next },
    order: order => void child.send(order),
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL')
      await ended.catch(() => {})
    },
  }
}

import type { Child } from './child.ts'
import type { Machine } from './machine.ts'
import { cpuOfTree } from './cpu.ts'
import type { Part } from './setup.ts'
import type { Variant } from './variants.ts'

/** One round of one variant. CPU in microseconds per notification, by process. */
export type Measured = {
  perS: number
  cpuUs: number
  /** Counted: the variant's own processes, Redis, and PostgreSQL without what others asked it. */
  counted: Record<string, number>
  /** Not counted: what stands for the world around (Pub/Sub server, simulators, producer). */
  apart: Record<string, number>
  /** PostgreSQL again, by who asked. */
  backends: Record<string, number>
}

export type Children = ReadonlyMap<Part, Child>

export async function measure(
  variant: Variant,
  { machine, children, count }: { machine: Machine; children: Children; count: number },
): Promise<Measured> {
  const read = async () => ({
    ...Object.fromEntries(variant.parts.map(part => [part, cpuOfTree(children.get(part)!.pid)])),
    ...(await machine.cpu()),
    producer: producerUs(),
  })
  const before: Record<string, number> = await read()
  const begunMs = performance.now()
  await variant.send(count)
  const seconds = (performance.now() - begunMs) / 1000
  const after: Record<string, number> = await read()
  const spent = (name: string) => Math.max(0, (after[name] ?? 0) - (before[name] ?? 0)) / count
  const pick = (names: readonly string[]) => Object.fromEntries(names.map(name => [name, spent(name)]))
  const backends = pick(Object.keys(after).filter(name => name.startsWith('postgres for ')))
  // What the other variants' idle processes and this one's own questions cost the server is not the variant's.
  const foreign = Object.entries(backends).filter(
    ([name]) => !variant.parts.some(part => name === `postgres for ${part}`),
  )
  const counted = pick([...variant.parts, 'postgres', 'redis'])
  counted.postgres! -= foreign.reduce((sum, [, us]) => sum + us, 0)
  return {
    perS: count / seconds,
    cpuUs: Object.values(counted).reduce((sum, us) => sum + us, 0),
    counted,
    apart: pick(['pub/sub server', 'simulators', 'producer']),
    backends,
  }
}

function producerUs(): number {
  const { user, system } = process.cpuUsage()
  return user + system
}

export const median = (numbers: readonly number[]): number => {
  const sorted = [...numbers].sort((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

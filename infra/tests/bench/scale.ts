import { startChild } from './child.ts'
import { startMachine } from './machine.ts'
import { measure } from './measure.ts'
import { seed } from './seed.ts'
import { openVariants } from './variants.ts'

export type ScaleResult = { count: number; single: number; fanout: number }[]

/** CPU-µs per notification when so many are sent at once, tables growing from one size to the next. */
export async function scale(counts: readonly number[], progress: (line: string) => void): Promise<ScaleResult> {
  await using machine = await startMachine()
  await seed(machine)
  await using opened = new AsyncDisposableStack()
  const children = new Map(
    await Promise.all(
      (['router', 'worker', 'sink'] as const).map(
        async part => [part, opened.use(await startChild(part, machine.setupFor(part)))] as const,
      ),
    ),
  )
  await using variants = openVariants(machine)
  const costOf = async (name: 'single' | 'fanout', count: number) => {
    const variant = variants[name]
    const { cpuUs, perS } = await measure(variant, { machine, children, count })
    progress(`${variant.label}, ${count}: ${cpuUs.toFixed(0)} µs CPU each, ${perS.toFixed(0)}/s`)
    return Math.round(cpuUs * 10) / 10
  }
  const warmUp = 20_000
  await costOf('single', warmUp)
  await costOf('fanout', warmUp)
  const result: ScaleResult = []
  for (const count of counts)
    result.push({ count, single: await costOf('single', count), fanout: await costOf('fanout', count) })
  return result
}

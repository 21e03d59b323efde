import { startChild } from './child.ts'
import { type Family, familyNames } from './catalogue.ts'
import { startMachine } from './machine.ts'
import { type Children, measure, median } from './measure.ts'
import { seed } from './seed.ts'
import { notifierOf, pipeline } from './variants.ts'

/** CPU-µs per notification, all parts together, where types or people have these rules; `plain`: none. */
export type RulesResult = Record<string, { single: number; fanout: number }>

/** Every rule on costs at most so many times the plain route. */
export const everyRuleMax = 2

type Manner = { name: string; family: Family; wishes: boolean }
const manners: readonly Manner[] = [
  ...familyNames.map(family => ({ name: family, family, wishes: family === 'all' })),
  { name: 'wishes', family: 'plain', wishes: true },
]

/** What each rule costs that looks at a notification and lets it pass: the same mix by types that declare it, medians of rounds. */
export async function costOfRules(
  { rounds, size }: { rounds: number; size: number },
  progress: (line: string) => void,
): Promise<RulesResult> {
  await using machine = await startMachine()
  await seed(machine)
  await using opened = new AsyncDisposableStack()
  const children: Children = new Map(
    await Promise.all(
      (['router', 'worker', 'sink'] as const).map(
        async part => [part, opened.use(await startChild(part, machine.setupFor(part)))] as const,
      ),
    ),
  )
  const notifier = notifierOf(machine)
  opened.defer(() => notifier.close())
  const costs = new Map<string, number[]>()
  for (let round = 0; round <= rounds; round++)
    for (const manner of manners)
      for (const fanned of [false, true]) {
        const label = `${manner.name}, ${fanned ? 'fan-out' : 'one per recipient'}`
        const variant = pipeline(machine, notifier, { ...manner, fanned, label })
        const { cpuUs } = await measure(variant, { machine, children, count: size })
        progress(
          `${round === 0 ? 'warm-up' : `round ${round} of ${rounds}`}: ${label}: ${cpuUs.toFixed(0)} µs CPU each`,
        )
        if (round > 0) costs.set(label, [...(costs.get(label) ?? []), cpuUs])
      }
  const cost = (name: string, way: string) => Math.round(median(costs.get(`${name}, ${way}`)!) * 10) / 10
  return Object.fromEntries(
    manners.map(({ name }) => [name, { single: cost(name, 'one per recipient'), fanout: cost(name, 'fan-out') }]),
  )
}

import { startChild } from './child.ts'
import { startMachine } from './machine.ts'
import { type Children, measure, type Measured } from './measure.ts'
import type { Shares } from './profile.ts'
import { seed } from './seed.ts'
import type { Part } from './setup.ts'
import { openVariants, type Variant, type VariantName, variantNames } from './variants.ts'

/** What each process of a variant spends its time on, by a round of its own. */
export type Profiles = { [P in Part]?: Shares }
export type Compared = Record<VariantName, { label: string; rounds: Measured[]; profiles: Profiles }>

/** A baseline that has not compiled its hot code yet would make us look good. */
const baselineWarmUp = 30_000
/** The baseline is so much slower that a smaller round takes as long. */
const baselineShare = 0.2

export async function compare(
  { rounds, size }: { rounds: number; size: number },
  progress: (line: string) => void,
): Promise<Compared> {
  progress('starting PostgreSQL, Redis, Pub/Sub and the simulators …')
  await using machine = await startMachine()
  await seed(machine)
  await using opened = new AsyncDisposableStack()
  const children: Children = new Map(
    await Promise.all(
      (['baseline-router', 'baseline-worker', 'router', 'worker', 'sink'] as const).map(
        async part => [part, opened.use(await startChild(part, machine.setupFor(part)))] as const,
      ),
    ),
  )
  await using variants = openVariants(machine)
  const compared = {} as Compared
  const run = async (variant: Variant, count: number, what: string) => {
    children.get('worker')!.order({ kind: 'transport', transport: variant.transport ?? 'official' })
    const measured = await measure(variant, { machine, children, count })
    const { cpuUs, perS } = measured
    progress(`${what}: ${variant.label}, ${count}: ${cpuUs.toFixed(0)} µs CPU each, ${perS.toFixed(0)}/s`)
    return measured
  }
  const countOf = (name: VariantName) => (name === 'baseline' ? Math.ceil(size * baselineShare) : size)
  for (const name of variantNames) {
    const variant = variants[name]
    await run(variant, name === 'baseline' ? baselineWarmUp : size, 'warm-up')
    compared[name] = { label: variant.label, rounds: [], profiles: {} }
  }
  for (let round = 1; round <= rounds; round++)
    for (const name of variantNames)
      compared[name].rounds.push(await run(variants[name], countOf(name), `round ${round} of ${rounds}`))
  for (const name of variantNames)
    compared[name].profiles = await profiled(children, variants[name].parts, () =>
      run(variants[name], countOf(name), 'profile'),
    )
  return compared
}

/** Samples the stacks of these parts meanwhile. */
async function profiled(children: Children, parts: readonly Part[], work: () => Promise<unknown>): Promise<Profiles> {
  const watched = parts.map(part => [part, children.get(part)!] as const)
  for (const [, child] of watched) child.order({ kind: 'profile' })
  await work()
  const profiles: Profiles = {}
  for (const [part, child] of watched) {
    const answer = child.next()
    child.order({ kind: 'profiled' })
    const reply = await answer
    if (reply.kind !== 'profile') throw new Error(`${part} said ${reply.kind} when asked for its profile`)
    profiles[part] = reply.shares
  }
  return profiles
}

import type { Compared } from './compare.ts'
import { median, type Measured } from './measure.ts'
import { type Work, works } from './profile.ts'
import type { VariantName } from './variants.ts'

export type Result = Record<VariantName, { cpu_us: number; per_s: number; ratio?: number }>

/** The medians, and how often a variant's CPU goes into the baseline's. */
export function resultOf(compared: Compared): Result {
  const baselineUs = cpuOf(compared.baseline.rounds)
  return Object.fromEntries(
    Object.entries(compared).map(([name, { rounds }]) => [
      name,
      {
        cpu_us: Math.round(cpuOf(rounds) * 10) / 10,
        per_s: Math.round(median(rounds.map(round => round.perS))),
        ...(name !== 'baseline' && { ratio: Math.round((baselineUs / cpuOf(rounds)) * 100) / 100 }),
      },
    ]),
  ) as Result
}

const cpuOf = (rounds: readonly Measured[]): number => median(rounds.map(round => round.cpuUs))

export function tableOf(compared: Compared): string {
  const result = resultOf(compared)
  const names = Object.keys(compared) as VariantName[]
  const row = (label: string, value: (name: VariantName) => string | number) => [
    label,
    ...names.map(name => String(value(name))),
  ]
  const us = (value: number | undefined) => (value === undefined || value < 0.05 ? '' : value.toFixed(1))
  const group = (of: 'counted' | 'apart' | 'backends') => {
    const labels = [...new Set(names.flatMap(name => compared[name].rounds.flatMap(round => Object.keys(round[of]))))]
    return labels
      .map(label => row(label, name => us(median(compared[name].rounds.map(round => round[of][label] ?? 0)))))
      .filter(cells => cells.slice(1).some(cell => cell !== ''))
  }
  const lines = [
    row('', name => compared[name].label),
    row('notifications/s', name => result[name].per_s),
    row('CPU-µs each', name => us(result[name].cpu_us)),
    row('times the baseline', name => result[name].ratio ?? 1),
    [],
    ['by process'],
    ...group('counted'),
    [],
    ['not counted'],
    ...group('apart'),
    [],
    ['PostgreSQL by who asked'],
    ...group('backends'),
    [],
    ['by what it is for'],
    ...works.map(work => row(work, name => us(costOf(compared[name], work)))),
  ]
  const widths = names.map((_, at) => Math.max(...lines.map(line => line[at + 1]?.length ?? 0)))
  return lines
    .map(([label = '', ...cells]) =>
      [label.padEnd(32), ...cells.map((cell, at) => cell.padStart(widths[at]! + 2))].join('').trimEnd(),
    )
    .join('\n')
}

/** Sampled shares of the processes' CPU, and of the servers what is asked for that work alone. */
function costOf({ rounds, profiles }: Compared[VariantName], work: Work): number {
  const spent = (of: 'counted' | 'backends', name: string) => median(rounds.map(round => round[of][name] ?? 0))
  const sampled = Object.entries(profiles).map(([part, shares]) => spent('counted', part) * (shares[work] ?? 0))
  const asked = Object.entries(servedFor).map(([name, served]) =>
    served === work ? spent(name === 'redis' ? 'counted' : 'backends', name) : 0,
  )
  return [...sampled, ...asked].reduce((sum, us) => sum + us, 0)
}

const servedFor: Readonly<Record<string, Work>> = {
  redis: 'queue',
  'postgres for router': 'ledger',
  'postgres for worker': 'record',
  'postgres for sink': 'events',
  'postgres for baseline-router': 'decide',
  'postgres for baseline-worker': 'events',
}

import { tells } from './chain.ts'
import type { Counted, Took } from './count.ts'
import { percent } from './dashboard/numbers.ts'
import { basesOf } from './dashboard/bases.ts'
import { leftOut, stageNames, stepNames } from './dashboard/words.ts'
import type { Dimension, Question } from './question.ts'
import { percentileOf, type Stage, stages } from './stages.ts'

/**
 * One funnel. `stages` count units that passed it and every stage before it that is told of. `bases`: what a rate of the stage is
 * of: the units that tell of it, of all (`first`) and of those that passed the stage before (`previous`). `rest` says where those
 * went that were not accepted: `intended = accepted + Σ rest`. Without `by` the group is absent; a group may be null (no
 * provider yet). `machineOpened`: opened by a machine and by nobody else, so in no stage.
 */
export type FunnelRow = {
  group?: string | null
  stages: Record<Stage, number>
  bases: Record<Stage, { first: number; previous: number }>
  machineOpened: number
  rest: Rest[]
  times?: Partial<Record<Stage, Times>>
}
/** `after`: the last stage that was passed. `what`: an outcome, or held, queued, retrying, too_late. `reason`: why it is held. */
export type Rest = { after: Stage; what: string; reason?: string; n: number }
/** From the stage before, in ms, each to within 1 %; of `accepted` only what was not at the first try. */
export type Times = { n: number; p50: number; p90: number; p99: number }

/** Counts as funnels, the largest first. Without a breakdown there is always one, be it empty. */
export function shapeFunnel(
  { counted, took }: { counted: readonly Counted[]; took: readonly Took[] },
  { by, times }: { by?: Dimension | undefined } & Pick<Question, 'times'>,
): FunnelRow[] {
  const groupOf = ({ groups }: { groups: (string | null)[] }) => groups.at(-1) ?? null
  const timed = (rows: readonly Took[]) => (times ? { times: timesOf(rows) } : {})
  if (by === undefined) return [{ ...rowOf(counted), ...timed(took) }]
  const tookBy = Map.groupBy(took, groupOf)
  return [...Map.groupBy(counted, groupOf)]
    .map(([group, ofGroup]) => ({ group, ...rowOf(ofGroup), ...timed(tookBy.get(group) ?? []) }))
    .sort((a, b) => b.stages.intended - a.stages.intended || (String(a.group) < String(b.group) ? -1 : 1))
}

const acceptedAt = stages.indexOf('accepted')

export function rowOf(counted: readonly Counted[]): Omit<FunnelRow, 'group' | 'times'> {
  const sum = (rows: readonly { n: number }[]) => rows.reduce((total, { n }) => total + n, 0)
  const telling = stages.map((_, at) => counted.filter(({ told }) => tells(told, at)))
  const reaching = (at: number, stage: number) => sum(telling[at]!.filter(({ reached }) => reached >= stage))
  const rest = [
    ...Map.groupBy(
      counted.filter(({ reached }) => reached < acceptedAt),
      restKey,
    ).values(),
  ]
    .map((alike): Rest => {
      const { reached, fate, reason } = alike[0]!
      const of = { after: stages[reached]!, what: fate, n: sum(alike) }
      return reason === null ? of : { ...of, reason }
    })
    .sort((a, b) => stages.indexOf(a.after) - stages.indexOf(b.after) || b.n - a.n || (a.what < b.what ? -1 : 1))
  return {
    stages: byStage(at => reaching(at, at)),
    bases: byStage(at => ({ first: reaching(at, 0), previous: reaching(at, Math.max(0, at - 1)) })),
    machineOpened: sum(counted.filter(({ machine }) => machine)),
    rest,
  }
}

const restKey = ({ reached, fate, reason }: Counted): string => `${reached} ${fate} ${reason}`

const byStage = <T>(of: (at: number) => T): Record<Stage, T> =>
  Object.fromEntries(stages.map((stage, at) => [stage, of(at)])) as Record<Stage, T>

function timesOf(took: readonly Took[]): Partial<Record<Stage, Times>> {
  return Object.fromEntries(
    [...Map.groupBy(took, ({ step }) => step)].map(([step, buckets]): [string, Times] => {
      const n = buckets.reduce((total, one) => total + one.n, 0)
      const share = (of: number) => percentileOf(buckets, of)!
      return [stages[step]!, { n, p50: share(0.5), p90: share(0.9), p99: share(0.99) }]
    }),
  )
}

const nameOf = (stage: Stage): string => stageNames[stage].toLowerCase()

/**
 * Funnels for a terminal of `width` columns, ending in a line break: a bar for each stage, and between them where the
 * rest went. In few columns percentages and bars are left out before numbers are. `colour`: with ANSI colours.
 */
export function printFunnel(rows: readonly FunnelRow[], { width, colour }: { width: number; colour: boolean }): string {
  if (rows.every(row => row.stages.intended === 0)) return 'no notifications\n'
  const layout = layoutOf(rows, Math.max(width, widthMin))
  const paint = colour
    ? (code: string, text: string) => `\x1b[${code}m${text}\x1b[0m`
    : (_: string, text: string) => text
  const heads = `${' '.repeat(layout.left + layout.bar)}${heading(layout)}`.trimEnd()
  return rows
    .map((row, at) => {
      const title = row.group === undefined ? [] : [paint('1', cut(row.group ?? '(none)', layout.width))]
      const head = heads === '' || at > 0 ? [] : [paint('2', heads)]
      const lines = linesOf(row).map(line => printLine(line, layout, paint))
      return [...title, ...head, ...lines, ...baseLines(row, layout, paint), ...tookLines(row, layout, paint), ''].join(
        '\n',
      )
    })
    .join('\n')
}

type Line = { label: string; n: number; ofAll: number; ofPrevious?: number; rest: boolean }
type Layout = { width: number; label: number; number: number; left: number; bar: number; percents: 0 | 1 | 2 }
type Paint = (code: string, text: string) => string

const widthMin = 24
const bars = { max: 50, min: 8 }
const percentWidth = 10

function linesOf(row: FunnelRow): Line[] {
  const { stages: counts, rest } = row
  return [...basesOf(row)].flatMap(([stage, { first, previous }], at) => {
    const n = counts[stage]
    const line: Line = { label: nameOf(stage), n, ofAll: n / first, rest: false }
    if (at > 0 && previous > 0) line.ofPrevious = n / previous
    const lost = rest
      .filter(({ after }) => after === stage)
      .map(({ what, reason, n }): Line => ({
        label: `  ${reason ? `${what}: ${reason}` : what}`,
        n,
        ofAll: n / counts.intended,
        rest: true,
      }))
    return [line, ...lost]
  })
}

/** What rates are of that are not of the numbers above: some tell nothing of a stage. */
function baseLines(row: FunnelRow, { width, number, percents }: Layout, paint: Paint): string[] {
  const others = [...basesOf(row)].filter(([, { ofOthers }]) => ofOthers.first || ofOthers.previous)
  if (others.length === 0 || percents === 0) return []
  const line = columnsOf({ width, labelMax: 34, columns: 2, least: number + 1 })
  return [
    '',
    paint('2', line('  rates of', ['all', 'prev.'])),
    ...others.map(([stage, { first, previous, ofOthers }]) => {
      const left = ofOthers.first && leftOut[stage]
      return line(`  ${nameOf(stage)}${left ? `, ${left}` : ''}`, [first, previous].map(thousands))
    }),
  ]
}

/** How long each step took, from the one before it. */
function tookLines({ times = {} }: FunnelRow, { width }: Layout, paint: Paint): string[] {
  const took = stages.flatMap(stage =>
    times[stage] === undefined ? [] : [[stepNames[stage].toLowerCase(), times[stage]] as const],
  )
  if (took.length === 0) return []
  const line = columnsOf({ width, labelMax: 22, columns: 3, least: 6 })
  return [
    '',
    paint('2', line('  took', ['median', 'p90', 'p99'])),
    ...took.map(([name, { p50, p90, p99 }]) => line(`  ${name}`, [p50, p90, p99].map(duration))),
  ]
}

/** Lines of a small table: a label, and numbers to its right. */
function columnsOf(of: { width: number; labelMax: number; columns: number; least: number }) {
  const { width, labelMax, columns, least } = of
  const column = Math.max(least, Math.min(10, Math.floor((width - 20) / columns)))
  const left = Math.min(labelMax, width - column * columns)
  return (name: string, cells: readonly string[]): string =>
    `${cut(name, left).padEnd(left)}${cells.map(cell => cell.padStart(column)).join('')}`.trimEnd()
}

/** Short, for people: 12ms, 3.4s, 5m, 2h, 1.5d. */
function duration(ms: number): string {
  if (ms < 1_000) return `${ms}ms`
  const [unit, size] = (
    [
      ['d', 86_400_000],
      ['h', 3_600_000],
      ['m', 60_000],
      ['s', 1_000],
    ] as const
  ).find(([, size]) => ms >= size)!
  const n = ms / size
  return `${n < 10 ? Number(n.toFixed(1)) : Math.round(n)}${unit}`
}

function layoutOf(rows: readonly FunnelRow[], width: number): Layout {
  const lines = rows.flatMap(linesOf)
  const number = Math.max(...lines.map(({ n }) => thousands(n).length))
  const label = Math.min(Math.max(...lines.map(line => line.label.length)), Math.max(10, Math.floor(width * 0.4)))
  const left = 2 + label + 2 + number
  const room = width - left
  const barFor = (percents: number) => Math.min(bars.max, room - 2 - percents * percentWidth)
  if (barFor(2) >= bars.min * 2) return { width, label, number, left, bar: 2 + barFor(2), percents: 2 }
  if (barFor(1) >= bars.min) return { width, label, number, left, bar: 2 + barFor(1), percents: 1 }
  if (room >= percentWidth) return { width, label, number, left, bar: 0, percents: 1 }
  return { width, label: Math.min(label, width - number - 4), number, left: width, bar: 0, percents: 0 }
}

const heading = ({ percents }: Layout): string =>
  ['of all', 'of prev.']
    .slice(0, percents)
    .map(head => head.padStart(percentWidth))
    .join('')

function printLine({ label, n, ofAll, ofPrevious, rest }: Line, layout: Layout, paint: Paint): string {
  const name = cut(label, layout.label).padEnd(layout.label)
  const text = `  ${rest ? paint('33', name) : name}  ${thousands(n).padStart(layout.number)}`
  const barWidth = layout.bar - 2
  const bar =
    barWidth > 0 ? `  ${paint(rest ? '33' : '36', rest ? shade(ofAll, barWidth) : solid(ofAll, barWidth))}` : ''
  const percents = [ofAll, ...(ofPrevious === undefined ? [] : [ofPrevious])].slice(0, layout.percents)
  return `${text}${bar}${percents.map(share => percent(share, 1).padStart(percentWidth)).join('')}`
}

const thousands = (n: number): string => n.toLocaleString('en-US')

const eighths = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉']
/** A bar to an eighth of a column; what is there is seen, however small. */
function solid(share: number, width: number): string {
  const parts = share > 0 ? Math.max(1, Math.round(share * width * 8)) : 0
  return `${'█'.repeat(Math.floor(parts / 8))}${eighths[parts % 8]}`.padEnd(width)
}
const shade = (share: number, width: number): string =>
  '░'.repeat(share > 0 ? Math.max(1, Math.round(share * width)) : 0).padEnd(width)

const segmenter = new Intl.Segmenter()
function cut(text: string, width: number): string {
  const characters = Array.from(segmenter.segment(text), ({ segment }) => segment)
  return characters.length <= width ? text : `${characters.slice(0, width - 1).join('')}…`
}

import type { Channel } from '#contracts/channel.ts'
import type { EpochMs } from '#contracts/ids.ts'

/** The stages that a notification (one intent, to one person, on one channel) passes, in order. README.md defines them. */
export const stages = ['intended', 'decided', 'attempted', 'accepted', 'seen', 'opened', 'acted'] as const
export type Stage = (typeof stages)[number]

/** What a funnel can be broken down by. */
export const dimensions = ['type', 'channel', 'category', 'provider', 'lane', 'outcome', 'arm'] as const
export type Dimension = (typeof dimensions)[number]

/** Which notifications: by what happened from `since` to before `until` (the intent's time), of a type, category, channel. */
export type FunnelQuery = {
  type?: string | undefined
  category?: string | undefined
  channel?: Channel | undefined
  since?: EpochMs | undefined
  until?: EpochMs | undefined
  by?: Dimension | undefined
  /** Counts engagement that was made up at a stated rate, too. */
  includeSimulated?: boolean | undefined
}

/**
 * One funnel. `stages` count notifications, each only where it passed all stages before. `rest` says where those went
 * that were not accepted: `intended = accepted + Σ rest`. Without `by` the group is absent; a group may be null (no
 * provider yet).
 */
export type FunnelRow = { group?: string | null; stages: Record<Stage, number>; rest: Rest[] }
/** `after`: the last stage that was passed. `what`: an outcome, or held, queued, retrying. `reason`: why it is held. */
export type Rest = { after: Stage; what: string; reason?: string; n: number }

/** Notifications of one group that came equally far and ended alike, as the store counts them. */
export type Counted = { grp: string | null; reached: number; fate: string; reason: string | null; n: number }

/** Counts as funnels, the largest first. Without a breakdown there is always one, be it empty. */
export function shapeFunnel(counted: readonly Counted[], by: Dimension | undefined): FunnelRow[] {
  if (by === undefined) return [rowOf(counted)]
  const groups = Map.groupBy(counted, ({ grp }) => grp)
  return [...groups]
    .map(([group, ofGroup]) => ({ group, ...rowOf(ofGroup) }))
    .sort((a, b) => b.stages.intended - a.stages.intended || (String(a.group) < String(b.group) ? -1 : 1))
}

const acceptedAt = stages.indexOf('accepted')

function rowOf(counted: readonly Counted[]): FunnelRow {
  const passed = stages.map((_, stage) => counted.reduce((sum, { reached, n }) => sum + (reached >= stage ? n : 0), 0))
  const rest = counted
    .filter(({ reached }) => reached < acceptedAt)
    .map(({ reached, fate, reason, n }): Rest => {
      const of = { after: stages[reached]!, what: fate, n }
      return reason === null ? of : { ...of, reason }
    })
    .sort((a, b) => stages.indexOf(a.after) - stages.indexOf(b.after) || b.n - a.n || (a.what < b.what ? -1 : 1))
  return { stages: Object.fromEntries(stages.map((stage, at) => [stage, passed[at]!])) as FunnelRow['stages'], rest }
}

/** How the stages are called for people. */
const stageNames: Record<Stage, string> = {
  intended: 'intended',
  decided: 'decided to send',
  attempted: 'attempted',
  accepted: 'accepted',
  seen: 'seen',
  opened: 'opened',
  acted: 'acted',
}

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
      return [...title, ...head, ...linesOf(row).map(line => printLine(line, layout, paint)), ''].join('\n')
    })
    .join('\n')
}

type Line = { label: string; n: number; ofAll: number; ofPrevious?: number; rest: boolean }
type Layout = { width: number; label: number; number: number; left: number; bar: number; percents: 0 | 1 | 2 }
type Paint = (code: string, text: string) => string

const widthMin = 24
const bars = { max: 50, min: 8 }
const percentWidth = 10

function linesOf({ stages: counts, rest }: FunnelRow): Line[] {
  const all = counts.intended
  // Where nobody reports what people looked at, three empty stages would look like a fault.
  const known = counts.seen > 0 ? stages : stages.slice(0, acceptedAt + 1)
  return known.flatMap((stage, at) => {
    const n = counts[stage]
    const previous = at > 0 ? counts[stages[at - 1]!] : undefined
    const line: Line = { label: stageNames[stage], n, ofAll: n / all, rest: false }
    if (previous) line.ofPrevious = n / previous
    const lost = rest
      .filter(({ after }) => after === stage)
      .map(({ what, reason, n }): Line => ({
        label: `  ${reason ? `${what}: ${reason}` : what}`,
        n,
        ofAll: n / all,
        rest: true,
      }))
    return [line, ...lost]
  })
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
  return `${text}${bar}${percents.map(share => percent(share).padStart(percentWidth)).join('')}`
}

const thousands = (n: number): string => n.toLocaleString('en-US')

function percent(share: number): string {
  if (share > 0 && share < 0.001) return '<0.1 %'
  if (share < 1 && share > 0.999) return '>99.9 %'
  return `${(share * 100).toFixed(1)} %`
}

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

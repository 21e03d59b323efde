import { scaleLinear } from 'd3-scale'
import { line, stack } from 'd3-shape'
import { html, nothing, svg, type TemplateResult } from 'lit-html'
import type { Behind, OutcomesAnswer, SeriesAnswer } from '../answers.ts'
import type { Stage } from '../stages.ts'
import { nameView } from './name-view.ts'
import { type Cell, count, type Numbers } from './numbers.ts'
import { type Bar, layersMax, part, plotOf } from './plot.ts'
import { type BarOf, barLink } from './bar-link.ts'
import type { Span, State } from './state.ts'
import { timeAxisOf } from './time-axis.ts'
import { knownZone, rfc3339Of } from './when.ts'
import { emptyText, fateOf, gapsText, groupOf, hiddenText, stageNames } from './words.ts'

/** A line or a layer of a chart: a number for each period (null: of too few to be told), and what its bars stand for; several together lead nowhere. */
type Layer = { name: string; n: readonly (number | null)[]; bar?: BarOf }
type Asked = { id: string; title: string; layers: readonly Layer[]; answer: Answer; state: State }
type Answer = { edges: readonly string[]; hidden: number; behind: Behind }
type Chart = {
  layers: readonly Layer[]
  edges: readonly string[]
  /** What each period that is begun is called; as many as `ended` are over. */
  names: readonly string[]
  ended: number
  state: State
}

const lineStages: readonly Stage[] = ['intended', 'accepted', 'delivered', 'seen', 'opened', 'acted']

export function seriesView(answer: SeriesAnswer, state: State): TemplateResult {
  const { series } = answer
  const [only] = series
  const grouped = only?.group !== undefined
  const layers = grouped
    ? fewest(
        series.map(({ group, stages }) => ({
          ...{ name: groupOf(group), n: stages.intended },
          bar: { stage: 'intended', group },
        })),
      )
    : lineStages
        .map(stage => ({ name: stageNames[stage], n: only?.stages[stage] ?? [], bar: { stage } }))
        .filter(({ n }) => sum(n) > 0)
  return chartOf({ id: 'series', layers, answer, state, title: 'Notifications over time' }, linesOf)
}

export const outcomesView = (answer: OutcomesAnswer, state: State): TemplateResult =>
  chartOf(
    {
      layers: fewest(answer.outcomes.map(({ n, ...fate }) => ({ name: fateOf(fate), n, bar: { ...fate } }))),
      ...{ id: 'outcomes', answer, state, title: 'Outcomes over time' },
    },
    stacksOf,
  )

/** The largest, and the others as one: of which nothing is told where one of them is not. */
function fewest(layers: readonly Layer[]): Layer[] {
  if (layers.length <= layersMax) return [...layers]
  const others = layers.slice(layersMax - 1)
  const n = others[0]!.n.map((_, at) => {
    const own = others.map(one => one.n[at] ?? null)
    return own.includes(null) ? null : sum(own)
  })
  return [...layers.slice(0, layersMax - 1), { name: `${others.length} others`, n }]
}

type Drawn = { bars: Bar[]; under?: TemplateResult; top: number; lines: boolean }

function chartOf({ id, title, layers, answer, state }: Asked, draw: (chart: Chart) => Drawn): TemplateResult {
  const { edges, hidden } = answer
  if (layers.every(({ n }) => sum(n) === 0))
    return html`<p class="empty">${emptyText(hidden, 'Nothing in this time.')}</p>`
  const { names, ticks } = timeAxisOf(edges, state.zone)
  const { begun, ended } = progressOf(answer)
  const told = names.slice(0, begun).map((name, at) => (at < ended ? name : `${name}, so far`))
  const { top, lines, ...drawn } = draw({ layers, edges, names: told, ended, state })
  const sums = layers.map(({ name, n }) => `${name} ${count(sum(n))}`).join(', ')
  const scale = scaleLinear()
    .domain([0, top])
    .ticks(4)
    // Nobody is told half a notification.
    .filter(Number.isInteger)
    .map(n => ({ at: n / top, n }))
  const span = { since: edges[0]!, until: edges.at(-1)! }
  const gaps = edges.filter((_, at) => layers.some(({ n }) => n[at] === null)).length
  return html`<figure class="time">
    ${plotOf({ id, label: `${title}: ${sums}`, scale, ticks, ...drawn })}
    <ul class="legend">
      ${layers.map((layer, at) => {
        const href = layer.bar && barLink(state, span, layer.bar)
        const name =
          href === undefined ? nameView(layer.name) : html`<a href=${href} title="Examples">${nameView(layer.name)}</a>`
        const swatch = lines
          ? svg`<line class="line-${at}" x1="0" x2="22" y1="7" y2="7"/>`
          : svg`<rect fill="url(#layer-${at})" width="14" height="14" rx="3"/>`
        return html`<li>
          <svg class=${lines ? 'stroke' : ''} aria-hidden="true">${swatch}</svg>
          <span>${name}</span> <b>${count(sum(layer.n))}</b>
        </li>`
      })}
    </ul>
    ${hidden > 0 ? html`<p class="soft">${hiddenText(hidden)}</p>` : nothing}
    ${gaps > 0 ? html`<p class="soft">${gapsText(gaps)}</p>` : nothing}
  </figure>`
}

/** How many periods are begun, and over, by the server's clock: of those to come there is nothing to tell. */
function progressOf({ edges, behind: { newestEvent, ageMs } }: Answer): { begun: number; ended: number } {
  const now = newestEvent === null || ageMs === null ? Infinity : Date.parse(newestEvent) + ageMs
  const past = (some: readonly string[]) => some.filter(edge => Date.parse(edge) <= now).length
  return { begun: past(edges.slice(0, -1)), ended: past(edges.slice(1)) }
}

/** Lines differ by their dashes, too. A column over each period tells its numbers, and leads to examples. */
function linesOf({ layers, edges, names, ended, state }: Chart): Drawn {
  const periods = edges.length - 1
  const top = topOf(Math.max(...layers.flatMap(({ n }) => n.map(one => one ?? 0))))
  // One period alone is a level.
  const alone = names.length === 1
  const xOf = (at: number) => (1000 * (at + (alone ? 0 : 0.5))) / periods
  const yOf = (n: number) => 200 - (200 * n) / top
  const pathOf = (n: Layer['n'], from: number) =>
    line<number | null>()
      .defined(one => one !== null)
      .x((_, at) => xOf(from + at))
      .y(one => yOf(one!))(n)
  // What is told between what is not is no line.
  const dotsOf = (n: Layer['n']) =>
    n.map((one, at) => (one === null || n[at - 1] != null || n[at + 1] != null ? '' : `M${xOf(at)},${yOf(one)}h0`))
  const paths = layers.map(({ n }, at) => {
    const done = alone ? [n[0]!, n[0]!] : n.slice(0, ended)
    const running = alone ? [] : n.slice(Math.max(0, ended - 1), names.length)
    return svg`<path class="line-${at}" d=${pathOf(done, 0) ?? ''}/>
      <path class="running line-${at}" d=${pathOf(running, Math.max(0, ended - 1)) ?? ''}/>
      <path class="dot line-${at}" d=${alone ? '' : dotsOf(n.slice(0, names.length)).join('')}/>`
  })
  const under = svg`<svg viewBox="0 0 1000 200" preserveAspectRatio="none" width="100%" height="100%">${paths}</svg>`
  const asked = layers.length === 1 ? layers[0]!.bar! : { stage: 'intended' }
  const bars = names.map((when, period): Bar => {
    const told = layers.map(({ name, n }) => `${name} ${toldOf(n[period]!)}`).join(', ')
    return {
      ...{ x: period, y: 0, href: barLink(state, spanOf(edges, period), asked) },
      label: `${when}: ${told}`,
      mark: svg`<rect class="hover" x=${part(period / periods)} width=${part(1 / periods)} y="0" height="100%"/>`,
    }
  })
  return { bars, under, top, lines: true }
}

function stacksOf({ layers, edges, names, state }: Chart): Drawn {
  const periods = edges.length - 1
  const rows = Array.from({ length: periods }, (_, at) => layers.map(({ n }) => n[at] ?? 0))
  const stacked = stack<number[], number>()
    .keys(layers.map((_, at) => at))
    .value((row, key) => row[key]!)(rows)
  const top = topOf(Math.max(...rows.map(sum)))
  const bars = stacked.flatMap((series, at) =>
    series.slice(0, names.length).flatMap(([low, high], period): Bar[] => {
      if (high === low) return []
      const { bar, name } = layers[at]!
      return [
        {
          ...{ x: period, y: at, href: bar && barLink(state, spanOf(edges, period), bar) },
          label: `${names[period]}: ${name} ${count(high - low)}`,
          mark: svg`<rect fill="url(#layer-${at})" x=${part((period + 0.08) / periods)} width=${part(0.84 / periods)}
            y=${part(1 - high / top)} height=${part((high - low) / top)}/>`,
        },
      ]
    }),
  )
  return { bars, top, lines: false }
}

const spanOf = (edges: readonly string[], period: number): Span => ({
  ...{ since: edges[period]!, until: edges[period + 1]! },
})

/** A round number that nothing is above. */
const topOf = (most: number): number =>
  scaleLinear()
    .domain([0, Math.max(1, most)])
    .nice(4)
    .domain()[1]!

export const seriesNumbers = (answer: SeriesAnswer, state: State): Numbers => {
  const stages = Object.keys(stageNames) as Stage[]
  return {
    head: [fromHead(state), 'Group', ...stages.map(stage => stageNames[stage])],
    rows: fromsOf(answer, state).flatMap((from, at) =>
      answer.series.map(one => [from, groupOf(one.group), ...stages.map(stage => one.stages[stage][at]!)]),
    ),
  }
}

export const outcomesNumbers = (answer: OutcomesAnswer, state: State): Numbers => ({
  head: [fromHead(state), ...answer.outcomes.map(fateOf)],
  rows: fromsOf(answer, state).map((from, at) => [from, ...answer.outcomes.map(({ n }) => n[at]!)]),
})

const fromHead = ({ zone = 'UTC' }: State): string => `From (${knownZone(zone)})`

/** When each period begins: as on the axis, and in a file as programs read it. */
function fromsOf(answer: Answer, { zone }: State): Cell[] {
  const { names } = timeAxisOf(answer.edges, zone)
  const kept = rfc3339Of(zone)
  return names.slice(0, progressOf(answer).begun).map((told, at) => ({ kept: kept(answer.edges[at]!), told }))
}

const toldOf = (n: number | null): string => (n === null ? 'too few' : count(n))
const sum = (all: readonly (number | null)[]): number => all.reduce<number>((total, n) => total + (n ?? 0), 0)

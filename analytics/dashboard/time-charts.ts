import { scaleLinear } from 'd3-scale'
import { line, stack } from 'd3-shape'
import { html, nothing, svg, type TemplateResult } from 'lit-html'
import type { OutcomesAnswer, SeriesAnswer } from '../answers.ts'
import type { Stage } from '../stages.ts'
import { count, type Numbers } from './numbers.ts'
import { type Bar, layersMax, part, plotOf, type Tick } from './plot.ts'
import { type BarOf, barLink } from './bar-link.ts'
import type { Span, State } from './state.ts'
import { emptyText, fateOf, gapsText, groupOf, hiddenText, stageNames } from './words.ts'

/** A line or a layer of a chart: a number for each period (null: of too few to be told), and what its bars stand for; several together lead nowhere. */
type Layer = { name: string; n: readonly (number | null)[]; bar?: BarOf }
type Chart = {
  id: string
  layers: readonly Layer[]
  edges: readonly string[]
  hidden: number
  state: State
  title: string
}

const lineStages: readonly Stage[] = ['intended', 'accepted', 'delivered', 'seen', 'opened', 'acted']

export function seriesView(answer: SeriesAnswer, state: State): TemplateResult {
  const { series, edges, hidden } = answer
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
  return chartOf({ id: 'series', layers, edges, hidden, state, title: 'Notifications over time' }, linesOf)
}

export const outcomesView = ({ outcomes, edges, hidden }: OutcomesAnswer, state: State): TemplateResult =>
  chartOf(
    {
      layers: fewest(outcomes.map(({ n, ...fate }) => ({ name: fateOf(fate), n, bar: { ...fate } }))),
      ...{ id: 'outcomes', edges, hidden, state, title: 'Outcomes over time' },
    },
    stacksOf,
  )

/** The largest, and the others as one. */
function fewest(layers: readonly Layer[]): Layer[] {
  if (layers.length <= layersMax) return [...layers]
  const others = layers.slice(layersMax - 1)
  const n = others[0]!.n.map((_, at) => {
    const own = others.map(one => one.n[at]!)
    return own.every(one => one === null) ? null : sum(own)
  })
  return [...layers.slice(0, layersMax - 1), { name: `${others.length} others`, n }]
}

type Drawn = { bars: Bar[]; under?: TemplateResult; top: number; lines: boolean }

function chartOf(chart: Chart, draw: (chart: Chart) => Drawn): TemplateResult {
  const { id, layers, edges, hidden, state, title } = chart
  if (layers.every(({ n }) => sum(n) === 0))
    return html`<p class="empty">${emptyText(hidden, 'Nothing in this time.')}</p>`
  const { top, lines, ...drawn } = draw(chart)
  const told = layers.map(({ name, n }) => `${name} ${count(sum(n))}`).join(', ')
  const scale = scaleLinear()
    .domain([0, top])
    .ticks(4)
    .map(n => ({ at: n / top, n }))
  const span = { since: edges[0]!, until: edges.at(-1)! }
  const gaps = edges.filter((_, at) => layers.some(({ n }) => n[at] === null)).length
  return html`<figure class="time">
    ${plotOf({ id, label: `${title}: ${told}`, scale: scale.toReversed(), ticks: ticksOf(chart), ...drawn })}
    <ul class="legend">
      ${layers.map((layer, at) => {
        const href = layer.bar && barLink(state, span, layer.bar)
        const name = href === undefined ? layer.name : html`<a href=${href} title="Examples">${layer.name}</a>`
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

const tickCount = 5

/** In the middle of what they are of. */
function ticksOf({ edges, state }: Chart): Tick[] {
  const periods = edges.length - 1
  const shown = Math.min(tickCount, periods)
  const places = Array.from({ length: shown }, (_, at) => Math.round((at * (periods - 1)) / Math.max(1, shown - 1)))
  return [...new Set(places)].map(at => ({ at: (at + 0.5) / periods, text: whenOf(edges[at]!, edges, state.zone) }))
}

/** Lines differ by their dashes, too. A column over each period tells its numbers, and leads to examples. */
function linesOf({ layers, edges, state }: Chart): Drawn {
  const periods = edges.length - 1
  const top = topOf(Math.max(...layers.flatMap(({ n }) => n.map(one => one ?? 0))))
  const path = line<number | null>()
    .defined(n => n !== null)
    .x((_, at) => (1000 * (at + 0.5)) / periods)
    .y(n => 200 - (200 * n!) / top)
  // One period alone is a level.
  const points = (n: Layer['n']) => (periods === 1 ? [n[0]!, n[0]!, n[0]!] : [...n])
  const x0 = periods === 1 ? 'translate(-500 0)' : ''
  const paths = layers.map(({ n }, at) => svg`<path class="line-${at}" transform=${x0} d=${path(points(n)) ?? ''}/>`)
  const under = svg`<svg viewBox="0 0 1000 200" preserveAspectRatio="none" width="100%" height="100%">${paths}</svg>`
  const asked = layers.length === 1 ? layers[0]!.bar! : { stage: 'intended' }
  const bars = edges.slice(0, -1).map((_, period): Bar => {
    const told = layers.map(({ name, n }) => `${name} ${toldOf(n[period]!)}`).join(', ')
    return {
      ...{ x: period, y: 0, href: barLink(state, spanOf(edges, period), asked) },
      label: `${whenOf(edges[period]!, edges, state.zone)}: ${told}`,
      mark: svg`<rect class="hover" x=${part(period / periods)} width=${part(1 / periods)} y="0" height="100%"/>`,
    }
  })
  return { bars, under, top, lines: true }
}

function stacksOf({ layers, edges, state }: Chart): Drawn {
  const periods = edges.length - 1
  const rows = Array.from({ length: periods }, (_, at) => layers.map(({ n }) => n[at] ?? 0))
  const stacked = stack<number[], number>()
    .keys(layers.map((_, at) => at))
    .value((row, key) => row[key]!)(rows)
  const top = topOf(Math.max(...rows.map(sum)))
  const bars = stacked.flatMap((series, at) =>
    series.flatMap(([low, high], period): Bar[] => {
      if (high === low) return []
      const { bar, name } = layers[at]!
      return [
        {
          ...{ x: period, y: at, href: bar && barLink(state, spanOf(edges, period), bar) },
          label: `${whenOf(edges[period]!, edges, state.zone)}: ${name} ${count(high - low)}`,
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

const hourMs = 3_600_000

/** The beginning of a period, in a zone: with the hour where periods are hours. */
function whenOf(edge: string, edges: readonly string[], zone = 'UTC'): string {
  const byHour = Date.parse(edges[1]!) - Date.parse(edges[0]!) <= hourMs
  return new Intl.DateTimeFormat('en-GB', {
    ...{ timeZone: zone, day: 'numeric', month: 'short' },
    ...(byHour && { hour: '2-digit', minute: '2-digit' }),
  }).format(new Date(edge))
}

export const seriesNumbers = ({ series, edges }: SeriesAnswer): Numbers => {
  const stages = Object.keys(stageNames) as Stage[]
  return {
    head: ['From', 'Group', ...stages.map(stage => stageNames[stage])],
    rows: edges
      .slice(0, -1)
      .flatMap((edge, at) =>
        series.map(one => [edge, groupOf(one.group), ...stages.map(stage => one.stages[stage][at]!)]),
      ),
  }
}

export const outcomesNumbers = ({ outcomes, edges }: OutcomesAnswer): Numbers => ({
  head: ['From', ...outcomes.map(fateOf)],
  rows: edges.slice(0, -1).map((edge, at) => [edge, ...outcomes.map(({ n }) => n[at]!)]),
})

const toldOf = (n: number | null): string => (n === null ? 'too few' : count(n))
const sum = (all: readonly (number | null)[]): number => all.reduce<number>((total, n) => total + (n ?? 0), 0)

import { scaleLinear } from 'd3-scale'
import { line, stack } from 'd3-shape'
import { html, svg, type TemplateResult } from 'lit-html'
import type { OutcomesAnswer, SeriesAnswer } from '../answers.ts'
import type { Stage } from '../stages.ts'
import { count, type Numbers } from './numbers.ts'
import { layersMax, part, plotOf } from './plot.ts'
import { examplesOf, type Span, type State } from './state.ts'
import { fateOf, groupOf, stageNames } from './words.ts'

/** A line or a layer of a chart: a number for each period, and what its bars stand for; none leads where nothing is told of. */
type Layer = { name: string; n: readonly number[]; bar?: Readonly<Record<string, string | undefined>> }
type Chart = { layers: readonly Layer[]; edges: readonly string[]; state: State; title: string }

const lineStages: readonly Stage[] = ['intended', 'accepted', 'delivered', 'seen', 'opened', 'acted']

export function seriesView(answer: SeriesAnswer, state: State): TemplateResult {
  const { series, edges } = answer
  const [only] = series
  const grouped = only?.group !== undefined
  const layers = grouped
    ? fewest(
        series.map(({ group, stages }) => ({
          ...{ name: groupOf(group), n: stages.intended },
          bar: { stage: 'intended', ...(state.by && group && { [state.by]: group }) },
        })),
      )
    : lineStages
        .map(stage => ({ name: stageNames[stage], n: only?.stages[stage] ?? [], bar: { stage } }))
        .filter(({ n }) => sum(n) > 0)
  return chartOf({ layers, edges, state, title: 'Notifications over time' }, linesOf)
}

export const outcomesView = ({ outcomes, edges }: OutcomesAnswer, state: State): TemplateResult =>
  chartOf(
    {
      layers: fewest(outcomes.map(({ n, ...fate }) => ({ name: fateOf(fate), n, bar: { ...fate } }))),
      ...{ edges, state, title: 'Outcomes over time' },
    },
    stacksOf,
  )

/** The largest, and the others as one. */
function fewest(layers: readonly Layer[]): Layer[] {
  if (layers.length <= layersMax) return [...layers]
  const others = layers.slice(layersMax - 1)
  const n = others[0]!.n.map((_, at) => sum(others.map(one => one.n[at]!)))
  return [...layers.slice(0, layersMax - 1), { name: `${others.length} others`, n }]
}

type Drawn = { marks: TemplateResult; top: number; lines: boolean }

function chartOf(chart: Chart, draw: (chart: Chart) => Drawn): TemplateResult {
  const { layers, edges, state, title } = chart
  if (layers.every(({ n }) => sum(n) === 0)) return html`<p class="empty">Nothing in this time.</p>`
  const { marks, top, lines } = draw(chart)
  const told = layers.map(({ name, n }) => `${name} ${count(sum(n))}`).join(', ')
  const scale = scaleLinear()
    .domain([0, top])
    .ticks(4)
    .map(n => ({ at: n / top, n }))
  const span = { since: edges[0]!, until: edges.at(-1)! }
  return html`<figure class="time">
    ${plotOf({ label: `${title}: ${told}`, scale: scale.toReversed(), ticks: ticksOf(chart), marks })}
    <ul class="legend">
      ${layers.map((layer, at) => {
        const name = layer.bar
          ? html`<a href=${examplesOf(state, span, layer.bar)} title="Examples">${layer.name}</a>`
          : layer.name
        const swatch = lines
          ? svg`<line class="line-${at}" x1="0" x2="22" y1="7" y2="7"/>`
          : svg`<rect fill="url(#layer-${at})" width="14" height="14" rx="3"/>`
        return html`<li>
          <svg class=${lines ? 'stroke' : ''} aria-hidden="true">${swatch}</svg>
          <span>${name}</span> <b>${count(sum(layer.n))}</b>
        </li>`
      })}
    </ul>
  </figure>`
}

const tickCount = 5

function ticksOf({ edges, state }: Chart): { at: number; text: string }[] {
  const periods = edges.length - 1
  const shown = Math.min(tickCount, periods)
  const places = Array.from({ length: shown }, (_, at) => Math.round((at * (periods - 1)) / Math.max(1, shown - 1)))
  return [...new Set(places)].map(at => ({ at: at / periods, text: whenOf(edges[at]!, edges, state.zone) }))
}

/** Lines differ by their dashes, too. A column over each period tells its numbers, and leads to examples. */
function linesOf({ layers, edges, state }: Chart): Drawn {
  const periods = edges.length - 1
  const top = topOf(Math.max(...layers.flatMap(({ n }) => n)))
  const path = line<number>()
    .x((_, at) => (1000 * (at + 0.5)) / periods)
    .y(n => 200 - (200 * n) / top)
  // One period alone is a level.
  const points = (n: readonly number[]) => (periods === 1 ? [n[0]!, n[0]!, n[0]!] : [...n])
  const x0 = periods === 1 ? 'translate(-500 0)' : ''
  const paths = layers.map(({ n }, at) => svg`<path class="line-${at}" transform=${x0} d=${path(points(n)) ?? ''}/>`)
  const columns = edges.slice(0, -1).map((_, period) => {
    const told = layers.map(({ name, n }) => `${name} ${count(n[period]!)}`).join(', ')
    const bar = { stage: 'intended', ...(layers.length === 1 ? layers[0]!.bar : {}) }
    return linkOf({
      ...{ href: examplesOf(state, spanOf(edges, period), bar), x: period, y: 0, first: period === 0 },
      label: `${whenOf(edges[period]!, edges, state.zone)}: ${told}`,
      mark: svg`<rect class="hover" x=${part(period / periods)} width=${part(1 / periods)} y="0" height="100%"/>`,
    })
  })
  const marks = svg`<svg viewBox="0 0 1000 200" preserveAspectRatio="none" width="100%" height="100%">${paths}</svg>${columns}`
  return { marks, top, lines: true }
}

function stacksOf({ layers, edges, state }: Chart): Drawn {
  const periods = edges.length - 1
  const rows = Array.from({ length: periods }, (_, at) => layers.map(({ n }) => n[at]!))
  const stacked = stack<number[], number>()
    .keys(layers.map((_, at) => at))
    .value((row, key) => row[key]!)(rows)
  const top = topOf(Math.max(...rows.map(sum)))
  let first = true
  const bars = stacked.flatMap((series, at) =>
    series.flatMap(([low, high], period) => {
      if (high === low) return []
      const { bar, name } = layers[at]!
      const mark = svg`<rect fill="url(#layer-${at})" x=${part((period + 0.08) / periods)} width=${part(0.84 / periods)}
        y=${part(1 - high / top)} height=${part((high - low) / top)}/>`
      const label = `${whenOf(edges[period]!, edges, state.zone)}: ${name} ${count(high - low)}`
      if (!bar) return [svg`<g>${mark}<title>${label}</title></g>`]
      const link = linkOf({
        ...{ href: examplesOf(state, spanOf(edges, period), bar), x: period, y: at },
        ...{ first, label, mark },
      })
      first = false
      return [link]
    }),
  )
  return { marks: svg`${bars}`, top, lines: false }
}

type Link = { href: string; x: number; y: number; first: boolean; label: string; mark: TemplateResult }

const linkOf = ({ href, x, y, first, label, mark }: Link): TemplateResult =>
  svg`<a href=${href} data-x=${x} data-y=${y} tabindex=${first ? '0' : '-1'} aria-label="${label}. Examples">${mark}<title>${label}</title></a>`

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

const sum = (all: readonly number[]): number => all.reduce((total, n) => total + n, 0)

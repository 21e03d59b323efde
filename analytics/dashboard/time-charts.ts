import { html, svg, type TemplateResult } from 'lit-html'
import type { OutcomesAnswer, SeriesAnswer } from '../answers.ts'
import { count, type Numbers, short } from './numbers.ts'
import type { Stage } from '../stages.ts'
import { fateOf, groupOf, stageNames } from './words.ts'

/** A line or a layer of a chart: a number for each period. */
type Layer = { name: string; n: readonly number[] }
type Chart = { layers: readonly Layer[]; edges: readonly string[]; zone: string; title: string }

const lineStages: readonly Stage[] = ['intended', 'accepted', 'delivered', 'seen', 'opened', 'acted']
/** As many as colours can be told apart; the last is for all others. */
const layersMax = 8

export function seriesView(answer: SeriesAnswer, zone: string): TemplateResult {
  const { series, edges } = answer
  const [only] = series
  const grouped = only?.group !== undefined
  const layers = grouped
    ? fewest(series.map(one => ({ name: groupOf(one.group), n: one.stages.intended })))
    : lineStages.map(stage => ({ name: stageNames[stage], n: only?.stages[stage] ?? [] })).filter(({ n }) => sum(n) > 0)
  return chartOf({ layers, edges, zone, title: 'Notifications over time' }, linesOf)
}

export const outcomesView = ({ outcomes, edges }: OutcomesAnswer, zone: string): TemplateResult =>
  chartOf(
    {
      layers: fewest(outcomes.map(({ n, ...fate }) => ({ name: fateOf(fate), n }))),
      ...{ edges, zone, title: 'Outcomes over time' },
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

type Drawn = { marks: TemplateResult[]; top: number }

function chartOf(chart: Chart, draw: (chart: Chart) => Drawn): TemplateResult {
  const { layers, edges, zone, title } = chart
  if (layers.every(({ n }) => sum(n) === 0)) return html`<p class="empty">Nothing in this time.</p>`
  const { marks, top } = draw(chart)
  const told = layers.map(({ name, n }) => `${name} ${count(sum(n))}`).join(', ')
  const middle = Math.floor((edges.length - 1) / 2)
  return html`<figure class="time">
    <div class="plot">
      <div class="scale" aria-hidden="true"><span>${short(top)}</span><span>${short(top / 2)}</span><span>0</span></div>
      <svg viewBox="0 0 1000 200" preserveAspectRatio="none" role="img" aria-label="${title}: ${told}">
        ${[0.5, 100, 199.5].map(y => svg`<line class="grid" x1="0" x2="1000" y1=${y} y2=${y}/>`)}${marks}
      </svg>
      <div class="ticks" aria-hidden="true">
        ${[0, middle, edges.length - 2].filter((at, n, all) => all.indexOf(at) === n).map(at => html`<span>${whenOf(edges[at]!, edges, zone)}</span>`)}
      </div>
    </div>
    <ul class="legend">
      ${layers.map(
        ({ name, n }, at) =>
          html`<li>
            <svg aria-hidden="true" viewBox="0 0 14 14">
              ${svg`<rect class="fill-${at}" width="14" height="14" rx="3"/>`}
            </svg>
            <span>${name}</span> <b>${count(sum(n))}</b>
          </li>`,
      )}
    </ul>
  </figure>`
}

/** Lines differ by their dashes, too. */
function linesOf({ layers, edges, zone }: Chart): Drawn {
  const top = niceTop(Math.max(...layers.flatMap(({ n }) => n)))
  const periods = edges.length - 1
  const x = (at: number) => (1000 * (at + 0.5)) / periods
  const y = (n: number) => 199 - (198 * n) / top
  const lines = layers.map(({ n }, at) => {
    const points = n.map((value, period) => `${x(period).toFixed(1)},${y(value).toFixed(1)}`)
    return periods === 1
      ? svg`<line class="line-${at}" x1="100" x2="900" y1=${y(n[0]!)} y2=${y(n[0]!)}/>`
      : svg`<polyline class="line-${at}" points=${points.join(' ')}/>`
  })
  return { marks: [...lines, ...hoversOf({ layers, edges, zone })], top }
}

function stacksOf({ layers, edges, zone }: Chart): Drawn {
  const periods = edges.length - 1
  const totals = Array.from({ length: periods }, (_, at) => sum(layers.map(({ n }) => n[at]!)))
  const top = niceTop(Math.max(...totals))
  const wide = 1000 / periods
  const marks = totals.flatMap((_, period) => {
    let below = 0
    return layers.map(({ n }, at) => {
      const high = (199 * n[period]!) / top
      below += high
      return svg`<rect class="fill-${at}" x=${period * wide + wide * 0.08} width=${wide * 0.84} y=${199.5 - below} height=${high}/>`
    })
  })
  return { marks: [...marks, ...hoversOf({ layers, edges, zone })], top }
}

/** Over each period, what a mouse that rests there is told. */
const hoversOf = ({ layers, edges, zone }: Pick<Chart, 'layers' | 'edges' | 'zone'>): TemplateResult[] =>
  edges.slice(0, -1).map((edge, at) => {
    const wide = 1000 / (edges.length - 1)
    const told = layers.filter(({ n }) => n[at]! > 0).map(({ name, n }) => `${name}: ${count(n[at]!)}`)
    return svg`<rect class="hover" x=${at * wide} width=${wide} y="0" height="200"><title>${[whenOf(edge, edges, zone), ...told].join('\n')}</title></rect>`
  })

/** A round number that nothing is above. */
function niceTop(most: number): number {
  const size = 10 ** Math.floor(Math.log10(Math.max(most, 1)))
  return [1, 2, 4, 5, 10].map(n => n * size).find(n => n >= most)!
}

const hourMs = 3_600_000

/** The beginning of a period, in a zone: with the hour where periods are hours. */
function whenOf(edge: string, edges: readonly string[], zone: string): string {
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

import { html, svg, type TemplateResult } from 'lit-html'
import { short } from './numbers.ts'
import { type Place, reachedIn, tabindexOf, walk } from './roving.ts'

/** As many as colours and patterns can be told apart; the last is for all others. */
export const layersMax = 8

type Plot = {
  /** Of the chart in its page. */
  id: string
  label: string
  /** Of the value axis: at a part of the height, from the bottom. */
  scale: readonly { at: number; n: number }[]
  ticks: readonly Tick[]
  /** Drawn under the bars. */
  under?: TemplateResult
  bars: readonly Bar[]
}

/** Under a chart: what stands there, at a part of the width. */
export type Tick = { at: number; text: string }

/** What tells a number at a place of its own, and leads to examples where they can be asked for. */
export type Bar = Place & { label: string; href?: string | undefined; mark: TemplateResult }

/** The frame of a chart over time: scale, grid and times around bars that are placed by parts of a hundred. */
export function plotOf({ id, label, scale, ticks, under, bars }: Plot): TemplateResult {
  const reached = reachedIn(id, bars)
  return html`<div class="plot">
    <svg class="scale" aria-hidden="true">
      ${scale.map(({ at, n }) => svg`<text x="100%" y=${part(1 - at)} text-anchor="end">${short(n)}</text>`)}
    </svg>
    <svg role="group" aria-label=${label} @keydown=${(event: KeyboardEvent) => walk(event, id)}>
      ${scale.map(({ at }) => svg`<line class="grid" x1="0" x2="100%" y1=${part(1 - at)} y2=${part(1 - at)}/>`)}
      ${under}${bars.map(bar => barOf(bar, bar === reached))}
    </svg>
    ${axisOf(ticks)}
  </div>`
}

/** A share as svg takes it. */
export const part = (share: number): string => `${(100 * share).toFixed(3)}%`

/** Texts at their places; at the ends they stand beside them, to be in the picture. */
export const axisOf = (ticks: readonly Tick[]): TemplateResult =>
  html`<svg class="axis" aria-hidden="true">
    ${ticks.map(
      ({ at, text }) =>
        svg`<text x=${part(at)} y="50%" text-anchor=${at === 0 ? 'start' : at === 1 ? 'end' : 'middle'}>${text}</text>`,
    )}
  </svg>`

function barOf({ x, y, label, href, mark }: Bar, reached: boolean): TemplateResult {
  const tabindex = tabindexOf(reached)
  const inside = svg`${mark}<title>${label}</title>`
  return href === undefined
    ? svg`<g role="img" data-x=${x} data-y=${y} tabindex=${tabindex} aria-label=${label}>${inside}</g>`
    : svg`<a href=${href} data-x=${x} data-y=${y} tabindex=${tabindex} aria-label="${label}. Examples">${inside}</a>`
}

/** Fills that differ by pattern as well as by colour: `fill="url(#layer-3)"`. Once in a page. */
export const patterns = (): TemplateResult =>
  html`<svg class="patterns" aria-hidden="true" width="0" height="0">
    <defs>
      ${strokes.map(
        (d, at) =>
          svg`<pattern id="layer-${at}" width="8" height="8" patternUnits="userSpaceOnUse">
            <rect class="fill-${at}" width="8" height="8"/><path class="hatch" d=${d}/></pattern>`,
      )}
      ${svg`<pattern id="lost" width="6" height="6" patternUnits="userSpaceOnUse"><rect class="lost" width="6" height="6"/><path class="hatch" d="M-1 1l2-2M0 6l6-6M5 7l2-2"/></pattern>
        <pattern id="waits" width="6" height="6" patternUnits="userSpaceOnUse"><rect class="waits" width="6" height="6"/><path class="hatch" d="M1 3h1M4 0h1M4 6h1"/></pattern>`}
    </defs>
  </svg>`

const strokes = [
  ...['', 'M-2 2l4-4M0 8l8-8M6 10l4-4', 'M2 2h1M6 6h1', 'M0 4h8', 'M-2 6l4 4M0 0l8 8M6-2l4 4'],
  ...['M0 4h8M4 0v8', 'M4 0v8', 'M4 4h1'],
]

import { html, svg, type TemplateResult } from 'lit-html'
import { short } from './numbers.ts'

/** As many as colours and patterns can be told apart; the last is for all others. */
export const layersMax = 8

type Plot = {
  label: string
  /** Of the value axis, from the bottom; a part of the height. */
  scale: readonly { at: number; n: number }[]
  /** Under the chart; a part of the width. */
  ticks: readonly { at: number; text: string }[]
  marks: TemplateResult | readonly TemplateResult[]
}

/** The frame of a chart over time: scale, grid and times around marks that are placed by parts of a hundred. */
export const plotOf = ({ label, scale, ticks, marks }: Plot): TemplateResult =>
  html`<div class="plot">
    <div class="scale" aria-hidden="true">${scale.map(({ n }) => html`<span>${short(n)}</span>`)}</div>
    <svg role="group" aria-label=${label} @keydown=${walk}>
      ${scale.map(({ at }) => svg`<line class="grid" x1="0" x2="100%" y1=${part(1 - at)} y2=${part(1 - at)}/>`)}${marks}
    </svg>
    <div class="ticks" aria-hidden="true">${ticks.map(({ text }) => html`<span>${text}</span>`)}</div>
  </div>`

/** A share as svg takes it. */
export const part = (share: number): string => `${(100 * share).toFixed(3)}%`

/** Of many bars one is reached by Tab, the others from it by arrows, as in a grid; Enter follows the link of the one. */
function walk(event: KeyboardEvent): void {
  const step = steps[event.key]
  const from = (event.target as Element).closest<SVGElement>('[data-x]')
  if (!step || !from) return
  event.preventDefault()
  const place = (of: SVGElement) => [Number(of.dataset['x']), Number(of.dataset['y'])] as const
  const [x, y] = place(from)
  const all = [...(event.currentTarget as Element).querySelectorAll<SVGElement>('[data-x]')]
  const [dx, dy] = step
  const ahead = all.filter(one => {
    const [ox, oy] = place(one)
    return dx === 0 ? ox === x && Math.sign(oy - y) === dy : Math.sign(ox - x) === dx
  })
  const far = (one: SVGElement) => {
    const [ox, oy] = place(one)
    return Math.abs(ox - x) * 1_000 + Math.abs(oy - y)
  }
  const [next] = ahead.toSorted((a, b) => far(a) - far(b))
  if (!next) return
  for (const one of all) one.setAttribute('tabindex', one === next ? '0' : '-1')
  next.focus()
}

const steps: Record<string, readonly [number, number]> = {
  ...{ ArrowLeft: [-1, 0], ArrowRight: [1, 0] },
  ...{ ArrowUp: [0, 1], ArrowDown: [0, -1] },
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

import { scaleLinear } from 'd3-scale'
import { html, nothing, svg, type TemplateResult } from 'lit-html'
import type { FunnelAnswer } from '../answers.ts'
import { nameView } from './name-view.ts'
import { change, changeCell, count, type Numbers } from './numbers.ts'
import { part } from './plot.ts'
import { examplesOf, type State } from './state.ts'
import { emptyText, groupOf } from './words.ts'

const typesMax = 12

/** How many of each type were intended, above how many in the time of the same length before. */
export function volumeView(answer: FunnelAnswer, state: State): TemplateResult {
  const { types, hidden } = typesOf(answer)
  if (types.length === 0)
    return html`<p class="empty">${emptyText(hidden, 'No notifications in this time, nor in the one before.')}</p>`
  const scale = scaleLinear()
    .domain([0, Math.max(...types.flatMap(({ now, before }) => [now ?? 0, before ?? 0]))])
    .range([0, 1])
  const bar = (n: number, kind: string) =>
    svg`<rect class=${kind} width=${part(n > 0 ? Math.max(0.004, scale(n)) : 0)} y=${kind === 'stage' ? 0 : '60%'} height=${kind === 'stage' ? '56%' : '40%'} rx="2"/>`
  return html`<div class="rows volume">
      <ul aria-label="Volume by type">
        ${types.slice(0, typesMax).map(({ type, now, before }) => {
          const row = html`<span class="label">${nameView(groupOf(type))}</span>
            <svg class="pair" aria-hidden="true">${bar(now ?? 0, 'stage')}${bar(before ?? 0, 'before')}</svg>
            <span class="number">${shown(now)}</span>
            <span class="number soft"><span class="unseen">before</span> ${shown(before)}</span>
            <span class="number">${changed(now, before)}</span>`
          const href = examplesOf(state, answer, { ...(type && { type }), stage: 'intended' })
          // Of nothing there are no examples.
          return now === 0
            ? html`<li><div class="row">${row}</div></li>`
            : html`<li><a class="row" href=${href} title="Examples">${row}</a></li>`
        })}
      </ul>
      <div class="row foot soft" aria-hidden="true">
        <span class="label"></span>
        <span class="keys"
          ><svg class="key">${svg`<rect class="stage" width="14" height="14" rx="3"/>`}</svg> now
          <svg class="key">${svg`<rect class="before" width="14" height="14" rx="3"/>`}</svg> before</span
        >
        <span class="number">now</span> <span class="number">before</span> <span class="number">change</span>
      </div>
    </div>
    ${types.length > typesMax ? html`<p class="soft">${count(types.length - typesMax)} more are in the numbers.</p>` : nothing}
    ${hidden > 0 ? html`<p class="soft">A dash is none, or too few to be told.</p>` : nothing}`
}

/** A type that is missing on a side where some are hidden may be one of them: that is not nothing. */
function typesOf({ funnels, hidden, previous }: FunnelAnswer) {
  const sides = [
    { told: new Map(funnels.map(row => [row.group ?? null, row.stages.intended])), hidden },
    {
      told: new Map((previous?.funnels ?? []).map(row => [row.group ?? null, row.stages.intended])),
      hidden: previous?.hidden ?? 0,
    },
  ] as const
  const [now, before] = sides.map(side => (type: string | null) => side.told.get(type) ?? (side.hidden > 0 ? null : 0))
  const types = [...new Set(sides.flatMap(({ told }) => [...told.keys()]))]
    .map(type => ({ type, now: now!(type), before: before!(type) }))
    .filter(one => one.now !== 0 || one.before !== 0)
    .sort((a, b) => (b.now ?? 0) - (a.now ?? 0) || (b.before ?? 0) - (a.before ?? 0))
  return { types, hidden: sides[0].hidden + sides[1].hidden }
}

const shown = (n: number | null): string => (n === null ? '–' : count(n))
const changed = (now: number | null, before: number | null): string =>
  now === null || before === null ? '–' : change(now, before)

export const volumeNumbers = (answer: FunnelAnswer): Numbers => ({
  head: ['Type', 'Now', 'Before', 'Change'],
  rows: typesOf(answer).types.map(({ type, now, before }) => [
    ...[groupOf(type), now, before, now === null || before === null ? null : changeCell(now, before)],
  ]),
})

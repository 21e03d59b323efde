import { scaleLinear } from 'd3-scale'
import { html, nothing, svg, type TemplateResult } from 'lit-html'
import type { FunnelAnswer } from '../answers.ts'
import { change, count, type Numbers } from './numbers.ts'
import { part } from './plot.ts'
import { examplesOf, type State } from './state.ts'
import { groupOf } from './words.ts'

const typesMax = 12

/** How many of each type were intended, above how many in the time of the same length before. */
export function volumeView(answer: FunnelAnswer, state: State): TemplateResult {
  const types = typesOf(answer)
  if (types.length === 0) return html`<p class="empty">No notifications in this time, nor in the one before.</p>`
  const scale = scaleLinear()
    .domain([0, Math.max(...types.flatMap(({ now, before }) => [now, before]))])
    .range([0, 1])
  const bar = (n: number, kind: string) =>
    svg`<rect class=${kind} width=${part(n > 0 ? Math.max(0.004, scale(n)) : 0)} y=${kind === 'stage' ? 0 : '60%'} height=${kind === 'stage' ? '56%' : '40%'} rx="2"/>`
  return html`<div class="rows volume">
      <ul aria-label="Volume by type">
        ${types.slice(0, typesMax).map(
          ({ type, now, before }) =>
            html`<li>
              <a
                class="row"
                href=${examplesOf(state, answer, { ...(type && { type }), stage: 'intended' })}
                title="Examples"
              >
                <span class="label">${groupOf(type)}</span>
                <svg class="pair" aria-hidden="true">${bar(now, 'stage')}${bar(before, 'before')}</svg>
                <span class="number">${count(now)}</span>
                <span class="number soft"><span class="unseen">before</span> ${count(before)}</span>
                <span class="number">${change(now, before)}</span>
              </a>
            </li>`,
        )}
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
    ${types.length > typesMax ? html`<p class="soft">${count(types.length - typesMax)} more are in the numbers.</p>` : nothing}`
}

function typesOf({ funnels, previous }: FunnelAnswer) {
  const now = new Map(funnels.map(row => [row.group ?? null, row.stages.intended]))
  const before = new Map((previous?.funnels ?? []).map(row => [row.group ?? null, row.stages.intended]))
  return [...new Set([...now.keys(), ...before.keys()])]
    .map(type => ({ type, now: now.get(type) ?? 0, before: before.get(type) ?? 0 }))
    .filter(one => one.now + one.before > 0)
    .sort((a, b) => b.now - a.now || b.before - a.before)
}

export const volumeNumbers = (answer: FunnelAnswer): Numbers => ({
  head: ['Type', 'Now', 'Before', 'Change'],
  rows: typesOf(answer).map(({ type, now, before }) => [groupOf(type), now, before, change(now, before)]),
})

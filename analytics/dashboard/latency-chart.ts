import { scaleLog } from 'd3-scale'
import { html, svg, type TemplateResult } from 'lit-html'
import type { FunnelAnswer } from '../answers.ts'
import type { Stage } from '../stages.ts'
import { duration, type Numbers } from './numbers.ts'
import { axisOf, part } from './plot.ts'
import { examplesOf, type State } from './state.ts'
import { stageNames, stepNames } from './words.ts'

const stages = Object.keys(stageNames) as Stage[]

/** Times that people count in, each about ten times the one before; below every other one stands what it is. */
const lines = [1, 10, 100, 1_000, 10_000, 60_000, 600_000, 3_600_000, 86_400_000, 864_000_000]

/** How long each step took from the one before: a line from the median to the 99th percentile. */
export function latencyView(answer: FunnelAnswer, state: State): TemplateResult {
  const steps = stepsOf(answer)
  if (steps.length === 0) return html`<p class="empty">Nothing took a step in this time.</p>`
  const most = Math.max(...steps.map(({ times }) => times.p99), 10)
  const drawn = lines.slice(0, lines.findIndex(ms => ms >= most) + 1)
  const scale = scaleLog()
    .domain([1, drawn.at(-1)!])
    .range([0, 1])
  const at = (ms: number) => part(scale(Math.max(1, ms)))
  return html`<div class="rows latency">
    <ul aria-label="Latency">
      ${steps.map(step => {
        const row = rowOf(step, { drawn, at })
        // Examples are of all that was accepted.
        return step.stage === 'accepted'
          ? html`<li><div class="row">${row}</div></li>`
          : html`<li>
              <a class="row" href=${examplesOf(state, answer, { stage: step.stage })} title="Examples">${row}</a>
            </li>`
      })}
    </ul>
    <div class="row foot soft" aria-hidden="true">
      <span class="label">From the step before</span>
      ${axisOf(drawn.filter((_, n) => n % 2 === 0).map(ms => ({ at: scale(ms), text: duration(ms) })))}
      <span class="number">● median</span> <span class="number">▮ 90 %</span> <span class="number">○ 99 %</span>
    </div>
  </div>`
}

type Step = ReturnType<typeof stepsOf>[number]
type Scale = { drawn: readonly number[]; at: (ms: number) => string }

const rowOf = ({ stage, times: { p50, p90, p99 } }: Step, { drawn, at }: Scale): TemplateResult =>
  html`<span class="label">${stepNames[stage]}</span>
    <svg class="range" aria-hidden="true">
      ${drawn.map(ms => svg`<line class="grid" x1=${at(ms)} x2=${at(ms)} y1="0" y2="100%"/>`)}
      ${svg`<line class="reach" x1=${at(p50)} x2=${at(p99)} y1="50%" y2="50%"/>
        <circle class="median" cx=${at(p50)} cy="50%" r="6"/>
        <rect class="most" x=${at(p90)} y="50%" width="3" height="14" transform="translate(-1.5 -7)"/>
        <circle class="last" cx=${at(p99)} cy="50%" r="5"/>`}
    </svg>
    <span class="number"><span class="unseen">median</span> ${duration(p50)}</span>
    <span class="number"><span class="unseen">90 %</span> ${duration(p90)}</span>
    <span class="number"><span class="unseen">99 %</span> ${duration(p99)}</span>`

const stepsOf = ({ funnels }: FunnelAnswer) =>
  stages.flatMap(stage => {
    const times = funnels[0]?.times?.[stage]
    return times === undefined || times.n === 0 ? [] : [{ stage, times }]
  })

export const latencyNumbers = (answer: FunnelAnswer): Numbers => ({
  head: ['Step', 'Number', 'Median, ms', '90 %, ms', '99 %, ms'],
  rows: stepsOf(answer).map(({ stage, times: { n, p50, p90, p99 } }) => [stepNames[stage], n, p50, p90, p99]),
})

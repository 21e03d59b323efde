import { html, nothing, svg, type TemplateResult } from 'lit-html'
import type { FunnelAnswer } from '../answers.ts'
import type { FunnelRow, Rest } from '../funnel.ts'
import type { Stage } from '../stages.ts'
import { nameView } from './name-view.ts'
import { count, type Numbers, percent, shareCell } from './numbers.ts'
import { barLink, type BarOf } from './bar-link.ts'
import type { State } from './state.ts'
import { emptyText, fateOf, groupOf, hiddenText, stageNames } from './words.ts'

const stages = Object.keys(stageNames) as Stage[]
const groupsMax = 12

/** A funnel for each group: a bar for each stage, and under it one for each way by which the rest went. */
export function funnelView(answer: FunnelAnswer, state: State): TemplateResult {
  const { funnels, hidden, unknown } = answer
  const shown = funnels.filter(row => row.stages.intended > 0)
  const none = unknown
    ? `Nothing that is stored has this ${unknown.join(', nor this ')}: is it mistyped?`
    : 'No notifications in this time.'
  if (shown.length === 0) return html`<p class="empty">${emptyText(hidden, none)}</p>`
  return html`
    <div class="bar-row head soft" aria-hidden="true">
      <span class="label"></span> <span class="bar-link"></span> <span class="number">number</span>
      <span class="share">of first</span> <span class="share">of before</span>
    </div>
    ${shown.slice(0, groupsMax).map(row => oneFunnel(row, { answer, state }))}
    ${
      shown.length > groupsMax
        ? html`<p class="soft">${count(shown.length - groupsMax)} more are in the numbers.</p>`
        : nothing
    }
    ${hidden > 0 ? html`<p class="soft">${hiddenText(hidden)}</p>` : nothing}
  `
}

type Of = { answer: FunnelAnswer; state: State }

function oneFunnel(row: FunnelRow, { answer, state }: Of): TemplateResult {
  const { by } = state
  const hrefOf: HrefOf = bar => barLink(state, answer, { group: row.group, ...bar })
  // A stage that nobody tells of here is no empty one.
  const told = stages.filter(stage => row.bases[stage].first > 0)
  return html`${by === undefined ? nothing : html`<h3>${nameView(groupOf(row.group))}</h3>`}
    <ol class="funnel" aria-label="Funnel${by === undefined ? '' : ` of ${groupOf(row.group)}`}">
      ${told.map((stage, at) => stageRow(row, { stage, next: told[at + 1], hrefOf }))}
    </ol>`
}

type HrefOf = (bar: BarOf) => string | undefined
type Place = { stage: Stage; next: Stage | undefined; hrefOf: HrefOf }

function stageRow(row: FunnelRow, { stage, next, hrefOf }: Place): TemplateResult {
  const n = row.stages[stage]
  const { first, previous } = row.bases[stage]
  const width = (part: number) => (100 * part) / row.stages.intended
  let from = next === undefined ? 0 : Math.min(row.stages[next], n)
  const branches = row.rest
    .filter(({ after }) => after === stage)
    .map(rest => {
      const branch = branchRow(rest, { x: width(from), width: width(rest.n), whole: row.stages.intended, hrefOf })
      from += rest.n
      return branch
    })
  return html`<li>
    <div class="bar-row">
      <span class="label">${stageNames[stage]}</span>
      ${bar({ x: 0, width: width(n), kind: 'stage', href: hrefOf({ stage }), label: `${stageNames[stage]}: ${count(n)}` })}
      <span class="number">${count(n)}</span>
      <span class="share" title="Of the first stage">${percent(n, first)}</span>
      <span class="share soft" title="Of the stage before">${stage === 'intended' ? '' : percent(n, previous)}</span>
    </div>
    ${
      branches.length > 0
        ? html`<ul aria-label="Where the rest went">
            ${branches}
          </ul>`
        : nothing
    }
  </li>`
}

type Branch = { x: number; width: number; whole: number; hrefOf: HrefOf }

const branchRow = (rest: Rest, { x, width, whole, hrefOf }: Branch): TemplateResult =>
  html`<li class="bar-row branch">
    <span class="label">${fateOf(rest)}</span>
    ${bar({
      ...{ x, width, kind: waits.has(rest.what) ? 'waits' : 'lost' },
      ...{ href: hrefOf({ what: rest.what, reason: rest.reason }), label: `${fateOf(rest)}: ${count(rest.n)}` },
    })}
    <span class="number">${count(rest.n)}</span>
    <span class="share">${percent(rest.n, whole)}</span>
    <span class="share"></span>
  </li>`

/** Not at an end. */
const waits = new Set(['held', 'queued', 'retrying'])

type Bar = { x: number; width: number; kind: 'stage' | 'lost' | 'waits'; href: string | undefined; label: string }

function bar({ x, width, kind, href, label }: Bar): TemplateResult {
  const drawn = html`<svg class="bar" aria-hidden="true">
    ${svg`<rect class="track" width="100%" height="100%" rx="3"/>
      <rect class=${kind === 'stage' ? 'stage' : ''} fill=${kind === 'stage' ? '' : `url(#${kind})`} x="${Math.min(x, 99.6)}%" width="${Math.max(width, width > 0 ? 0.4 : 0)}%" height="100%" rx="3"/>`}
  </svg>`
  return href === undefined
    ? html`<span class="bar-link" role="img" aria-label=${label}>${drawn}</span>`
    : html`<a class="bar-link" href=${href} aria-label="${label}. Examples" title="Examples">${drawn}</a>`
}

/** The same as a table: stages, then branches. */
export function funnelNumbers({ funnels }: FunnelAnswer): Numbers {
  const rows = funnels.flatMap(row => {
    const group = groupOf(row.group)
    return [
      ...stages.map(stage => {
        const { first, previous } = row.bases[stage]
        const n = row.stages[stage]
        return [group, stageNames[stage], n, shareCell(n, first), shareCell(n, previous)]
      }),
      ...row.rest.map(rest => [
        ...[group, `after ${stageNames[rest.after].toLowerCase()}: ${fateOf(rest)}`, rest.n],
        ...[shareCell(rest.n, row.stages.intended), shareCell(rest.n, row.stages[rest.after])],
      ]),
      [group, 'opened by a machine only', row.machineOpened, '', ''],
    ]
  })
  return { head: ['Group', 'What', 'Number', 'Of the first', 'Of the stage before'], rows }
}

import { html, nothing, svg, type TemplateResult } from 'lit-html'
import type { FunnelAnswer } from '../answers.ts'
import type { FunnelRow, Rest } from '../funnel.ts'
import type { Stage } from '../stages.ts'
import { nameView } from './name-view.ts'
import { type Base, basesOf } from './bases.ts'
import { count, type Numbers, percent, shareCell, short } from './numbers.ts'
import { barLink, type BarOf } from './bar-link.ts'
import { type Place, reachedIn, tabindexOf, walk } from './roving.ts'
import type { State } from './state.ts'
import { emptyText, fateOf, groupOf, hiddenText, leftOut, stageNames } from './words.ts'

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
  const name = `Funnel${by === undefined ? '' : ` of ${groupOf(row.group)}`}`
  const hrefOf: HrefOf = of => barLink(state, answer, { group: row.group, ...of })
  const bases = basesOf(row)
  const told = [...bases.keys()]
  // As the bars stand one under another: of all of them Tab reaches one.
  const places = told.flatMap(stage => [stage, ...restAfter(row, stage)]).map((of, n) => ({ of, x: 0, y: -n }))
  const reached = reachedIn(name, places)
  const keysOf: KeysOf = of => {
    const place = places.find(one => one.of === of)!
    return { ...place, tabindex: tabindexOf(place === reached) }
  }
  const rows = told.map((stage, at) =>
    stageRow(row, { stage, base: bases.get(stage)!, next: told[at + 1], hrefOf, keysOf }),
  )
  return html`${by === undefined ? nothing : html`<h3>${nameView(groupOf(row.group))}</h3>`}
    <ol class="funnel" aria-label=${name} @keydown=${(event: KeyboardEvent) => walk(event, name)}>
      ${rows}
    </ol>`
}

const restAfter = ({ rest }: FunnelRow, stage: Stage): Rest[] => rest.filter(({ after }) => after === stage)

type HrefOf = (bar: BarOf) => string | undefined
type Keys = Place & { tabindex: string }
type KeysOf = (of: Stage | Rest) => Keys
type Row = { stage: Stage; base: Base; next: Stage | undefined; hrefOf: HrefOf; keysOf: KeysOf }

function stageRow(row: FunnelRow, { stage, base, next, hrefOf, keysOf }: Row): TemplateResult {
  const n = row.stages[stage]
  const { first, previous, ofOthers } = base
  const whole = row.stages.intended
  const width = (part: number) => (100 * part) / whole
  let from = next === undefined ? 0 : Math.min(row.stages[next], n)
  const branches = restAfter(row, stage).map(rest => {
    const branch = branchRow(rest, { x: width(from), width: width(rest.n), whole, hrefOf, keysOf })
    from += rest.n
    return branch
  })
  const left = ofOthers.first && leftOut[stage]
  const ofWhat = (of: 'first' | 'previous') =>
    ofOthers[of] ? html`<span class="soft of">of ${short(base[of])}</span>` : nothing
  return html`<li>
    <div class="bar-row">
      <span class="label">${stageNames[stage]}${left ? html`<span class="soft of">${left}</span>` : nothing}</span>
      ${bar({
        ...{ x: 0, width: width(n), kind: 'stage', keys: keysOf(stage) },
        ...{ href: hrefOf({ stage }), label: `${stageNames[stage]}: ${count(n)}` },
      })}
      <span class="number">${count(n)}</span>
      <span class="share" title="Of ${count(first)}, as many as tell of it"
        >${percent(n, first)}${ofWhat('first')}</span
      >
      ${
        stage === 'intended'
          ? html`<span class="share"></span>`
          : html`<span
              class="share soft"
              title="Of ${count(previous)} that passed the stage before, as many as tell of it"
              >${percent(n, previous)}${ofWhat('previous')}</span
            >`
      }
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

type Branch = { x: number; width: number; whole: number; hrefOf: HrefOf; keysOf: KeysOf }

const branchRow = (rest: Rest, { x, width, whole, hrefOf, keysOf }: Branch): TemplateResult =>
  html`<li class="bar-row branch">
    <span class="label">${fateOf(rest)}</span>
    ${bar({
      ...{ x, width, kind: waits.has(rest.what) ? 'waits' : 'lost', keys: keysOf(rest) },
      ...{ href: hrefOf({ what: rest.what, reason: rest.reason }), label: `${fateOf(rest)}: ${count(rest.n)}` },
    })}
    <span class="number">${count(rest.n)}</span>
    <span class="share">${percent(rest.n, whole)}</span>
    <span class="share"></span>
  </li>`

/** Not at an end. */
const waits = new Set(['held', 'queued', 'retrying'])

type Bar = {
  x: number
  width: number
  kind: 'stage' | 'lost' | 'waits'
  keys: Keys
  href: string | undefined
  label: string
}

function bar({ x, width, kind, keys, href, label }: Bar): TemplateResult {
  const drawn = html`<svg class="bar" aria-hidden="true">
    ${svg`<rect class="track" width="100%" height="100%" rx="3"/>
      <rect class=${kind === 'stage' ? 'stage' : ''} fill=${kind === 'stage' ? '' : `url(#${kind})`} x="${Math.min(x, 99.6)}%" width="${Math.max(width, width > 0 ? 0.4 : 0)}%" height="100%" rx="3"/>`}
  </svg>`
  return href === undefined
    ? html`<span class="bar-link" role="img" aria-label=${label}>${drawn}</span>`
    : html`<a
        class="bar-link"
        href=${href}
        data-x=${keys.x}
        data-y=${keys.y}
        tabindex=${keys.tabindex}
        aria-label="${label}. Examples"
        title="Examples"
        >${drawn}</a
      >`
}

/** The same as a table: stages, then branches. */
export function funnelNumbers({ funnels }: FunnelAnswer): Numbers {
  const rows = funnels.flatMap(row => {
    const group = groupOf(row.group)
    return [
      ...stages.map(stage => {
        const { first, previous } = row.bases[stage]
        const n = row.stages[stage]
        return [group, stageNames[stage], n, shareCell(n, first), shareCell(n, previous), first, previous]
      }),
      ...row.rest.map(rest => {
        const [first, previous] = [row.stages.intended, row.stages[rest.after]]
        const what = `after ${stageNames[rest.after].toLowerCase()}: ${fateOf(rest)}`
        return [group, what, rest.n, shareCell(rest.n, first), shareCell(rest.n, previous), first, previous]
      }),
      [group, 'opened by a machine only', row.machineOpened, '', '', '', ''],
    ]
  })
  const shares = ['Of the first', 'Of the stage before', 'First that tell of it', 'Before that tell of it']
  return { head: ['Group', 'What', 'Number', ...shares], rows }
}

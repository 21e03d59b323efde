import { scaleLinear } from 'd3-scale'
import { html, nothing, svg, type TemplateResult } from 'lit-html'
import type { LiftGroup } from '../lift-store.ts'
import { nameView } from './name-view.ts'
import { count, type Numbers, percent, points, pointsCell, shareCell } from './numbers.ts'
import { part } from './plot.ts'
import { examplesOf, type Span, type State } from './state.ts'
import { scrollTable } from './table.ts'
import { emptyText, hiddenText } from './words.ts'

export type LiftAnswer = Span & { hidden: number; groups: LiftGroup[] }

/** Whether it changed what people do: the rate of each group with its interval, the difference, and beside it what it cost. */
export function liftView(answer: LiftAnswer, state: State): TemplateResult {
  const { groups, hidden } = answer
  if (groups.length === 0) return html`<p class="empty">${emptyText(hidden, whyNone(state))}</p>`
  const high = Math.max(...groups.map(({ interval }) => interval.high), 0.01)
  const scale = scaleLinear().domain([0, high]).nice(4).range([0, 1])
  const at = (share: number) => part(scale(share))
  const ticks = scale.ticks(4)
  const head = ['Group', '95 % interval of the rate', 'Rate', 'Lift', 'People', 'Unsubscribed', 'Dead', 'Spam', 'SMS']
  const rows = groups.map(group => {
    const { rate, interval, people, costs, base, lift } = group
    return html`<tr>
      <th scope="row">
        <a href=${hrefOf(group, answer, state)} title="Examples">${nameView(nameOf(group))}</a>
      </th>
      <td>
        <svg
          class="range"
          role="img"
          aria-label="${percent(rate, 1)}, between ${percent(interval.low, 1)} and ${percent(interval.high, 1)}"
        >
          ${ticks.map(tick => svg`<line class="grid" x1=${at(tick)} x2=${at(tick)} y1="0" y2="100%"/>`)}
          ${svg`<line class="reach" x1=${at(interval.low)} x2=${at(interval.high)} y1="50%" y2="50%"/>
                  <circle class=${base ? 'last' : 'median'} cx=${at(rate)} cy="50%" r="6"/>`}
        </svg>
      </td>
      <td class="number">${percent(rate, 1)}</td>
      <td class="number">
        ${
          lift
            ? html`<b>${points(lift.difference)}</b><br /><span class="soft"
                  >${points(lift.interval.low)} to ${points(lift.interval.high)}</span
                >`
            : html`<span class="soft">${base && groups.length > 1 ? 'compared with' : '–'}</span>`
        }
      </td>
      <td class="number">${count(people)}</td>
      ${[costs.unsubscribed, costs.addressDead, costs.complained, costs.smsSent].map(n => html`<td class="number">${count(n)}</td>`)}
    </tr>`
  })
  const foot = html`<tfoot aria-hidden="true">
    <tr>
      <td></td>
      <td>
        <span class="powers"
          >${[ticks[0]!, ticks.at(-1)!].map(tick => html`<span>${Number((100 * tick).toFixed(1))} %</span>`)}</span
        >
      </td>
      <td colspan="7"></td>
    </tr>
  </tfoot>`
  return html`${scrollTable({ label: 'Lift and costs', head, rows, foot, numbersFrom: 2, kind: 'lift' })}
  ${hidden > 0 ? html`<p class="soft">${hiddenText(hidden)}</p>` : nothing}`
}

function whyNone({ against }: State): string {
  return against === 'arm'
    ? 'Nobody of this type was in an arm of an experiment in this time.'
    : 'Nobody of this type was told or held out in this time.'
}

const nameOf = ({ channel, group }: LiftGroup): string => (channel === undefined ? group : `${group} · ${channel}`)

/** Examples of what is compared: narrowed as lift is, not as the other charts are. */
function hrefOf(of: LiftGroup, span: Span, state: State): string {
  const { type, tenant, channel, with_simulated } = state
  return examplesOf({ type, tenant, channel: of.channel ?? channel, with_simulated }, span, barOf(of, state))
}

function barOf({ group }: LiftGroup, { against }: State): Record<string, string> {
  if (against === 'arm') return { arm: group, stage: 'decided' }
  return group === 'holdout' ? { what: 'holdout' } : { stage: 'decided' }
}

export const liftNumbers = ({ groups }: LiftAnswer): Numbers => ({
  head: [
    ...['Group', 'People', 'Converted', 'Rate', 'Low', 'High', 'Difference', 'Difference low', 'Difference high'],
    ...['Unsubscribed', 'Addresses dead', 'Complained', 'Texts sent'],
  ],
  rows: groups.map(one => [
    ...[nameOf(one), one.people, one.converted, shareCell(one.rate, 1)],
    ...[shareCell(one.interval.low, 1), shareCell(one.interval.high, 1)],
    ...[one.lift?.difference, one.lift?.interval.low, one.lift?.interval.high].map(share =>
      share === undefined ? null : pointsCell(share),
    ),
    ...[one.costs.unsubscribed, one.costs.addressDead, one.costs.complained, one.costs.smsSent],
  ]),
})

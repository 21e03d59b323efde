import { html, type TemplateResult } from 'lit-html'
import type { TailAnswer } from '../tail-store.ts'
import { codeLink, meaningOf } from './meaning-link.ts'
import type { Numbers } from './numbers.ts'
import type { State } from './state.ts'
import { scrollTable } from './table.ts'
import { clockOf, knownZone, rfc3339Of } from './when.ts'

/** What happened last, as it comes. */
export function tailView({ lines, hidden }: TailAnswer, { zone = 'UTC' }: State): TemplateResult {
  if (lines.length === 0)
    return html`<p class="empty">
      ${hidden > 0 ? 'Too little happened in the last day to be told.' : 'Nothing happened in the last day.'}
    </p>`
  const clock = clockOf(zone)
  return scrollTable({
    ...{ label: 'Latest events', kind: 'tail' },
    head: [`Time (${knownZone(zone)})`, 'Type', 'Channel', 'What', 'Why', 'By'],
    rows: lines.map(
      ({ at, type, channel, kind, what, sentence, rule, provider }) =>
        html`<tr>
          <td><time datetime=${at}>${clock(at)}</time></td>
          <td>${type}</td>
          <td>${channel}</td>
          <td>${sentence}</td>
          <td>${rule === undefined ? codeLink(what, meaningOf({ kind, what })) : codeLink(rule, `rule-${rule}`)}</td>
          <td>${provider ?? ''}</td>
        </tr>`,
    ),
  })
}

export function tailNumbers({ lines }: TailAnswer, { zone = 'UTC' }: State): Numbers {
  const [clock, kept] = [clockOf(zone), rfc3339Of(zone)]
  return {
    head: [`Time (${knownZone(zone)})`, 'Type', 'Channel', 'Kind', 'What', 'Rule', 'Provider'],
    rows: lines.map(({ at, type, channel, kind, what, rule, provider }) => [
      ...[{ kept: kept(at), told: clock(at) }, type, channel, kind, what, rule ?? '', provider ?? ''],
    ]),
  }
}

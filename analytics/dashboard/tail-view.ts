import { html, type TemplateResult } from 'lit-html'
import type { TailAnswer } from '../tail-store.ts'
import type { Numbers } from './numbers.ts'
import { scrollTable } from './table.ts'

/** What happened last, as it comes. */
export function tailView({ lines, hidden }: TailAnswer): TemplateResult {
  if (lines.length === 0)
    return html`<p class="empty">
      ${hidden > 0 ? 'Too little happened in the last day to be told.' : 'Nothing happened in the last day.'}
    </p>`
  return scrollTable({
    ...{ label: 'Latest events', kind: 'tail' },
    head: ['Time (UTC)', 'Type', 'Channel', 'What', 'Why', 'By'],
    rows: lines.map(
      ({ at, type, channel, what, sentence, rule, provider }) =>
        html`<tr>
          <td><time datetime=${at}>${at.slice(11, 19)}</time></td>
          <td>${type}</td>
          <td>${channel}</td>
          <td>${sentence}</td>
          <td>
            <a href="/rules#${encodeURIComponent(rule ?? what)}"><code>${rule ?? what}</code></a>
          </td>
          <td>${provider ?? ''}</td>
        </tr>`,
    ),
  })
}

export const tailNumbers = ({ lines }: TailAnswer): Numbers => ({
  head: ['Time', 'Type', 'Channel', 'Kind', 'What', 'Rule', 'Provider'],
  rows: lines.map(({ at, type, channel, kind, what, rule, provider }) => [
    ...[at, type, channel, kind, what, rule ?? '', provider ?? ''],
  ]),
})

import { html, type TemplateResult } from 'lit-html'
import type { ExamplesAnswer } from '../examples-api.ts'
import type { Stage } from '../stages.ts'
import { scrollTable } from './table.ts'
import { searchOf, type Subject } from './trace-subject.ts'
import { spanIn, timeIn } from './when.ts'
import { fateOf, stageNames } from './words.ts'

/** Some of what a bar stands for, each with the way to its trace. */
export function examplesView({ examples }: ExamplesAnswer, { of, zone }: Subject): TemplateResult {
  const asked = new URLSearchParams(of)
  const ofPeople = asked.get('unit') === 'recipient'
  return html`<section class="card trace" aria-labelledby="examples">
    <header>
      <h2 id="examples">Examples: ${barName(asked)}</h2>
      <p class="soft">
        ${ofPeople ? somePeople : 'Some notifications that the bar stands for'}, of ${narrowedBy(asked)}.
        ${timeOf(asked, zone)}
      </p>
    </header>
    ${
      examples.length === 0
        ? html`<p class="empty">None is there any more: they have gone on since, or their events are forgotten.</p>`
        : scrollTable({
            label: 'Examples',
            head: ['Happened', 'Type', 'Person', 'Channel', 'Came to', 'Ended'],
            rows: examples.map(one => {
              const { intent, recipient, channel, type, at, reached } = one
              return html`<tr>
                <th scope="row">
                  <a href=${searchOf({ kind: 'intent', of: intent, recipient, zone })}>${timeIn(at, zone)}</a>
                </th>
                <td>${type}</td>
                <td><a href=${searchOf({ kind: 'recipient', of: recipient, zone })}>${recipient}</a></td>
                <td>${channel}</td>
                <td>${stageNames[reached]}</td>
                <td>${fateOf(one)}</td>
              </tr>`
            }),
          })
    }
  </section>`
}

const somePeople = 'Some people that the bar stands for, each by a notification of theirs and by how far they came'

function barName(asked: URLSearchParams): string {
  const [stage, what, reason] = ['stage', 'what', 'reason'].map(name => asked.get(name))
  const passed = stage && (Object.hasOwn(stageNames, stage) ? stageNames[stage as Stage].toLowerCase() : stage)
  return [passed, what && fateOf({ what, ...(reason && { reason }) })].filter(Boolean).join(', ')
}

/** What else was asked, for people. */
function narrowedBy(asked: URLSearchParams): string {
  const said = [...asked].filter(([name]) => !['stage', 'what', 'reason', 'unit', 'since', 'until'].includes(name))
  return said.length === 0 ? 'everything' : said.map(([name, value]) => `${name} ${value}`).join(', ')
}

function timeOf(asked: URLSearchParams, zone: string): string {
  const [since, until] = [asked.get('since') ?? '', asked.get('until') ?? '']
  return Number.isNaN(Date.parse(since) + Date.parse(until)) ? '' : spanIn({ since, until }, zone)
}

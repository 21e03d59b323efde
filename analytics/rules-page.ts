import { type Rule, sentence } from '#contracts/decision.ts'
import { escaped } from '#contracts/escaped.ts'
import {
  decisionTold,
  deedTold,
  messageTold,
  openTold,
  outcomeTold,
  removalTold,
  reportTold,
  ruleGroups,
  ruleTold,
  type Told,
} from './rules-text.ts'
import { deeds, eventSentence, openStates, refusalSentences, standings } from './trace-words.ts'

/** `kind`: what its anchors begin with; `says`: the sentence of a code. */
type Group = { id: string; kind: string; name: string; told: Record<string, Told>; says: (code: string) => string }

const groups = (): Group[] => [
  { id: 'decisions', kind: 'decision', name: 'Decisions', told: decisionTold, says: code => deeds[code]! },
  ...Object.entries(ruleGroups).map(([id, name]): Group => ({
    ...{ id: `rules-${id}`, kind: 'rule', name, told: ruleTold[id as keyof typeof ruleGroups] },
    // What a rule looked at may end the sentence.
    says: code => sentence({ rule: code as Rule, value: '…' }).replace('….', '…'),
  })),
  {
    ...{ id: 'outcomes', kind: 'outcome', name: 'Attempts and outcomes', told: outcomeTold },
    says: what => eventSentence({ what }),
  },
  { id: 'open', kind: 'open', name: 'Still open', told: openTold, says: code => openStates[code]! },
  {
    ...{ id: 'receipts', kind: 'receipt', name: 'Receipts', told: reportTold },
    says: code => standings[code as keyof typeof standings]('its provider'),
  },
  { id: 'people', kind: 'person', name: 'What people did', told: deedTold, says: code => deeds[code]! },
  {
    ...{ id: 'removals', kind: 'removal', name: 'Taken off screens again', told: removalTold },
    says: () => 'Devices were told to take it off the screen.',
  },
  {
    ...{ id: 'messages', kind: 'message', name: 'Messages that are no intent here', told: messageTold },
    says: code => refusalSentences[code as keyof typeof refusalSentences],
  },
]

/** What each code means that a trace can show, when it applies, and what to do: a table for each kind. */
export function rulesPage(): string {
  const all = groups()
  const links = all.map(({ id, name }) => `<li><a href="#${id}">${escaped(name)}</a></li>`).join('')
  return `<main id="answer" tabindex="-1" class="page"><nav class="card kinds" aria-label="Kinds of codes"><ul>${links}</ul></nav>
${all.map(table).join('\n')}</main>`
}

const columns = ['Code', 'What a trace says', 'When', 'What to do'] as const

// The roles stay what they are where a narrow page shows rows as blocks.
const table = ({ id, kind, name, told, says }: Group): string => `<section class="card" aria-labelledby="${id}">
<h2 id="${id}">${escaped(name)}</h2>
<table class="codes-table" role="table" aria-labelledby="${id}">
<thead role="rowgroup"><tr role="row">${columns.map(one => `<th scope="col" role="columnheader">${one}</th>`).join('')}</tr></thead>
<tbody role="rowgroup">${Object.entries(told)
  .map(([code, [when, act]]) => {
    const texts = [escaped(says(code)), linked(when), linked(act)]
    const cells = texts.map((text, at) => `<td role="cell" data-head="${columns[at + 1]}">${text}</td>`)
    return `<tr role="row" id="${kind}-${code}"><th scope="row" role="rowheader"><code>${code}</code></th>${cells.join('')}</tr>`
  })
  .join('\n')}</tbody>
</table>
</section>`

const known = new Set(Object.values(ruleTold).flatMap(told => Object.keys(told)))

/** Codes as such; those of rules lead to them. */
const linked = (text: string): string =>
  text
    .split('`')
    .map((part, at) =>
      at % 2 === 0 ? escaped(part) : known.has(part) ? ruleLink(part) : `<code>${escaped(part)}</code>`,
    )
    .join('')

const ruleLink = (code: string): string => `<a href="#rule-${code}"><code>${code}</code></a>`

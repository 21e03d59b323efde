import { html, nothing, type TemplateResult } from 'lit-html'
import { cellText, csvOf, type Numbers } from './numbers.ts'
import { queryFold } from './query-fold.ts'
import { scrollTable } from './table.ts'

type Card = {
  id: string
  title: string
  /** One sentence on how to read it. */
  note: string
  chart: TemplateResult
  numbers: () => Numbers
  /** Over both columns. */
  wide: boolean
  /** The path of the API that gave the numbers. */
  query: string
  /** Whether something else is asked by now. */
  busy: boolean
  /** Whether the numbers are shown, and who hears that it is to be otherwise. */
  open: boolean
  toggle: () => void
}

/** A chart with its numbers as a table, as a file, and the question that gave them. */
export const chartCard = ({ id, title, note, chart, numbers, wide, query, busy, open, toggle }: Card): TemplateResult =>
  html`<section class="card ${wide ? 'wide' : ''}" aria-labelledby=${id} aria-busy=${busy ? 'true' : 'false'}>
    <header>
      <h2 id=${id} tabindex="-1">${title}</h2>
      <p class="soft">${note}</p>
    </header>
    ${chart}
    <footer>
      <details ?open=${open}>
        <summary @click=${(event: Event) => instead(event, toggle)}>Numbers</summary>
        ${open ? tableOf(numbers(), title) : nothing}
      </details>
      <button class="plain" aria-label="CSV: ${title}" @click=${() => download(`${id}.csv`, csvOf(numbers()))}>
        CSV
      </button>
      ${queryFold(query, title)}
    </footer>
  </section>`

/** The address says whether it is open, and at once: an element that opens by itself tells so later, when one may have gone Back. */
function instead(event: Event, act: () => void): void {
  event.preventDefault()
  act()
}

const tableOf = ({ head, rows }: Numbers, title: string): TemplateResult =>
  scrollTable({
    ...{ label: `${title}: numbers`, head },
    rows: rows.map(
      ([first, ...rest]) =>
        html`<tr>
          <th scope="row">${cellText(first!)}</th>
          ${rest.map(cell => html`<td class=${typeof cell === 'string' ? nothing : 'number'}>${cellText(cell)}</td>`)}
        </tr>`,
    ),
  })

function download(name: string, text: string): void {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(new Blob([text], { type: 'text/csv;charset=utf-8' }))
  link.download = name
  link.click()
  URL.revokeObjectURL(link.href)
}

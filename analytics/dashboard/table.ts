import { html, nothing, type TemplateResult } from 'lit-html'

type Table = {
  /** Whose it is, for those who do not see it. */
  label: string
  head: readonly string[]
  /** Each a row. */
  rows: readonly TemplateResult[]
  foot?: TemplateResult
  /** From this column on there are numbers. */
  numbersFrom?: number
  kind?: string
}

/** A table that scrolls by itself where it is larger than its place, by keys, too. */
export const scrollTable = ({ label, head, rows, foot, numbersFrom = Infinity, kind = '' }: Table): TemplateResult =>
  html`<div class="scroll ${kind}" tabindex="0" role="region" aria-label=${label}>
    <table>
      <thead>
        <tr>
          ${head.map((name, n) => html`<th scope="col" class=${n >= numbersFrom ? 'number' : nothing}>${name}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${rows}
      </tbody>
      ${foot}
    </table>
  </div>`

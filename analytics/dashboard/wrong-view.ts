import { html, nothing, type TemplateResult } from 'lit-html'

/** What went wrong, in words for the person in front of the page; `again`: how to try once more, where that may help. */
export const wrongView = (why: readonly string[], again: (() => void) | undefined): TemplateResult =>
  html`<div class="card wrong">
    <div role="alert">${why.map(line => html`<p>${line}</p>`)}</div>
    ${again ? html`<button class="chip" @click=${again}>Try again</button>` : nothing}
  </div>`

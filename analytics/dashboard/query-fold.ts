import { html, nothing, type TemplateResult } from 'lit-html'
import { ask } from './client.ts'

/** The question that gave a chart its numbers: as a command for a terminal, and its answer as it came. `path` is the API's. */
export function queryFold(path: string, title: string): TemplateResult {
  // Its own token nobody wants to find in a terminal's history, or in a chat.
  const command = `curl -H "Authorization: Bearer $CARILLON_TOKEN" '${location.origin}${path}'`
  return html`<details class="query">
    <summary aria-label="Query: ${title}">Query</summary>
    <code>${command}</code>
    <p>
      <button class="plain" aria-label="Open the answer: ${title}" @click=${() => void showAnswer(path)}>
        Open the answer
      </button>
      ${
        // Browsers have it where nobody listens in: by https, or on this machine.
        isSecureContext
          ? html`<button
              class="plain"
              aria-label="Copy the query: ${title}"
              @click=${() => void navigator.clipboard.writeText(command)}
            >
              Copy
            </button>`
          : nothing
      }
    </p>
  </details>`
}

/** The API takes tokens in a header alone, so no link leads to its answers. */
async function showAnswer(path: string): Promise<void> {
  // At once: a tab that opens later is taken for an advertisement.
  const tab = open('about:blank')
  if (!tab) return
  tab.document.body.textContent = 'Counting …'
  const answer = await ask<unknown>(path)
  if (!answer.ok) tab.document.body.textContent = answer.why
  else tab.location.replace(jsonUrl(answer.value))
}

const jsonUrl = (value: unknown): string =>
  URL.createObjectURL(new Blob([JSON.stringify(value, null, 2)], { type: 'application/json' }))

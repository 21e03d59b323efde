import { html, nothing, type TemplateResult } from 'lit-html'
import type { Field, State } from './state.ts'

export type Choice = readonly (readonly [value: string, words: string])[]

/** Controls of fields of the question; each hands in what is other than before, and an empty text for the default. */
export function controlsOf(
  state: State,
  change: (changed: State) => void,
): {
  text: (field: Field, name?: string, placeholder?: string) => TemplateResult
  time: (field: 'since' | 'until', name: string) => TemplateResult
  choice: (field: Field, name: string, all: Choice) => TemplateResult
  tick: (field: Field, name: string, value: string) => TemplateResult
} {
  const text = (field: Field, name = wordOf(field), placeholder = 'All') =>
    html`<label
      >${name}
      <input
        name=${field}
        autocomplete="off"
        list=${field === 'type' ? 'types' : nothing}
        .value=${state[field] ?? ''}
        placeholder=${placeholder}
        maxlength="200"
        @change=${(event: Event) => change({ [field]: (event.target as HTMLInputElement).value.trim() })}
      />
    </label>`
  const time = (field: 'since' | 'until', name: string) =>
    html`<label
      >${name}
      <input
        name=${field}
        type="datetime-local"
        step="3600"
        .value=${localOf(state[field])}
        @change=${(event: Event) => change({ [field]: isoOf((event.target as HTMLInputElement).value) })}
      />
    </label>`
  const choice = (field: Field, name: string, all: Choice) =>
    html`<label
      >${name}
      <select name=${field} @change=${(event: Event) => change({ [field]: (event.target as HTMLSelectElement).value })}>
        ${all.map(([value, words]) => html`<option value=${value} .selected=${(state[field] ?? '') === value}>${words}</option>`)}
      </select>
    </label>`
  const tick = (field: Field, name: string, value: string) =>
    html`<label class="tick"
      ><input
        name=${field}
        type="checkbox"
        .checked=${state[field] === value}
        @change=${(event: Event) => change({ [field]: (event.target as HTMLInputElement).checked ? value : '' })}
      />
      ${name}</label
    >`
  return { text, time, choice, tick }
}

/** `app_version` is “App version”. */
export function wordOf(field: string): string {
  const words = field.replaceAll('_', ' ')
  return `${words[0]!.toUpperCase()}${words.slice(1)}`
}

/** An instant as a field for times has it, in UTC, to the minute; and back. */
export const localOf = (iso: string | undefined): string => {
  const at = Date.parse(iso ?? '')
  return Number.isNaN(at) ? '' : new Date(at).toISOString().slice(0, 16)
}
export const isoOf = (local: string): string => (local === '' ? '' : `${local}:00Z`)

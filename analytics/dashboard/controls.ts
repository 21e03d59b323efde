import { html, nothing, type TemplateResult } from 'lit-html'
import type { Field, State } from './state.ts'

export type Choice = readonly (readonly [value: string, words: string])[]

/** Controls of fields of the question; each hands in what is other than before, and an empty text for the default. */
export function controlsOf(
  state: State,
  change: (changed: State) => void,
): {
  text: (field: Field, name?: string, placeholder?: string) => TemplateResult
  time: (field: 'since' | 'until') => TemplateResult
  choice: (field: Field, all: Choice) => TemplateResult
  tick: (field: Field, value: string) => TemplateResult
} {
  const text = (field: Field, placeholder = 'All') =>
    html`<label
      >${wordOf(field)}
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
  // A date begins in the zone of the page, where a browser cannot be asked what that is in UTC.
  const timeIn = ({ zone = 'UTC', ...times }: State, field: 'since' | 'until') =>
    zone === 'UTC' || times[field]?.includes('T') ? localOf(times[field]) : ''
  const time = (field: 'since' | 'until') =>
    html`<label
      >${wordOf(field)}
      <input
        name=${field}
        type="datetime-local"
        step="3600"
        .value=${timeIn(state, field)}
        @change=${(event: Event) => change({ [field]: isoOf((event.target as HTMLInputElement).value) })}
      />
    </label>`
  const choice = (field: Field, all: Choice) =>
    html`<label
      >${wordOf(field)}
      <select name=${field} @change=${(event: Event) => change({ [field]: (event.target as HTMLSelectElement).value })}>
        ${all.map(([value, words]) => html`<option value=${value} .selected=${(state[field] ?? '') === value}>${words}</option>`)}
      </select>
    </label>`
  const tick = (field: Field, value: string) =>
    html`<label class="tick"
      ><input
        name=${field}
        type="checkbox"
        .checked=${state[field] === value}
        @change=${(event: Event) => change({ [field]: (event.target as HTMLInputElement).checked ? value : '' })}
      />
      ${wordOf(field)}</label
    >`
  return { text, time, choice, tick }
}

/** What fields are called whose names say too little. */
export const labels: Readonly<Record<string, string>> = {
  ...{ since: 'From (UTC)', until: 'Until (UTC)', by: 'Broken down by', unit: 'Count', bucket: 'Each bar is a' },
  ...{ zone: 'Times in', with_simulated: 'With simulated engagement' },
  // Another name for what the API calls `compare`.
  ...{ event: 'Lift: product event', against: 'Lift against', compare: 'Lift against' },
}

/** What a field is called on the pages: `app_version` is “App version”. */
export function wordOf(field: string): string {
  const words = labels[field] ?? field.replaceAll('_', ' ')
  return `${words[0]!.toUpperCase()}${words.slice(1)}`
}

/** An instant as a field for times has it, in UTC, to the minute; and back. */
export const localOf = (iso: string | undefined): string => {
  const at = Date.parse(iso ?? '')
  return Number.isNaN(at) ? '' : new Date(at).toISOString().slice(0, 16)
}
export const isoOf = (local: string): string => (local === '' ? '' : `${local}:00Z`)

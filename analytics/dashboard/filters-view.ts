import { html, type TemplateResult } from 'lit-html'
import type { Field, State } from './state.ts'

type Choice = readonly (readonly [value: string, words: string])[]

const channels: Choice = [
  ['', 'All'],
  ['push', 'Push'],
  ['sms', 'SMS'],
  ['email', 'Email'],
  ['in_app', 'In-app'],
]
const groups: Choice = [
  ['', 'Nothing'],
  ...(['type', 'category', 'channel', 'provider', 'lane', 'producer', 'tenant', 'arm', 'outcome'] as const).map(
    name => [name, name[0]!.toUpperCase() + name.slice(1)] as const,
  ),
]
const units: Choice = [
  ['', 'Notifications'],
  ['recipient', 'People, each once'],
]
const buckets: Choice = [
  ['', 'What fits'],
  ['hour', 'Hour'],
  ['day', 'Day'],
]
const spans = [
  ['24 hours', 1],
  ['7 days', 7],
  ['28 days', 28],
] as const

/** What is asked. `change` gets what is other than before; an empty text is the default. */
export function filtersView(state: State, change: (changed: State) => void): TemplateResult {
  const text = (field: Field, name: string) =>
    html`<label
      >${name}
      <input
        name=${field}
        autocomplete="off"
        .value=${state[field] ?? ''}
        placeholder="All"
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
        ${all.map(([value, words]) => html`<option value=${value} ?selected=${(state[field] ?? '') === value}>${words}</option>`)}
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
  return html`<form class="card filters" aria-label="What is asked" @submit=${(event: Event) => event.preventDefault()}>
    <div class="spans" role="group" aria-label="Time">
      ${spans.map(
        ([name, days]) =>
          html`<button type="button" class="chip" @click=${() => change({ since: spanStart(days), until: '' })}>
            Last ${name}
          </button>`,
      )}
    </div>
    <div class="fields">
      ${time('since', 'From (UTC)')} ${time('until', 'Until (UTC)')} ${text('type', 'Type')}
      ${text('category', 'Category')} ${choice('channel', 'Channel', channels)}
      ${choice('by', 'Broken down by', groups)} ${choice('unit', 'Count', units)}
      ${choice('bucket', 'Each bar is a', buckets)} ${choice('zone', 'Days of', zones())}
    </div>
    <div class="ticks-row">
      ${tick('with_simulated', 'With simulated engagement', 'true')} ${tick('live', 'Live', '1')}
    </div>
  </form>`
}

const zones = (): Choice => {
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone
  return [['', 'UTC'], ...(own === 'UTC' ? [] : [[own, own] as const])]
}

const hourMs = 3_600_000
/** Whole hours are counted already. */
const spanStart = (days: number): string =>
  new Date(Math.floor(Date.now() / hourMs + 1) * hourMs - days * 24 * hourMs).toISOString().replace('.000', '')

const localOf = (iso: string | undefined): string => {
  const at = Date.parse(iso ?? '')
  return Number.isNaN(at) ? '' : new Date(at).toISOString().slice(0, 16)
}
const isoOf = (local: string): string => (local === '' ? '' : `${local}:00Z`)

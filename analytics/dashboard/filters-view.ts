import { html, type TemplateResult } from 'lit-html'
import { type Choice, controlsOf, wordOf } from './controls.ts'
import { filters } from './fields.ts'
import type { Field, State } from './state.ts'
import { ownZone } from './when.ts'

const channels: Choice = [
  ['', 'All'],
  ['push', 'Push'],
  ['sms', 'SMS'],
  ['email', 'Email'],
  ['in_app', 'In-app'],
]
const lanes: Choice = [
  ['', 'All'],
  ['critical', 'Critical'],
  ['default', 'Default'],
  ['bulk', 'Bulk'],
]
const groups: Choice = [['', 'Nothing'], ...[...filters, 'outcome'].map(name => [name, wordOf(name)] as const)]
const units: Choice = [
  ['', 'Notifications'],
  ['recipient', 'People, each once'],
]
const buckets: Choice = [
  ['', 'What fits'],
  ['hour', 'Hour'],
  ['day', 'Day'],
]
const comparisons: Choice = [
  ['', 'Those held out'],
  ['arm', 'Each other: arms'],
]
const spans = [
  ['24 hours', 1],
  ['7 days', 7],
  ['28 days', 28],
] as const

/** Of these as many as are set are counted on the fold that hides them. */
const rarer: readonly Field[] = [
  ...(['provider', 'lane', 'producer', 'tenant', 'arm', 'platform', 'app_version', 'country', 'locale'] as const),
  ...(['unit', 'bucket', 'zone', 'event', 'against'] as const),
]

type Filters = { state: State; types: readonly string[]; change: (changed: State) => void }

/** The fold opens where something in it is set, and then is left alone: what was cleared last may have the focus. */
let unfolded = false

/** What is asked. `types`: to choose from. `change` gets what is other than before; an empty text is the default. */
export function filtersView({ state, types, change }: Filters): TemplateResult {
  const { text, time, choice, tick } = controlsOf(state, change)
  const set = rarer.filter(field => state[field]).length
  unfolded ||= set > 0
  return html`<form class="card filters" aria-label="What is asked" @submit=${(event: Event) => event.preventDefault()}>
    <div class="spans" role="group" aria-label="Time">
      ${spans.map(
        ([name, days]) =>
          html`<button
            type="button"
            class="chip"
            aria-pressed=${isSpan(state, days) ? 'true' : 'false'}
            @click=${() => change({ since: spanStart(days), until: '' })}
          >
            <span class="last">Last </span>${name}
          </button>`,
      )}
      ${tick('with_simulated', 'true')} ${tick('live', '1')}
    </div>
    <div class="fields">
      ${time('since')} ${time('until')} ${text('type')} ${text('category')} ${choice('channel', channels)}
      ${choice('by', groups)}
    </div>
    <datalist id="types">${types.map(type => html`<option value=${type}></option>`)}</datalist>
    <details class="more" ?open=${unfolded}>
      <summary>More filters and lift${set > 0 ? ` (${set})` : ''}</summary>
      <div class="fields">
        ${text('provider')} ${choice('lane', lanes)} ${text('producer')} ${text('tenant')}
        ${text('arm', 'experiment/arm')} ${text('platform')} ${text('app_version')} ${text('country')} ${text('locale')}
        ${choice('unit', units)} ${choice('bucket', buckets)} ${choice('zone', zones(state))} ${text('event', 'None')}
        ${choice('against', comparisons)}
      </div>
    </details>
  </form>`
}

const zones = ({ zone = 'UTC' }: State): Choice => [
  ['', 'UTC'],
  ...[...new Set([ownZone, zone])].filter(one => one !== 'UTC').map(one => [one, one] as const),
]

const hourMs = 3_600_000
/** Whole hours are counted already. */
const spanStart = (days: number): string =>
  new Date(Math.floor(Date.now() / hourMs + 1) * hourMs - days * 24 * hourMs).toISOString().replace('.000', '')

const isSpan = ({ since, until }: State, days: number): boolean => until === undefined && since === spanStart(days)

import { html, nothing, type TemplateResult } from 'lit-html'
import type { OwnPreferences } from '#contracts/preferences.ts'
import type { QuietWindow, Weekday } from '#contracts/quiet-hours.ts'
import { icons } from '#browser/icons.ts'
import type { Patch } from './preferences-client.ts'
import { draftOf, night, type QuietDraft, week, windowsIn, wrongIn } from './quiet-draft.ts'
import { type View, whenOf } from './view.ts'

/** Quiet hours: whether, whose, which, and in what time zone. */
export function quietView(view: View): TemplateResult {
  const { texts, preferences } = view
  const { quiet, quietHours, tenantQuiet } = preferences
  const words = texts.quiet
  const draft = (view.local.quiet ??= draftOf(quiet))
  const on = quietHours.windows.length > 0 || draft.length > 0
  const locked = quietHours.rule === 'tenant_locked'
  const set = (next: QuietDraft) => {
    view.local.quiet = next
    view.redraw()
    if (next.length === 0) view.save({ quiet: tenantQuiet ? 'none' : null })
    else if (!next.some(wrongIn)) view.save({ quiet: windowsIn(next) }, { later: true })
  }
  const share = () => {
    view.local.quiet = []
    view.save({ quiet: null })
  }
  return html`<section class="card" aria-labelledby="quiet-title">
    <h3 aria-level=${view.level} id="quiet-title">${icons.moon}${words.title}</h3>
    <div class="line">
      <p id="quiet-why">
        ${words.text} ${words.rules[quietHours.rule]}
        ${quietHours.until ? html`<b class="on">${words.now(whenOf(view, quietHours.until))}</b>` : nothing}
      </p>
      <button
        class="switch"
        type="button"
        role="switch"
        aria-checked=${on ? 'true' : 'false'}
        aria-disabled=${locked ? 'true' : nothing}
        aria-label=${words.switch}
        aria-describedby="quiet-why"
        @click=${() => locked || set(on ? [] : [night])}
      >
        <span class="thumb">${locked ? icons.lock : nothing}</span>
      </button>
    </div>
    ${
      quietHours.rule === 'own'
        ? nothing
        : html`<ul class="windows">
            ${quietHours.windows.map(one => html`<li>${said(view, one)}</li>`)}
          </ul>`
    }
    ${draft.map((_, at) => windowView(view, { draft, at, set }))}
    ${
      on
        ? html`<div class="choices">
            <button type="button" class="chip" @click=${() => set([...draft, night])}>${words.add}</button>
            ${tenantQuiet && quiet !== undefined ? html`<button type="button" class="chip" @click=${share}>${words.shared}</button>` : nothing}
          </div>`
        : nothing
    }
    ${zoneView(view)}
  </section>`
}

type Edited = { draft: QuietDraft; at: number; set: (next: QuietDraft) => void }

function windowView({ texts: { quiet: words } }: View, { draft, at, set }: Edited): TemplateResult {
  const window = draft[at]!
  const wrong = wrongIn(window)
  const put = (change: Partial<QuietDraft[number]>) => set(draft.with(at, { ...window, ...change }))
  const turn = (day: Weekday) =>
    put({ days: window.days.includes(day) ? window.days.filter(it => it !== day) : [...window.days, day] })
  const time = (field: 'start' | 'end', label: string) =>
    html`<label>
      <span>${label}</span>
      <input
        type="time"
        .value=${window[field] === '24:00' ? '00:00' : window[field]}
        aria-describedby=${wrong ? `quiet-wrong-${at}` : nothing}
        aria-invalid=${wrong === 'same' ? 'true' : nothing}
        @change=${(event: Event) => put({ [field]: timeOf(field, (event.target as HTMLInputElement).value) })}
      />
    </label>`
  return html`<div class="window" role="group" aria-label=${words.window(at + 1)}>
    <div class="days">
      ${week.map(
        (day, n) =>
          html`<button
            type="button"
            class="day"
            data-short=${words.days[n]!}
            aria-label=${words.dayNames[n]!}
            aria-pressed=${window.days.includes(day) ? 'true' : 'false'}
            @click=${() => turn(day)}
          ></button>`,
      )}
    </div>
    <div class="times">
      ${time('start', words.from)} ${time('end', words.to)}
      <button type="button" class="icon" aria-label=${words.remove} @click=${() => set(draft.toSpliced(at, 1))}>
        ${icons.close}
      </button>
    </div>
    ${wrong ? html`<p class="wrong" id=${`quiet-wrong-${at}`} role="alert">${words[wrong]}</p>` : nothing}
  </div>`
}

/** A day ends at 24:00, which no input can show. */
const timeOf = (field: 'start' | 'end', value: string) => (field === 'end' && value === '00:00' ? '24:00' : value)

function said({ texts: { quiet: words } }: View, { days, start, end }: QuietWindow): string {
  const named = days?.map(day => words.days[week.indexOf(day)]).join(', ') ?? words.everyDay
  return `${named} ${start} – ${end}`
}

function zoneView({ texts, preferences, save }: View): TemplateResult {
  const { zone } = preferences.quietHours
  const zones = [...new Set([zone, ...Intl.supportedValuesOf('timeZone')])]
  const choose = (event: Event) => save({ zone: (event.target as HTMLSelectElement).value })
  return html`<label class="zone">
    <span>${texts.quiet.zone}</span>
    <select data-zone=${zone} @change=${choose}>
      ${zones.map(one => html`<option value=${one} ?selected=${one === zone}>${one.replaceAll('_', ' ')}</option>`)}
    </select>
  </label>`
}

/** Shows the zone that it was drawn with, whatever somebody chose: what was not saved is not so. */
export function showZone(page: ParentNode): void {
  const zones = page.querySelector<HTMLSelectElement>('.zone select')
  if (zones) zones.value = zones.dataset['zone']!
}

/** Quiet hours as they will be once changes are saved, which are shown at once. Pure. */
export const quietAfter = (
  quietHours: OwnPreferences['quietHours'],
  changes: readonly Patch[],
): OwnPreferences['quietHours'] => ({
  ...quietHours,
  zone: changes.findLast(({ zone }) => typeof zone === 'string')?.zone ?? quietHours.zone,
})

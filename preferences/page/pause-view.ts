import { html, nothing, type TemplateResult } from 'lit-html'
import { icons } from '#browser/icons.ts'
import { isoOf, type View, whenOf } from './view.ts'

/** Everything quiet for an hour, until tomorrow, until a time; or that it is, and an end to it. */
export function pauseView(view: View): TemplateResult {
  const { texts, preferences, local, save, redraw } = view
  const { paused } = preferences
  const words = texts.pause
  const open = () => {
    local.pauseUntil = { text: '', wrong: false }
    redraw()
  }
  return html`<section class=${paused === undefined ? 'card' : 'card paused'} aria-labelledby="pause-title">
    <h3 aria-level=${view.level} id="pause-title">${icons.pause}${words.title}</h3>
    ${
      paused === undefined
        ? html`<p>${words.open}</p>
            <div class="choices">
              <button type="button" class="chip" @click=${() => save({ paused: '1h' })}>${words.hour}</button>
              <button type="button" class="chip" @click=${() => save({ paused: 'tomorrow' })}>${words.tomorrow}</button>
              <button type="button" class="chip" aria-expanded=${local.pauseUntil ? 'true' : 'false'} @click=${open}>
                ${words.until}
              </button>
            </div>
            ${local.pauseUntil ? untilView(view) : nothing}`
        : html`<p class="state">${words.paused(paused === true ? undefined : whenOf(view, paused))}</p>
            <button type="button" class="primary" @click=${() => save({ paused: null })}>${words.resume}</button>`
    }
  </section>`
}

function untilView({ texts, local, save, redraw }: View): TemplateResult {
  const until = local.pauseUntil!
  const type = (event: Event) => {
    until.text = (event.target as HTMLInputElement).value
    until.wrong = false
    redraw()
  }
  const set = (event: Event) => {
    event.preventDefault()
    // What is no time is not to come either.
    until.wrong = !(Date.parse(until.text) > Date.now())
    if (until.wrong) return redraw()
    delete local.pauseUntil
    save({ paused: isoOf(until.text) })
  }
  return html`<form class="until" @submit=${set} novalidate>
    <label for="pause-until">${texts.pause.untilLabel}</label>
    <input
      id="pause-until"
      type="datetime-local"
      .value=${until.text}
      aria-invalid=${until.wrong ? 'true' : nothing}
      aria-describedby=${until.wrong ? 'pause-wrong' : nothing}
      @input=${type}
    />
    <button class="primary">${texts.pause.set}</button>
    ${until.wrong ? html`<p class="wrong" id="pause-wrong">${texts.pause.future}</p>` : nothing}
  </form>`
}

import { html, nothing, type TemplateResult } from 'lit-html'
import type { Change } from '#contracts/preferences.ts'
import { icons } from '#browser/icons.ts'
import { spoken } from '#browser/languages.ts'
import { type View, whenOf } from './view.ts'

/** So many come with the page. */
const firstShown = 8

/** What was changed, when, and through what: the latest first. */
export function historyView(view: View): TemplateResult {
  const { texts, preferences } = view
  const { history } = preferences
  return html`<section class="card" aria-labelledby="history-title">
    <h3 aria-level=${view.level} id="history-title">${icons.clock}${texts.history.title}</h3>
    ${
      history.length === 0
        ? html`<p>${texts.history.none}</p>`
        : html`<ol class="history">
            ${history.map(
              change =>
                html`<li>
                  <span>${lineOf(view, change)}</span>
                  <small>
                    <time datetime=${change.at}>${whenOf(view, change.at)}</time>
                    ${texts.history.through[change.through] ?? change.through}
                  </small>
                </li>`,
            )}
          </ol>`
    }
    ${
      history.length >= firstShown && !view.local.whole
        ? html`<button type="button" class="chip" @click=${() => view.older()}>${texts.history.more}</button>`
        : nothing
    }
  </section>`
}

function lineOf(view: View, change: Change): string {
  const { texts, preferences } = view
  const { category, thread, room, tenant, endpoint, channel, until } = change
  const device = preferences.devices.find(one => one.id === endpoint)
  const subject = category === '*' ? texts.history.everything : category && spoken(category)
  const what = subject ?? thread ?? room ?? tenant ?? device?.app ?? device?.address ?? endpoint ?? ''
  const where = channel ? texts.channels[channel] : ''
  const end = until && { until: whenOf(view, until) }
  return texts.history.kinds({ ...change, what, where, ...end })
}

import { html, nothing, type TemplateResult } from 'lit-html'
import type { Device, Scope } from '#contracts/preferences.ts'
import { icons } from '#browser/icons.ts'
import type { Patch } from './preferences-client.ts'
import { dayOf, type View, whenOf } from './view.ts'

type Muted = { kind: Scope; id: string; how: string; unmute: Patch }

/** Conversations, rooms and spaces that a person has muted, or hears less of. */
export function mutedView(view: View): TemplateResult {
  const { texts, save } = view
  const muted = mutedIn(view)
  return html`<section class="card" aria-labelledby="muted-title">
    <h3 aria-level=${view.level} id="muted-title">${icons.mute}${texts.muted.title}</h3>
    ${
      muted.length === 0
        ? html`<p>${texts.muted.none}</p>`
        : html`<ul class="list">
            ${muted.map(
              ({ kind, id, how, unmute }, at) =>
                html`<li>
                  <div class="what" id=${`muted-${at}`}>
                    <b><slot name=${`${kind}-${id}`}>${id}</slot></b>
                    <span>${texts.muted[kind]} · ${how}</span>
                  </div>
                  <button
                    type="button"
                    class="chip"
                    id=${`unmute-${at}`}
                    aria-labelledby=${`unmute-${at} muted-${at}`}
                    @click=${() => save(unmute)}
                  >
                    ${texts.muted.unmute}
                  </button>
                </li>`,
            )}
          </ul>`
    }
  </section>`
}

function mutedIn(view: View): Muted[] {
  const { texts, preferences } = view
  const { threads, levels } = preferences
  const words = texts.muted
  const end = (until: string | true | undefined) =>
    typeof until === 'string' ? words.until(whenOf(view, until)) : words.forGood
  const mutes = Object.entries(threads).map(([id, until]): Muted => ({
    kind: 'thread',
    id,
    how: end(until),
    unmute: { threads: { [id]: null } },
  }))
  const heard = Object.entries(levels).flatMap(([scope, names]) =>
    Object.entries(names).flatMap(([id, { level, until, everyone, role }]): Muted[] => {
      const how = [
        level && level !== 'all' && `${words.levels[level]} ${until ? words.until(whenOf(view, until)) : ''}`.trim(),
        everyone === false && words.everyone,
        role === false && words.role,
      ].filter(one => typeof one === 'string')
      const kind = scope as Scope
      return how.length === 0 ? [] : [{ kind, id, how: how.join(', '), unmute: { levels: { [kind]: { [id]: null } } } }]
    }),
  )
  return [...mutes, ...heard]
}

/** Where a person can be reached, when it was registered, and a way to sign a device out. */
export function devicesView(view: View): TemplateResult {
  const { texts, preferences } = view
  return html`<section class="card" aria-labelledby="devices-title">
    <h3 aria-level=${view.level} id="devices-title">${icons.push}${texts.devices.title}</h3>
    ${
      preferences.devices.length === 0
        ? html`<p>${texts.devices.none}</p>`
        : html`<ul class="list">
            ${preferences.devices.map((device, at) => deviceView(view, { device, at }))}
          </ul>`
    }
  </section>`
}

function deviceView(view: View, { device, at }: { device: Device; at: number }): TemplateResult {
  const { texts, local } = view
  const { id, channel, address, state, since, app } = device
  const words = texts.devices
  const trouble = words.states[state as keyof typeof words.states]
  const leaving = local.leaving === id
  const turn = (to?: string) => {
    if (to === undefined) delete local.leaving
    else local.leaving = to
    view.redraw()
  }
  return html`<li>
    <span class="kind">${icons[channel]}</span>
    <div class="what" id=${`device-${at}`}>
      <b><slot name=${`device-${id}`}>${channel === 'push' ? (app ?? id) : address}</slot></b>
      <span>
        ${texts.channels[channel]}${channel === 'push' ? ` ${address}` : ''}${since ? ` · ${words.registered(dayOf(view, since))}` : ''}
        ${trouble ? html`· <em>${trouble}</em>` : nothing}
      </span>
    </div>
    ${
      channel !== 'push'
        ? nothing
        : leaving
          ? html`<div class="choices">
              <button type="button" class="chip" @click=${() => turn()}>${words.keep}</button>
              <button
                type="button"
                class="danger"
                id=${`sure-${at}`}
                aria-labelledby=${`sure-${at} device-${at}`}
                @click=${() => view.signOut(id)}
              >
                ${words.sure}
              </button>
            </div>`
          : html`<button
              type="button"
              class="chip"
              id=${`leave-${at}`}
              aria-labelledby=${`leave-${at} device-${at}`}
              @click=${() => turn(id)}
            >
              ${words.signOut}
            </button>`
    }
  </li>`
}

import { html, nothing, type TemplateResult } from 'lit-html'
import { undoKeys } from '#browser/undo.ts'
import type { InboxItem } from '#contracts/inbox.ts'
import { now } from './clock.ts'
import { icons } from '#browser/icons.ts'
import type { InboxState } from './inbox-feed.ts'
import { type Language, spoken } from '#browser/languages.ts'
import { agoOf, type Texts } from './texts.ts'

export const shows = ['all', 'unread', 'archived'] as const
export type Show = (typeof shows)[number]
/** What was done, how it is taken back, or what went wrong. */
export type Notice = { text: string; undo?: () => void; isBad?: boolean }

/** What the panel is drawn from, and what a person can do in it. */
export type View = {
  state: InboxState
  texts: Texts
  language: Language
  show: Show
  /** The item that says why it came. */
  asked: string | undefined
  notice: Notice | undefined
  close(): void
  choose(show: Show): void
  open(item: InboxItem, event: Event): void
  read(item: InboxItem): void
  readAll(): void
  archive(item: InboxItem): void
  unarchive(item: InboxItem): void
  ask(item: InboxItem): void
  muteThread(item: InboxItem): void
  muteCategory(item: InboxItem): void
  more(): void
  retry(): void
  dismiss(): void
}

/** The list with what is above and below it. */
export function panelView(view: View): TemplateResult {
  const { texts, state } = view
  return html`<div class="head">
      <h2 id="title"><slot name="title">${texts.title}</slot></h2>
      <button
        type="button"
        class="icon read-all"
        title=${texts.readAll}
        aria-label=${texts.readAll}
        aria-disabled=${state.counts.unread === 0 ? 'true' : nothing}
        @click=${() => state.counts.unread > 0 && view.readAll()}
      >
        ${icons.readAll}
      </button>
      <button
        type="button"
        class="icon close"
        title=${texts.close}
        aria-label=${texts.close}
        @click=${() => view.close()}
      >
        ${icons.close}
      </button>
    </div>
    <div class="shows" role="group" aria-label=${texts.showing}>
      ${shows.map(
        show =>
          html`<button
            type="button"
            aria-pressed=${show === view.show ? 'true' : 'false'}
            @click=${() => view.choose(show)}
          >
            ${texts.shows[show]}
          </button>`,
      )}
    </div>
    ${state.items.length > 0 ? stripView(view) : nothing}
    <div class="scroll" tabindex="-1">${listView(view)}</div>
    ${view.notice ? noticeView(view, view.notice) : nothing}
    <div class="foot"><slot name="footer"></slot></div>`
}

/** What is shown is what was known last. */
function stripView({ state, texts, ...view }: View): TemplateResult | typeof nothing {
  if (state.status === 'offline') return html`<p class="strip" role="status">${texts.offline}</p>`
  if (state.status !== 'signedOut') return nothing
  return html`<div class="strip" role="status">
    ${texts.signedOut} <button type="button" class="more" @click=${() => view.retry()}>${texts.retry}</button>
  </div>`
}

function listView(view: View): TemplateResult {
  const { state, texts, show } = view
  if (state.items.length > 0)
    return html`<ul aria-labelledby="title">
        ${state.items.map(item => itemView(view, item))}
      </ul>
      ${state.hasMore ? html`<button type="button" class="more" @click=${() => view.more()}>${texts.more}</button>` : nothing}`
  switch (state.status) {
    case 'loading':
      return html`<div role="status" aria-label=${texts.loading}>
        ${[1, 2, 3, 4].map(() => html`<div class="ghost"><i></i><i></i></div>`)}
      </div>`
    case 'offline':
      return html`<div class="state" role="status">
        <b>${texts.offline}</b>
        <button type="button" class="primary" @click=${() => view.retry()}>${texts.retry}</button>
      </div>`
    case 'signedOut':
      return html`<div class="state" role="status">
        <b>${texts.signedOut}</b>
        <button type="button" class="primary" @click=${() => view.retry()}>${texts.retry}</button>
      </div>`
    case 'live': {
      const [head, more] = texts.empty[show]
      return html`<div class="state">
        <slot name=${`empty-${show}`}>${icons.bell}<b>${head}</b><span>${more}</span></slot>
      </div>`
    }
    default:
      return state.status satisfies never
  }
}

/** Whatever a product or another person wrote is text: lit-html writes it as such, and a URL was judged before it came. */
function itemView(view: View, item: InboxItem): TemplateResult {
  const { texts, language } = view
  const { id, title, body, category, at, read, url } = item
  const inside = html`${read ? nothing : html`<span class="dot"></span><span class="hidden">${texts.unread}: </span>`}
    <span class="title" dir="auto">${title}</span>
    ${body === '' ? nothing : html`<span class="body" dir="auto">${body}</span>`}
    <span class="meta"
      ><time datetime=${at}>${agoOf(at, { language, now: now() })}</time>${
        category === undefined ? nothing : html`<span>· ${spoken(category)}</span>`
      }</span
    >`
  const open = (event: Event) => view.open(item, event)
  return html`<li class=${read ? 'item' : 'item unread'} data-id=${id}>
    <div class="row">
      ${
        url === undefined
          ? html`<button type="button" class="main" @click=${open}>${inside}</button>`
          : html`<a class="main" href=${url} @click=${open}>${inside}</a>`
      }
      <div class="actions">
        ${read ? nothing : actionView({ name: 'read', label: texts.read, item, act: () => view.read(item) })}
        ${actionView({ name: 'why', label: texts.why, item, act: () => view.ask(item), isOpen: view.asked === id })}
        ${
          item.archived
            ? actionView({ name: 'unarchive', label: texts.unarchive, item, act: () => view.unarchive(item) })
            : actionView({ name: 'archive', label: texts.archive, item, act: () => view.archive(item) })
        }
      </div>
    </div>
    ${view.asked === id ? reasonView(view, item) : nothing}
  </li>`
}

type Action = {
  name: 'read' | 'why' | 'archive' | 'unarchive'
  label: string
  item: InboxItem
  act: () => void
  isOpen?: boolean
}

const actionView = ({ name, label, item, act, isOpen }: Action): TemplateResult =>
  html`<button
    type="button"
    class=${`icon ${name}`}
    title=${label}
    aria-label=${`${label}: ${item.title}`}
    aria-expanded=${isOpen === undefined ? nothing : isOpen ? 'true' : 'false'}
    @click=${act}
  >
    ${icons[name]}
  </button>`

/** Why it came, in words for a person, and how to have no more of exactly this. */
function reasonView(view: View, item: InboxItem): TemplateResult {
  const { texts } = view
  const { reason, category, thread } = item
  const name = category === undefined ? undefined : spoken(category)
  return html`<div class="reason" role="group" aria-label=${texts.why}>
    <h3>${texts.why}</h3>
    <p>
      ${(reason === undefined ? undefined : texts.reasons[reason]) ?? texts.reason(reason)}
      ${name === undefined ? nothing : texts.category(name)}
    </p>
    <div class="choices">
      ${
        thread === undefined
          ? nothing
          : html`<button type="button" class="choice mute-thread" @click=${() => view.muteThread(item)}>
              ${icons.mute}${texts.muteThread}
            </button>`
      }
      ${
        name === undefined
          ? nothing
          : html`<button type="button" class="choice mute-category" @click=${() => view.muteCategory(item)}>
              ${icons.mute}${texts.muteCategory(name)}
            </button>`
      }
    </div>
  </div>`
}

function noticeView(view: View, { text, undo, isBad }: Notice): TemplateResult {
  const { texts } = view
  return html`<div class=${isBad ? 'notice bad' : 'notice'}>
    <span>${text}</span>
    ${undo ? html`<button type="button" class="undo" aria-keyshortcuts=${undoKeys} @click=${undo}>${texts.undo}</button>` : nothing}
    <button type="button" class="icon" title=${texts.close} aria-label=${texts.close} @click=${() => view.dismiss()}>
      ${icons.close}
    </button>
  </div>`
}

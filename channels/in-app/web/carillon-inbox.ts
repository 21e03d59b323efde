import { html, nothing, render } from 'lit-html'
import type { InboxItem, InboxMarks } from '#contracts/inbox.ts'
import type { OwnPreferences, PreferencesPatch } from '#contracts/preferences.ts'
import { type Carillon, connect } from './client.ts'
import { icons } from '#browser/icons.ts'
import type { InboxState } from './inbox-feed.ts'
import { type Notice, panelView, type Show, type View } from './inbox-view.ts'
import { type Sight, sightOf } from './sight.ts'
import { phone, styles } from './styles.ts'
import { isUndo } from '#browser/undo.ts'
import { languageOf, spoken } from '#browser/languages.ts'
import { texts } from './texts.ts'

const noticeMs = 8_000
const badgeMax = 99
const queries = { all: {}, unread: { unread: true }, archived: { archived: true } } as const

/**
 * `<carillon-inbox token="…">`: a bell with the number of what is unread, and the inbox behind it. Attributes: `token`, a
 * token of the person with the scopes inbox and preferences; `api` (default: where this code comes from); `tenant`, of whose inbox it is where the token is of none; `lang` (default:
 * that of the page or the browser); `align="start"`, where the bell stands on the left. A property `token` may be a function
 * that fetches one. `carillon-open` fires with the item that is opened, and can be prevented; `carillon-signed-out` when no token is good.
 */
export class CarillonInbox extends HTMLElement {
  static observedAttributes = ['token', 'api', 'tenant', 'lang']
  #root = this.attachShadow({ mode: 'open' })
  #token: string | (() => string | Promise<string>) = ''
  #carillon: Carillon | undefined
  #leave: () => void = () => {}
  #sight: Sight | undefined
  #phone = window.matchMedia(phone)
  #state: InboxState = {
    ...{ status: 'loading', query: {}, items: [] },
    ...{ counts: { unseen: 0, unread: 0 }, arrived: 0, hasMore: false },
  }
  #isOpen = false
  #show: Show = 'all'
  #asked: string | undefined
  #notice: Notice | undefined
  #noticeTimer = 0
  /** What a screen reader says. */
  #said = ''
  #rings = false

  get token() {
    return this.#token
  }
  set token(token: string | (() => string | Promise<string>)) {
    this.#token = token
    if (this.isConnected) this.#connect()
  }

  connectedCallback(): void {
    const sheet = new CSSStyleSheet()
    sheet.replaceSync(styles)
    this.#root.adoptedStyleSheets = [sheet]
    document.addEventListener('pointerdown', this.#outside)
    document.addEventListener('keydown', this.#key)
    this.#phone.addEventListener('change', this.#resized)
    this.#connect()
  }

  disconnectedCallback(): void {
    this.#leave()
    this.#sight?.close()
    clearTimeout(this.#noticeTimer)
    this.#phone.removeEventListener('change', this.#resized)
    document.removeEventListener('pointerdown', this.#outside)
    document.removeEventListener('keydown', this.#key)
  }

  attributeChangedCallback(name: string, before: string | null, after: string | null): void {
    if (before === after) return
    if (name === 'token') this.#token = after ?? ''
    if (!this.isConnected) return
    if (name === 'lang') this.#draw()
    else this.#connect()
  }

  /** Opens the panel, or closes it. */
  toggle(open = !this.#isOpen): void {
    if (open === this.#isOpen) return
    this.#isOpen = open
    this.#asked = undefined
    if (!open) this.#say(undefined)
    this.#draw()
    ;(open ? this.#first() : this.#root.querySelector<HTMLElement>('.bell'))?.focus()
  }

  #connect(): void {
    this.#leave()
    this.#asked = undefined
    this.#say(undefined)
    const api = this.getAttribute('api')
    const tenant = this.getAttribute('tenant')
    this.#carillon = connect({
      token: this.#token,
      ...(tenant !== null && { tenant }),
      ...(api !== null && { api: new URL(api, document.baseURI).href }),
    })
    const { inbox } = this.#carillon
    this.#sight?.close()
    this.#sight = sightOf(ids => inbox.seen(ids))
    inbox.show(queries[this.#show])
    this.#leave = inbox.subscribe(state => this.#take(state))
  }

  #take(state: InboxState): void {
    const before = this.#state
    this.#state = state
    const fresh = state.arrived - before.arrived
    if (before.status !== 'loading' && fresh > 0) {
      this.#tell(this.#texts.arrived(fresh))
      this.#rings = true
    }
    if (state.status === 'signedOut' && before.status !== 'signedOut')
      this.dispatchEvent(new CustomEvent('carillon-signed-out', { bubbles: true, composed: true }))
    this.#draw()
  }

  /** What comes before the person's eyes is seen, and nothing else. */
  #look(): void {
    if (!this.#isOpen) return this.#sight?.close()
    const unseen = new Set(this.#state.items.flatMap(item => (item.seen ? [] : [item.id])))
    const rows = [...this.#root.querySelectorAll<HTMLElement>('.item')].flatMap(item => {
      const id = item.dataset['id']!
      return unseen.has(id) ? [[item.querySelector('.row')!, id] as const] : []
    })
    this.#sight?.watch(new Map(rows))
  }

  /** The focus stays with its item wherever that moves, and goes to the next one where it leaves. */
  #keepFocus(change: () => void): void {
    const items = () => [...this.#root.querySelectorAll<HTMLElement>('.item')]
    const focused = this.#root.activeElement
    const item = focused?.closest<HTMLElement>('.item')
    const id = item?.dataset['id']
    const at = items().findIndex(one => one === item)
    const control = `.${focused?.className.replaceAll(' ', '.')}`
    change()
    if (!item) {
      // A notice that goes takes its buttons along.
      if (focused && !this.#root.activeElement && this.#isOpen) this.#first()?.focus()
      return
    }
    const now = items().find(one => one.dataset['id'] === id) ?? items()[Math.min(at, items().length - 1)]
    const to = now?.querySelector<HTMLElement>(control) ?? now?.querySelector<HTMLElement>('.main')
    const stop = to ?? this.#root.querySelector<HTMLElement>('.scroll')
    if (stop !== this.#root.activeElement) stop?.focus()
  }

  #first = (): HTMLElement | null =>
    this.#root.querySelector<HTMLElement>('.item .main') ?? this.#root.querySelector<HTMLElement>('.scroll')

  #resized = (): void => this.#draw()

  #outside = (event: Event): void => {
    if (this.#isOpen && !event.composedPath().includes(this)) {
      this.#isOpen = false
      this.#say(undefined)
    }
  }

  #key = (event: KeyboardEvent): void => {
    if (!this.#isOpen) return
    if (event.key === 'Escape') {
      event.stopPropagation()
      return this.toggle(false)
    }
    if (!this.#root.activeElement) return
    if (event.key === 'Tab') return this.#trap(event)
    const undo = this.#notice?.undo
    if (undo && isUndo(event)) {
      event.preventDefault()
      return undo()
    }
    const items = [...this.#root.querySelectorAll<HTMLElement>('.item .main')]
    const at = items.findIndex(item => item.closest('.item')!.contains(this.#root.activeElement))
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key]
    if (to === undefined || items.length === 0) return
    event.preventDefault()
    items[Math.max(0, Math.min(to, items.length - 1))]!.focus()
  }

  /** On a phone the panel is all there is; nobody tabs behind it. */
  #trap(event: KeyboardEvent): void {
    if (!this.#phone.matches) return
    const stops = [...this.#root.querySelectorAll<HTMLElement>('.panel a[href], .panel button')]
    const [from, to] = event.shiftKey ? [stops[0], stops.at(-1)] : [stops.at(-1), stops[0]]
    if (this.#root.activeElement !== from) return
    event.preventDefault()
    to?.focus()
  }

  /** What is said twice is told twice: a screen reader reads what changes. */
  #tell(text: string): void {
    this.#said = text === this.#said ? `${text}\u00a0` : text
  }

  #say(notice: Notice | undefined): void {
    this.#notice = notice
    if (notice) this.#tell(notice.text)
    else this.#said = ''
    clearTimeout(this.#noticeTimer)
    // Who takes something back needs the time that they need.
    if (notice && !notice.undo) this.#noticeTimer = window.setTimeout(() => this.#say(undefined), noticeMs)
    this.#draw()
  }

  async #do(work: () => Promise<unknown>, done?: () => Notice): Promise<void> {
    const carillon = this.#carillon
    // Who comes meanwhile did not do it.
    const say = (notice: Notice) => carillon === this.#carillon && this.#say(notice)
    try {
      await work()
      if (done) say(done())
    } catch {
      say({ text: this.#texts.failed, isBad: true })
    }
  }

  #mark(marks: InboxMarks, done?: () => Notice): void {
    void this.#do(() => this.#carillon!.inbox.mark(marks), done)
  }

  #open(item: InboxItem, event: Event): void {
    if (!item.read) this.#mark({ what: 'read', ids: [item.id] })
    const opening = new CustomEvent('carillon-open', { detail: item, bubbles: true, composed: true, cancelable: true })
    if (!this.dispatchEvent(opening)) event.preventDefault()
  }

  #archive({ id }: InboxItem): void {
    const undo = () => this.#mark({ what: 'unarchived', ids: [id] }, () => ({ text: this.#texts.unmuted }))
    this.#mark({ what: 'archived', ids: [id] }, () => ({ text: this.#texts.archived, undo }))
  }

  /** Changes what the person prefers, and offers to take it back. */
  #prefer(patch: PreferencesPatch<string>, { back, text }: { back: PreferencesPatch<string>; text: string }): void {
    const { preferences } = this.#carillon!
    const undo = () =>
      void this.#do(
        () => preferences.set(back),
        () => ({ text: this.#texts.unmuted }),
      )
    void this.#do(
      () => preferences.set(patch),
      () => {
        this.#asked = undefined
        return { text, undo }
      },
    )
  }

  /** What the person prefers now, to be put back; where it cannot be read that is said, and nothing changed; nor for who came since. */
  async #before(): Promise<OwnPreferences | undefined> {
    const carillon = this.#carillon!
    const before = await carillon.preferences.get().catch(() => undefined)
    if (carillon !== this.#carillon) return undefined
    if (!before) this.#say({ text: this.#texts.failed, isBad: true })
    return before
  }

  async #muteThread(thread: string): Promise<void> {
    const before = await this.#before()
    if (!before) return
    const muted = Object.hasOwn(before.threads, thread) ? before.threads[thread]! : null
    this.#prefer(
      { threads: { [thread]: true } },
      { back: { threads: { [thread]: muted } }, text: this.#texts.mutedThread },
    )
  }

  async #muteCategory(category: string, name: string): Promise<void> {
    const before = await this.#before()
    if (!before) return
    const told = channelsOf(before, category)
    if (told.length === 0) return this.#say({ text: this.#texts.mandatory, isBad: true })
    const wishes = (wish: (channel: string) => boolean | null) => ({
      categories: { [category]: Object.fromEntries(told.map(channel => [channel, wish(channel)])) },
    })
    const said: Record<string, boolean> = before.categories[category] ?? {}
    this.#prefer(
      wishes(() => false),
      { back: wishes(channel => said[channel] ?? null), text: this.#texts.mutedCategory(name) },
    )
  }

  get #language() {
    const given = this.closest('[lang]')?.getAttribute('lang')
    return languageOf([...(given ? [given] : []), ...navigator.languages])
  }
  get #texts() {
    return texts[this.#language]
  }

  #draw(): void {
    const { unread } = this.#state.counts
    const number = unread > badgeMax ? `${badgeMax}+` : String(unread)
    const label = this.#texts.bell(unread === 0 ? undefined : number)
    const view = html`<button
        type="button"
        class=${this.#rings ? 'bell rings' : 'bell'}
        title=${this.#texts.title}
        aria-label=${label}
        aria-haspopup="dialog"
        aria-expanded=${this.#isOpen ? 'true' : 'false'}
        @click=${() => this.toggle()}
        @animationend=${() => {
          this.#rings = false
          this.#draw()
        }}
      >
        <slot name="bell">${icons.bell}</slot>
        ${unread === 0 ? nothing : html`<span class="badge" aria-hidden="true">${number}</span>`}
      </button>
      <div class="hidden" role="status" aria-live="polite">${this.#said}</div>
      ${
        this.#isOpen
          ? html`<div
              class="panel"
              role="dialog"
              aria-modal=${this.#phone.matches ? 'true' : nothing}
              aria-labelledby="title"
              lang=${this.#language}
            >
              ${panelView(this.#view())}
            </div>`
          : nothing
      }`
    this.#keepFocus(() => render(view, this.#root))
    this.#look()
  }

  #view(): View {
    return {
      ...{ state: this.#state, texts: this.#texts, language: this.#language },
      ...{ show: this.#show, asked: this.#asked, notice: this.#notice },
      close: () => this.toggle(false),
      choose: show => {
        this.#show = show
        this.#carillon!.inbox.show(queries[show])
      },
      open: (item, event) => this.#open(item, event),
      read: item => this.#mark({ what: 'read', ids: [item.id] }),
      readAll: () => void this.#do(() => this.#carillon!.inbox.read('all')),
      archive: item => this.#archive(item),
      unarchive: ({ id }) => this.#mark({ what: 'unarchived', ids: [id] }, () => ({ text: this.#texts.unmuted })),
      ask: ({ id }) => {
        this.#asked = this.#asked === id ? undefined : id
        this.#draw()
      },
      muteThread: ({ thread }) => void this.#muteThread(thread!),
      muteCategory: ({ category }) => void this.#muteCategory(category!, spoken(category!)),
      more: () => void this.#do(() => this.#carillon!.inbox.more()),
      retry: () => this.#carillon!.inbox.retry(),
      dismiss: () => this.#say(undefined),
    }
  }
}

/** Those by which a category is told and may be switched off. */
const channelsOf = ({ grid }: OwnPreferences, category: string): string[] =>
  grid
    .filter(row => row.category === category)
    .flatMap(({ cells }) => cells.filter(cell => !cell.locked).map(({ channel }) => channel))

customElements.define('carillon-inbox', CarillonInbox)

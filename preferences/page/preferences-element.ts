import { html, nothing, render, type TemplateResult } from 'lit-html'
import { isUndo, undoKeys } from '#browser/undo.ts'
import { gridView } from './grid-view.ts'
import { historyView } from './history-view.ts'
import { icons } from '#browser/icons.ts'
import { inverse } from './inverse.ts'
import { devicesView, mutedView } from './lists-view.ts'
import { pauseView } from './pause-view.ts'
import {
  type Answer,
  type Failure,
  type Loaded,
  type Patch,
  type PreferencesClient,
  preferencesClient,
} from './preferences-client.ts'
import { quietView } from './quiet-view.ts'
import { styles } from './styles.ts'
import { languageOf } from '#browser/languages.ts'
import { texts } from './texts.ts'
import type { Local, View } from './view.ts'

/** What was done, how it can be taken back, or what went wrong. */
type Notice = { text: string; undo?: Patch; wrong?: boolean; retry?: () => void }

const refreshMs = 30_000
const typingMs = 600

/**
 * `<carillon-preferences token="…">`: what a person prefers, on a page of the product. Attributes: `token`, a token of the
 * person, `api` (default: where this code comes from), `lang` (default: that of the page or the browser), `level` of its first heading
 * (default: 2). A property `token`
 * may be a function that fetches one: it is called again when the last has expired. Without either, `carillon-signed-out` fires.
 */
export class CarillonPreferences extends HTMLElement {
  static observedAttributes = ['token', 'api', 'lang']
  #root = this.attachShadow({ mode: 'open' })
  #client: PreferencesClient | undefined
  #token: string | (() => string | Promise<string>) = ''
  /** What the server said last, and what is shown, which may be ahead. */
  #known: Loaded | undefined
  #failure: Failure | undefined
  #notice: Notice | undefined
  #local: Local = {}
  #queue: Promise<void> = Promise.resolve()
  #waiting = 0
  #later: { patch: Patch; timer: number } | undefined
  #timer: number | undefined

  get token() {
    return this.#token
  }
  set token(token: string | (() => string | Promise<string>)) {
    this.#token = token
    if (this.isConnected) this.#open()
  }

  connectedCallback(): void {
    const sheet = new CSSStyleSheet()
    sheet.replaceSync(styles)
    this.#root.adoptedStyleSheets = [sheet]
    this.#root.addEventListener('keydown', this.#key)
    document.addEventListener('visibilitychange', this.#look)
    window.addEventListener('focus', this.#look)
    window.addEventListener('pagehide', this.#flush)
    this.#timer = window.setInterval(this.#look, refreshMs)
    this.#open()
  }

  disconnectedCallback(): void {
    this.#flush()
    this.#root.removeEventListener('keydown', this.#key)
    document.removeEventListener('visibilitychange', this.#look)
    window.removeEventListener('focus', this.#look)
    window.removeEventListener('pagehide', this.#flush)
    window.clearInterval(this.#timer)
  }

  attributeChangedCallback(name: string, before: string | null, after: string | null): void {
    if (before === after) return
    if (name === 'token') this.#token = after ?? ''
    if (!this.isConnected) return
    if (name === 'lang') this.#draw()
    else this.#open()
  }

  /** Looks again what the person prefers: it may have been changed elsewhere. */
  async refresh(): Promise<void> {
    await this.#after(async client => this.#take(await client.load(), client))
  }

  #look = (): void => {
    if (document.visibilityState === 'visible' && this.#client && this.#waiting === 0 && !this.#later)
      void this.refresh()
  }

  /** For whoever comes now: nothing of who was here before is shown to them, or done to theirs. */
  #open(): void {
    this.#known = undefined
    this.#failure = undefined
    this.#notice = undefined
    this.#local = {}
    window.clearTimeout(this.#later?.timer)
    this.#later = undefined
    const api = new URL(this.getAttribute('api') ?? new URL('../../', import.meta.url), document.baseURI).href
    this.#client = this.#token === '' ? undefined : preferencesClient({ api, token: this.#token })
    this.#draw()
    if (this.#client) void this.refresh()
  }

  /**
   * One after the other: each change is made from what the one before it left, whatever became of that. What waits when
   * somebody else comes is not done.
   */
  #after(work: (client: PreferencesClient) => Promise<void>): Promise<void> {
    const client = this.#client
    this.#waiting++
    this.#queue = this.#queue
      .then(() => (client && client === this.#client ? work(client) : undefined))
      .catch(() => this.#fail({ kind: 'offline' }, client))
      .finally(() => {
        this.#waiting--
        this.#draw()
      })
    return this.#queue
  }

  #take(answer: Answer<Loaded>, client: PreferencesClient): void {
    if (!answer.ok) return this.#fail(answer.failure, client)
    if (client !== this.#client) return
    this.#failure = undefined
    const before = this.#known
    // What is being typed stays as long as what it was made from does.
    if (JSON.stringify(before?.preferences.quiet) !== JSON.stringify(answer.value.preferences.quiet))
      delete this.#local.quiet
    // Older changes that were asked for stay.
    const { history } = answer.value.preferences
    const older = before?.preferences.history.filter(({ id }) => BigInt(id) < BigInt(history.at(-1)?.id ?? 0)) ?? []
    history.push(...older)
    this.#known = answer.value
  }

  #fail(failure: Failure, client: PreferencesClient | undefined): void {
    if (client !== this.#client) return
    if (!this.#known || failure.kind === 'signedOut' || failure.kind === 'gone') {
      this.#failure = failure
      if (this.#notice?.text === this.#texts.saving) this.#notice = { text: this.#texts.unsaved, wrong: true }
    } else
      this.#notice = {
        text:
          this.#texts.failures[failure.kind] +
          (failure.detail && failure.kind === 'refused' ? `: ${failure.detail}` : ''),
        wrong: true,
      }
    if (failure.kind === 'signedOut') this.dispatchEvent(new CustomEvent('carillon-signed-out', { bubbles: true }))
  }

  #save(patch: Patch, { later = false, undoes = false } = {}): void {
    window.clearTimeout(this.#later?.timer)
    if (later) {
      this.#later = { patch, timer: window.setTimeout(this.#flush, typingMs) }
      return
    }
    this.#later = undefined
    this.#notice = { text: this.#texts.saving }
    this.#draw()
    void this.#after(client => this.#put(patch, { client, undoes }))
  }

  #key = (event: Event): void => {
    const undo = this.#notice?.undo
    if (!undo || !isUndo(event as KeyboardEvent)) return
    event.preventDefault()
    this.#save(undo, { undoes: true })
  }

  #flush = (): void => {
    const waiting = this.#later?.patch
    if (waiting) this.#save(waiting)
  }

  async #put(patch: Patch, { client, undoes }: { client: PreferencesClient; undoes: boolean }): Promise<void> {
    const undo = undoOf(patch, this.#known!)
    let answer = await client.save(patch, this.#known!.tag)
    if (!answer.ok) this.#take(await client.load(), client)
    if (client !== this.#client) return
    // Something else was changed meanwhile: this still means what it meant.
    const again = !answer.ok && answer.failure.kind === 'changed'
    if (again && JSON.stringify(undoOf(patch, this.#known!)) === JSON.stringify(undo))
      answer = await client.save(patch, this.#known!.tag)
    if (client !== this.#client) return
    if (answer.ok) this.#notice = undoes ? { text: this.#texts.undone } : { text: this.#texts.saved, undo }
    this.#take(answer, client)
  }

  #signOut(device: string): void {
    delete this.#local.leaving
    void this.#after(async client => {
      const answer = await client.signOut(device)
      if (answer.ok && client === this.#client) this.#notice = { text: this.#texts.devices.signedOut }
      this.#take(answer, client)
    })
  }

  #older(): void {
    void this.#after(async client => {
      const history = this.#known!.preferences.history
      const answer = await client.older(history.at(-1)!.id)
      if (!answer.ok) return this.#fail(answer.failure, client)
      if (client !== this.#client) return
      history.push(...answer.value.changes)
      if (!answer.value.more) this.#local.whole = true
    })
  }

  get #language() {
    const given = this.closest('[lang]')?.getAttribute('lang')
    return languageOf([...(given ? [given] : []), ...navigator.languages])
  }
  get #texts() {
    return texts[this.#language]
  }

  get #level() {
    return Number(this.getAttribute('level') ?? 2)
  }

  #draw(): void {
    render(this.#page(), this.#root)
  }

  #page(): TemplateResult {
    const words = this.#texts
    return html`<div class="page" lang=${this.#language}>
      <header>
        <slot name="header">
          <h2 aria-level=${this.#level}>${words.title}</h2>
          <p>${words.intro}</p>
        </slot>
      </header>
      ${this.#body()}
      <div class="notices" role="status">${this.#notice ? this.#noticeView(this.#notice) : nothing}</div>
    </div>`
  }

  #body(): TemplateResult {
    const words = this.#texts
    if (this.#failure)
      return html`<section class="card" role="alert">
        <p class="wrong">${words.failures[this.#failure.kind]}</p>
        ${
          this.#failure.kind === 'offline' || this.#failure.kind === 'busy'
            ? html`<button type="button" class="primary" @click=${() => void this.refresh()}>${words.retry}</button>`
            : nothing
        }
      </section>`
    if (!this.#known) return html`<section class="card" aria-busy="true"><p>${words.loading}</p></section>`
    const view: View = {
      ...{
        texts: words,
        language: this.#language,
        preferences: this.#known.preferences,
        local: this.#local,
        level: this.#level + 1,
      },
      redraw: () => this.#draw(),
      save: (patch, how) => this.#save(patch, how),
      signOut: device => this.#signOut(device),
      older: () => this.#older(),
    }
    return html`<div class="cards">
      ${pauseView(view)} ${gridView(view)}
      <div class="column">${quietView(view)} ${devicesView(view)}</div>
      <div class="column">${mutedView(view)} ${historyView(view)}</div>
      <slot name="footer"></slot>
    </div>`
  }

  #noticeView({ text, undo, wrong }: Notice): TemplateResult {
    const words = this.#texts
    const close = () => {
      this.#notice = undefined
      this.#draw()
    }
    return html`<div class=${wrong ? 'notice bad' : 'notice'}>
      <span>${text}</span>
      ${undo ? html`<button type="button" class="undo" aria-keyshortcuts=${undoKeys} @click=${() => this.#save(undo, { undoes: true })}>${words.undo}</button>` : nothing}
      <button type="button" class="icon" aria-label=${words.close} @click=${close}>${icons.close}</button>
    </div>`
  }
}

/** What takes a change back. Quiet hours are said as a whole; what a level returns to by itself cannot be said. */
function undoOf(patch: Patch, { preferences }: Loaded): Patch {
  const undo = inverse(patch, preferences) as Patch
  if ('quiet' in patch) undo.quiet = preferences.quiet ?? null
  for (const names of Object.values(undo.levels ?? {}))
    for (const hearing of Object.values(names ?? {})) if (hearing && 'after' in hearing) delete hearing.after
  return undo
}

customElements.define('carillon-preferences', CarillonPreferences)

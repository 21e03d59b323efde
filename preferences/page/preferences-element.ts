import { html, nothing, render, type TemplateResult } from 'lit-html'
import { isUndo, undoKeys } from '#browser/undo.ts'
import type { OwnPreferences } from '#contracts/preferences.ts'
import { gridAfter, gridView } from './grid-view.ts'
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
import { quietAfter, quietView, showZone } from './quiet-view.ts'
import { styles } from './styles.ts'
import { languageOf } from '#browser/languages.ts'
import { texts } from './texts.ts'
import type { Local, View } from './view.ts'

/** Whose page it is, by their token: what the server said last, and the changes since. */
type Session = { client: PreferencesClient; known?: Loaded; asked: Patch[] }
/** What was done, how it can be taken back, or what went wrong. */
type Notice = { text: string; undo?: Patch; wrong?: boolean }

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
  #session: Session | undefined
  #token: string | (() => string | Promise<string>) = ''
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
    await this.#after(async session => this.#take(await session.client.load(), session))
  }

  #look = (): void => {
    if (document.visibilityState === 'visible' && this.#session && this.#waiting === 0 && !this.#later)
      void this.refresh()
  }

  /** For whoever comes now: nothing of who was here before is shown to them, or done to theirs; what those changed is saved. */
  #open(): void {
    this.#flush()
    this.#failure = undefined
    this.#notice = undefined
    this.#local = {}
    const api = new URL(this.getAttribute('api') ?? new URL('../../', import.meta.url), document.baseURI).href
    this.#session =
      this.#token === '' ? undefined : { client: preferencesClient({ api, token: this.#token }), asked: [] }
    this.#draw()
    if (this.#session) void this.refresh()
  }

  /** One after the other: each change is made from what the one before it left, whatever became of that. */
  #after(work: (session: Session) => Promise<void>): Promise<void> {
    const session = this.#session
    if (!session) return this.#queue
    this.#waiting++
    this.#queue = this.#queue
      .then(() => work(session))
      .catch(() => this.#fail({ kind: 'offline' }, session))
      .finally(() => {
        this.#waiting--
        this.#draw()
      })
    return this.#queue
  }

  #take(answer: Answer<Loaded>, session: Session): void {
    if (!answer.ok) return this.#fail(answer.failure, session)
    const before = session.known
    session.known = answer.value
    if (session !== this.#session) return
    this.#failure = undefined
    // What is being typed stays as long as what it was made from does.
    if (JSON.stringify(before?.preferences.quiet) !== JSON.stringify(answer.value.preferences.quiet))
      delete this.#local.quiet
    // Older changes that were asked for stay, unless others would be missing between.
    const { history } = answer.value.preferences
    const shown = before?.preferences.history ?? []
    const reached = shown.findIndex(({ id }) => id === history.at(-1)?.id)
    if (reached >= 0) history.push(...shown.slice(reached + 1))
    else delete this.#local.whole
  }

  #fail(failure: Failure, session: Session): void {
    if (session !== this.#session) {
      // Most often the same person has a fresh token.
      if (session.asked.length > 0) this.#notice = { text: this.#texts.unsaved, wrong: true }
      return
    }
    // What went wrong before is still to be told.
    if (session.known && failure.kind === 'offline' && this.#notice?.wrong) return
    if (!session.known || failure.kind === 'signedOut' || failure.kind === 'gone') {
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
    const waiting = this.#later?.patch
    window.clearTimeout(this.#later?.timer)
    if (later) {
      this.#later = { patch, timer: window.setTimeout(this.#flush, typingMs) }
      return
    }
    this.#later = undefined
    const asked = { ...waiting, ...patch }
    this.#notice = { text: this.#texts.saving }
    this.#session?.asked.push(asked)
    this.#draw()
    void this.#after(async session => {
      await this.#put(asked, { session, undoes }).finally(() => session.asked.splice(session.asked.indexOf(asked), 1))
    })
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

  async #put(wish: Patch, { session, undoes }: { session: Session; undoes: boolean }): Promise<void> {
    const { client } = session
    if (!session.known) return this.#fail({ kind: 'unsure' }, session)
    const patch = inZone(wish, session.known)
    const undo = undoOf(patch, session.known)
    let answer = await client.save(patch, session.known.tag)
    if (!answer.ok) this.#take(await client.load(), session)
    // Something else was changed meanwhile: this still means what it meant.
    const again = !answer.ok && answer.failure.kind === 'changed'
    if (again && JSON.stringify(undoOf(patch, session.known)) === JSON.stringify(undo))
      answer = await client.save(patch, session.known.tag)
    // While others are on their way not all is saved.
    if (answer.ok && session === this.#session && session.asked.length === 1)
      this.#notice = undoes ? { text: this.#texts.undone } : { text: this.#texts.saved, undo }
    // What was refused can be mended where it stands.
    if (!answer.ok && answer.failure.kind !== 'refused' && 'quiet' in patch && !this.#later) delete this.#local.quiet
    this.#take(answer, session)
  }

  #signOut(device: string): void {
    delete this.#local.leaving
    this.#notice = { text: this.#texts.saving }
    this.#draw()
    void this.#after(async session => {
      const answer = await session.client.signOut(device)
      if (answer.ok && session === this.#session) this.#notice = { text: this.#texts.devices.signedOut }
      this.#take(answer, session)
    })
  }

  #older(): void {
    void this.#after(async session => {
      const { history } = session.known!.preferences
      const answer = await session.client.older(history.at(-1)!.id)
      if (!answer.ok) return this.#fail(answer.failure, session)
      history.push(...answer.value.changes)
      if (!answer.value.more && session === this.#session) this.#local.whole = true
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
    this.#keepFocus(() => render(this.#page(), this.#root))
    showZone(this.#root)
  }

  /** Whoever uses a keyboard goes on where they are: when a control leaves, at the one that has its place. */
  #keepFocus(change: () => void): void {
    const focused = this.#root.activeElement as HTMLElement | null
    const part = focused?.closest('section, .notices')
    const at = part ? controlsIn(part).indexOf(focused!) : -1
    change()
    if (!focused || this.#root.activeElement) return
    const beside = part?.isConnected ? controlsIn(part) : []
    const heading = part?.isConnected ? part.querySelector<HTMLElement>('h3') : null
    const to = beside[Math.min(at, beside.length - 1)] ?? heading ?? controlsIn(this.#root).at(-1)
    const stop = to ?? this.#root.querySelector<HTMLElement>('.page')!
    if (stop !== to || stop === heading) stop.tabIndex = -1
    stop.focus()
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
    const known = this.#session?.known
    if (!known) return html`<section class="card" aria-busy="true"><p>${words.loading}</p></section>`
    const view: View = {
      ...{
        texts: words,
        language: this.#language,
        preferences: preferencesAfter(known.preferences, this.#session!.asked),
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

const controlsIn = (part: ParentNode): HTMLElement[] => [...part.querySelectorAll<HTMLElement>('button, select, input')]

/** As it will be once changes are saved, which are shown at once. */
const preferencesAfter = (known: OwnPreferences, changes: readonly Patch[]): OwnPreferences => ({
  ...known,
  grid: gridAfter(known.grid, changes),
  quietHours: quietAfter(known.quietHours, changes),
})

/** Times of who has no time zone, nor their tenant, are those of their browser from the first one on. */
function inZone(patch: Patch, { preferences: { zone, quietHours } }: Loaded): Patch {
  if (zone !== undefined || quietHours.zone !== 'UTC' || 'zone' in patch || !(patch.paused || patch.quiet)) return patch
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions()
  // A browser that does not know says so by a name that is none.
  return Intl.supportedValuesOf('timeZone').includes(timeZone) ? { ...patch, zone: timeZone } : patch
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

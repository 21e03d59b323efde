import { html, nothing, type TemplateResult } from 'lit-html'
import type { ExamplesAnswer } from '../examples-api.ts'
import type { ToldTrace } from '../trace-api.ts'
import { isoOf, localOf, wordOf } from './controls.ts'
import { type Answer, ask, forgetToken, hasToken, takeToken } from './client.ts'
import { type Kind, kinds, nameOf, pathOf, searchOf, type Subject, subjectOf } from './trace-subject.ts'
import { examplesView } from './examples-view.ts'
import { drawPage, focusTitle } from './page.ts'
import { focusToken, signIn } from './sign-in.ts'
import { traceView } from './trace-view.ts'
import { ownZone } from './when.ts'
import { wrongView } from './wrong-view.ts'

const main = document.querySelector('main')!
let subject = subjectOf(location.search)
/** The address that was followed last, without its fragment. */
let followed: string | undefined
let trace: Answer<ToldTrace | ExamplesAnswer> | undefined
let signedOut: string | undefined = ''
let asking = new AbortController()

async function load(): Promise<void> {
  asking.abort()
  const mine = (asking = new AbortController())
  trace = undefined
  draw()
  if (signedOut !== undefined || subject.of === '') return
  const answer = await ask<ToldTrace | ExamplesAnswer>(pathOf(subject), mine.signal)
  if (mine.signal.aborted) return
  trace = answer
  if (!answer.ok && answer.kind === 'signedOut') return signOut(answer.why)
  draw()
}

function look(event: SubmitEvent): void {
  event.preventDefault()
  const given = givenIn(event.target as HTMLFormElement)
  const { zone } = given
  // Of examples there is nothing to type: what they are of came from a chart.
  if (subject.kind === 'examples' && given.of === '') return go({ ...subject, zone })
  const { kind, of } = given
  const asBefore = kind === subject.kind && of === subject.of
  go({
    ...{ kind, of, zone },
    ...(kind === 'recipient' && { since: given.since === localOf(subject.since) ? subject.since : isoOf(given.since) }),
    // What it was narrowed to belongs to the intent that was there.
    ...(kind === 'intent' && asBefore && { recipient: subject.recipient, endpoint: subject.endpoint }),
  })
}

function givenIn({ elements }: HTMLFormElement): { kind: Kind; of: string; since: string; zone: string } {
  const given = (name: string) =>
    (elements.namedItem(name) as HTMLInputElement | HTMLSelectElement | null)?.value.trim() ?? ''
  return { kind: given('kind') as Kind, of: given('of'), since: given('since'), zone: given('zone') }
}

/** What is asked again is looked at again: it may have gone on. Another zone alone is no other look. */
function go(next: Subject): void {
  const before = subject
  subject = next
  if (searchOf(next) !== searchOf(subjectOf(location.search)))
    history.pushState(null, '', location.pathname + searchOf(next))
  followed = location.search
  if (trace?.ok && pathOf(before) === pathOf(next) && before.zone !== next.zone) draw()
  else void load()
}

function draw(): void {
  if (signedOut !== undefined) return drawPage(signIn({ why: signedOut, scope: 'trace', done: enter }))
  drawPage(
    html`<div class="page">
      ${asked()}
      <p class="unseen" role="status">${found()}</p>
      <div class="answer" id="answer" tabindex="-1">${answered()}</div>
    </div>`,
    leave,
  )
}

function enter(): void {
  signedOut = undefined
  void load()
  focusTitle()
}

function leave(): void {
  forgetToken()
  signOut('')
}

function signOut(why: string): void {
  signedOut = why
  void load()
  focusToken()
}

function asked(): TemplateResult {
  const { kind, of, since, zone } = subject
  const zones = [...new Set([ownZone, zone, 'UTC'])]
  const choose = (event: Event) => {
    // Nothing is looked at before the button says so; what is on its way is of what was chosen before.
    asking.abort()
    subject = { kind: (event.target as HTMLSelectElement).value as Kind, of: '', zone }
    trace = undefined
    draw()
  }
  return html`<form class="card asked" aria-label="Whose trace" @submit=${look}>
    <label
      >Of
      <select name="kind" @change=${choose}>
        ${kinds.map(one => html`<option value=${one.kind} .selected=${kind === one.kind}>${one.name}</option>`)}
      </select></label
    >
    <label class="wide"
      >${nameOf(kind)}
      <input
        name="of"
        ?required=${kind !== 'examples'}
        maxlength="420"
        autocomplete="off"
        spellcheck="false"
        .value=${kind === 'examples' ? '' : of}
    /></label>
    ${
      kind === 'recipient'
        ? html`<label
            >${wordOf('since')}
            <input name="since" type="datetime-local" .value=${localOf(since)} />
          </label>`
        : nothing
    }
    <label
      >Times in
      <select name="zone">
        ${zones.map(one => html`<option value=${one} .selected=${zone === one}>${one}</option>`)}
      </select></label
    >
    <button class="primary">Look</button>
    <p class="soft">Every look is logged with your name.</p>
  </form>`
}

/** To be read out: the answer itself is long. */
function found(): string {
  if (!trace?.ok) return subject.of === '' || trace ? '' : 'Looking …'
  const { value } = trace
  if ('examples' in value) return `Found: ${value.examples.length} examples.`
  return `Found: ${value.refused.length + value.lines.length + value.open.length} lines.`
}

function answered(): TemplateResult | typeof nothing {
  if (trace === undefined)
    return subject.of === ''
      ? html`<p class="card empty">
          An intent, a person or a delivery: everything that was decided and done, in order.
        </p>`
      : html`<p class="status soft">Looking …</p>`
  if (!trace.ok) return wrongView([trace.why], trace.kind === 'later' ? () => void load() : undefined)
  return 'examples' in trace.value ? examplesView(trace.value, subject) : traceView(trace.value, subject)
}

/** The address says whose trace; a link's fragment who asks, in a tab that shows the page already, too. */
function follow(): void {
  const given = takeToken()
  // Within the page, to the answer or back from there.
  if (!given && followed === location.search) return
  followed = location.search
  subject = subjectOf(followed)
  if (!hasToken()) return signOut(signedOut ?? '')
  if (given || signedOut === '') signedOut = undefined
  void load()
  fill()
}

/** The form tells what is shown, whatever was typed since. */
function fill(): void {
  const form = main.querySelector<HTMLFormElement>('.asked')
  const { kind, of, since, zone } = subject
  const shown = kind === 'examples' ? { kind: 'intent', of: '' } : { kind, of }
  for (const [name, text] of Object.entries({ ...shown, since: localOf(since), zone })) {
    const field = form?.elements.namedItem(name) as HTMLInputElement | HTMLSelectElement | null | undefined
    if (field) field.value = text
  }
}

follow()
addEventListener('popstate', follow)
addEventListener('online', () => trace?.ok === false && trace.kind === 'later' && void load())

import { html, nothing, render, type TemplateResult } from 'lit-html'
import type { ToldTrace } from '../trace-api.ts'
import { type Answer, ask, forgetToken, tokenOfWindow } from './client.ts'
import { signIn } from './sign-in.ts'

type Subject = { kind: 'intent' | 'recipient'; of: string; zone: string }

const main = document.querySelector('main')!
const ownZone = Intl.DateTimeFormat().resolvedOptions().timeZone
let subject = subjectOf(location.search)
let trace: Answer<ToldTrace> | undefined
let signedOut = tokenOfWindow() === undefined ? '' : undefined
let latest = 0

function subjectOf(search: string): Subject {
  const given = new URLSearchParams(search)
  const kind = given.has('recipient') ? 'recipient' : 'intent'
  return { kind, of: given.get(kind) ?? '', zone: given.get('zone') ?? ownZone }
}

const searchOf = ({ kind, of, zone }: Subject): string =>
  `?${new URLSearchParams({ [kind]: of, ...(zone !== ownZone && { zone }) }).toString()}`

async function load(): Promise<void> {
  const mine = ++latest
  trace = undefined
  draw()
  if (signedOut !== undefined || subject.of === '') return
  const { kind, of } = subject
  const answer = await ask<ToldTrace>(`/v1/trace?${new URLSearchParams({ [kind]: of }).toString()}`)
  if (mine !== latest) return
  trace = answer
  if (!answer.ok && answer.signedOut) signedOut = answer.why
  draw()
}

function look(event: SubmitEvent): void {
  event.preventDefault()
  const { elements } = event.target as HTMLFormElement
  const given = (name: string) => (elements.namedItem(name) as HTMLInputElement | HTMLSelectElement).value
  const kind = given('kind') === 'recipient' ? 'recipient' : 'intent'
  const before = subject
  subject = { kind, of: given('of').trim(), zone: given('zone') }
  history.pushState(null, '', location.pathname + searchOf(subject))
  // Another zone is no other look.
  if (trace?.ok && before.kind === kind && before.of === subject.of) draw()
  else void load()
}

function draw(): void {
  const body =
    signedOut === undefined
      ? html`${asked()}
          <div aria-live="polite">${answered()}</div>`
      : signIn({
          why: signedOut,
          done: () => {
            signedOut = undefined
            void load()
          },
        })
  const head = html`<header class="top">
    <h1>What happened, and why</h1>
    <nav>
      <a href="/dashboard">Dashboard</a> <a href="/rules">Rules</a>
      ${signedOut === undefined ? html`<button class="plain" @click=${leave}>Sign out</button>` : nothing}
    </nav>
  </header>`
  render(html`<div class="page">${head} ${body}</div>`, main)
}

function leave(): void {
  forgetToken()
  signedOut = ''
  void load()
}

function asked(): TemplateResult {
  const { kind, of, zone } = subject
  const kinds = [
    ['intent', 'Intent'],
    ['recipient', 'Person'],
  ] as const
  const zones = [...new Set([ownZone, zone, 'UTC'])]
  return html`<form class="card asked" aria-label="Whose trace" @submit=${look}>
    <label
      >Of
      <select name="kind">
        ${kinds.map(([value, words]) => html`<option value=${value} ?selected=${kind === value}>${words}</option>`)}
      </select></label
    >
    <label class="wide"
      >An id, or PRODUCER/KEY of an intent
      <input name="of" required maxlength="420" autocomplete="off" spellcheck="false" .value=${of}
    /></label>
    <label
      >Times in
      <select name="zone">
        ${zones.map(one => html`<option value=${one} ?selected=${zone === one}>${one}</option>`)}
      </select></label
    >
    <button class="primary">Look</button>
    <p class="soft">Every look is logged with your name.</p>
  </form>`
}

function answered(): TemplateResult | typeof nothing {
  if (trace === undefined) return subject.of === '' ? nothing : html`<p class="status soft">Looking …</p>`
  if (!trace.ok) return html`<p class="card wrong" role="alert">${trace.why}</p>`
  const { refused, lines, open, removals, retraction, quarantine, expanding, more } = trace.value
  const entries = [...refused, ...lines, ...open] as Entry[]
  const ofAll = [
    ...removals.map(({ at, recipient, sentence }) => ({ at, sentence: `${recipient}: ${sentence}` })),
    ...(retraction ? [retraction] : []),
    ...(quarantine ? [quarantine] : []),
  ].toSorted((a, b) => (a.at < b.at ? -1 : 1))
  return html`
    ${[...Map.groupBy(entries, ({ intent }) => intent)].map(([intent, all]) => intentCard(intent, all))}
    ${
      ofAll.length + (expanding === undefined ? 0 : 1) > 0
        ? html`<section class="card" aria-label="Besides">
            <ul class="besides">
              ${ofAll.map(({ at, sentence }) => html`<li>${timeOf(at)} ${sentence}</li>`)}
              ${
                expanding === undefined
                  ? nothing
                  : html`<li>Its audience is not all told yet: ${expanding.toLocaleString('en-GB')} people so far.</li>`
              }
            </ul>
          </section>`
        : nothing
    }
    ${more ? html`<p class="soft">There is more than is listed here.</p>` : nothing}
  `
}

/** A line of any kind, as much of it as it has. */
type Entry = {
  intent: string
  sentence: string
  type?: string
  recipient?: string
  channel?: string
  at?: string
  until?: string
  what?: string
  state?: string
  rule?: string
  endpoint?: string
  provider?: string
  simulated?: boolean
}

function intentCard(intent: string, entries: readonly Entry[]): TemplateResult {
  const type = entries.find(entry => entry.type !== undefined)?.type
  const parts = Map.groupBy(entries, ({ recipient, channel }) =>
    recipient === undefined ? 'The message itself' : `${recipient} · ${channel}`,
  )
  return html`<section class="card trace">
    <header>
      <h2>${type ?? 'Intent'}</h2>
      <p class="soft code"><a href=${searchOf({ ...subject, kind: 'intent', of: intent })}>${intent}</a></p>
    </header>
    ${[...parts].map(
      ([to, lines]) =>
        html`<h3>${to}</h3>
          <ol class="lines">
            ${lines.map(lineOf)}
          </ol>`,
    )}
  </section>`
}

function lineOf({ at, what, state, rule, sentence, provider, endpoint, simulated }: Entry): TemplateResult {
  const by = [...new Set([provider, endpoint])].filter(Boolean).join(' · ')
  const code = state ?? what ?? ''
  return html`<li class=${state === undefined ? nothing : 'open'}>
    <span class="when">${at === undefined ? html`<b>Now</b>` : timeOf(at)}</span>
    <span class="said">
      <span>${sentence}</span>
      <span class="codes">
        <code>${code}</code>
        ${rule === undefined || rule === code ? nothing : html`<code>${rule}</code>`}
        <a href="/rules#${encodeURIComponent(rule ?? code)}">What is ${rule ?? code}?</a>
        ${by === '' ? nothing : html`<span>by ${by}</span>`} ${simulated ? html`<span>simulated</span>` : nothing}
      </span>
    </span>
  </li>`
}

const timeOf = (at: string): TemplateResult =>
  html`<time datetime=${at}
    >${new Intl.DateTimeFormat('en-GB', {
      ...{ timeZone: isZone(subject.zone) ? subject.zone : 'UTC', dateStyle: 'medium', timeStyle: 'medium' },
    }).format(new Date(at))}</time
  >`

function isZone(zone: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: zone }).resolvedOptions().timeZone !== ''
  } catch {
    return false
  }
}

void load()
addEventListener('popstate', () => {
  subject = subjectOf(location.search)
  void load()
})

import { html, nothing, render, type TemplateResult } from 'lit-html'
import type { Behind } from '../answers.ts'
import { ask, forgetToken, tokenOfWindow } from './client.ts'
import { chartsView, type Loaded } from './charts-view.ts'
import { filtersView } from './filters-view.ts'
import { count } from './numbers.ts'
import { patterns } from './plot.ts'
import { signIn } from './sign-in.ts'
import { type Path, queryOf, searchOf, type State, stateOf } from './state.ts'

const liveMs = 5_000
const main = document.querySelector('main')!
let state = stateOf(location.search)
let loaded: Loaded = {}
let signedOut = tokenOfWindow() === undefined ? '' : undefined
let asking: AbortController | undefined
let live: ReturnType<typeof setTimeout> | undefined

/** Asks for what is shown, and shows each answer as it comes; the answer to an older question is dropped. */
async function load(paths: readonly Path[] = pathsOf(state)): Promise<void> {
  clearTimeout(live)
  asking?.abort()
  if (signedOut !== undefined) return draw()
  const mine = (asking = new AbortController())
  draw()
  const get = async (path: Path) => {
    const answer = await ask<never>(queryOf(path, state), mine.signal)
    if (mine !== asking) return
    loaded = { ...loaded, [path]: answer }
    if (!answer.ok && answer.signedOut) signedOut = answer.why
    draw()
  }
  await Promise.all(paths.map(get))
  if (mine !== asking) return
  asking = undefined
  // What is read from raw events is not asked for every few seconds.
  if (state.live && signedOut === undefined)
    live = setTimeout(() => void load(['funnel', 'series', 'outcomes', 'tail']), liveMs)
  draw()
}

const pathsOf = ({ type, event, live }: State): Path[] => [
  ...(['funnel', 'outcomes', 'series', 'volume', 'latency'] as const),
  ...(type && event ? (['lift'] as const) : []),
  ...(live ? (['tail'] as const) : []),
]

function change(changed: State): void {
  state = { ...state, ...changed }
  history.pushState(null, '', location.pathname + searchOf(state))
  if (!(state.type && state.event)) delete loaded.lift
  if (!state.live) delete loaded.tail
  void load()
}

/** Which numbers are shown is in the address, too, but is no step to go back to. */
function toggle(id: string, open: boolean): void {
  const before = state.numbers?.split('.') ?? []
  if (before.includes(id) === open) return
  const shown = open ? [...before, id] : before.filter(one => one !== id)
  state = { ...state, numbers: shown.join('.') }
  history.replaceState(null, '', location.pathname + searchOf(state))
}

function draw(): void {
  const body =
    signedOut === undefined
      ? html`${filtersView({ state, types: typesOf(loaded), change })} ${statusLine()}
        ${chartsView({ loaded, state, toggle })}`
      : signIn({ why: signedOut, scope: 'analytics', done: enter })
  render(html`<div class="page" aria-busy=${asking ? 'true' : 'false'}>${patterns()} ${top()} ${body}</div>`, main)
}

const top = (): TemplateResult =>
  html`<header class="top">
    <h1>Where notifications go</h1>
    <nav aria-label="Pages">
      <a href="/dashboard" aria-current="page">Dashboard</a> <a href="/trace">Trace</a> <a href="/rules">Rules</a>
      ${signedOut === undefined ? html`<button class="plain" @click=${leave}>Sign out</button>` : nothing}
    </nav>
  </header>`

function enter(): void {
  signedOut = undefined
  void load()
}

function leave(): void {
  forgetToken()
  loaded = {}
  signedOut = ''
  void load()
}

/** To choose from: the types of this time. */
const typesOf = ({ volume }: Loaded): string[] =>
  volume?.ok ? volume.value.funnels.flatMap(({ group }) => group ?? []) : []

function statusLine(): TemplateResult {
  const behind = loaded.funnel?.ok ? loaded.funnel.value.behind : undefined
  return html`<p class="status soft" role="status">
    ${asking && !behind ? 'Counting …' : behind ? lagOf(behind) : ''}
  </p>`
}

function lagOf({ source, newestEvent, ageMs, dirty }: Behind): string {
  if (newestEvent === null || ageMs === null) return 'No events are stored yet.'
  const age = ageMs < 120_000 ? `${Math.round(ageMs / 1_000)} s` : `${Math.round(ageMs / 60_000)} min`
  const from = source === 'raw' ? 'Counted from raw events' : 'Counted by the hour'
  const left = dirty === 0 ? '' : ` ${count(dirty)} hours are being counted anew.`
  return `${from}; the newest stored event is ${age} old.${left}`
}

void load()
addEventListener('popstate', () => {
  state = stateOf(location.search)
  void load()
})

import { html, nothing, render, type TemplateResult } from 'lit-html'
import type { Behind } from '../answers.ts'
import { ask, forgetToken, hasToken, takeToken } from './client.ts'
import { chartsView, type Loaded } from './charts-view.ts'
import { filtersView } from './filters-view.ts'
import { count } from './numbers.ts'
import { patterns } from './plot.ts'
import { focusToken, signIn } from './sign-in.ts'
import { type Path, queryOf, searchOf, type State, stateOf } from './state.ts'

const liveMs = 5_000
const main = document.querySelector('main')!
let state: State = {}
let loaded: Loaded = {}
const asking = new Map<Path, { query: string; stop: AbortController }>()
let signedOut: string | undefined
let live: ReturnType<typeof setTimeout> | undefined

/** The only way to other questions, whether a field, a link or Back leads there: asks those that are other than before, and draws. */
function show(next: State): void {
  state = next
  const paths = pathsOf(state)
  for (const path of asking.keys()) if (!paths.includes(path)) stopAsking(path)
  loaded = Object.fromEntries(Object.entries(loaded).filter(([path]) => paths.includes(path as Path)))
  if (signedOut === undefined) for (const path of paths) askFor(path)
  draw()
  waitForLive()
}

const pathsOf = ({ type, event, live }: State): Path[] => [
  ...(['funnel', 'outcomes', 'series', 'volume', 'latency'] as const),
  ...(type && event ? (['lift'] as const) : []),
  ...(live ? (['tail'] as const) : []),
]

/** Asks, unless that is being asked, or was answered; `again`: what was answered, too. */
function askFor(path: Path, again = false): void {
  const query = queryOf(path, state)
  if (asking.get(path)?.query === query) return
  stopAsking(path)
  const told = loaded[path]
  if (again || told?.query !== query || !told.answer.ok) void get(path, query)
}

/** The answer is kept with what it answers: it is drawn, and led on from, as that until the next is there. */
async function get(path: Path, query: string): Promise<void> {
  const mine = { query, stop: new AbortController() }
  const of = state
  asking.set(path, mine)
  const answer = await ask<never>(query, mine.stop.signal)
  if (asking.get(path) !== mine) return
  asking.delete(path)
  if (!answer.ok && answer.signedOut) return signOut(answer.why)
  // Where Live gets no more of a chart, its last numbers stay: the card of the latest events says what is wrong.
  if (answer.ok || path === 'tail' || loaded[path]?.query !== query)
    loaded = { ...loaded, [path]: { of, query, answer } }
  draw()
  waitForLive()
}

function stopAsking(path: Path): void {
  asking.get(path)?.stop.abort()
  asking.delete(path)
}

function change(changed: State): void {
  const search = searchOf({ ...state, ...changed })
  if (search !== searchOf(state)) history.pushState(null, '', location.pathname + search)
  show(stateOf(search))
}

/** Which numbers are shown is in the address, too, but is no step to go back to. */
function toggle(id: string, open: boolean): void {
  const before = state.numbers?.split('.') ?? []
  if (before.includes(id) === open) return
  const numbers = (open ? [...before, id] : before.filter(one => one !== id)).join('.')
  const search = searchOf({ ...state, numbers })
  history.replaceState(null, '', location.pathname + search)
  state = stateOf(search)
  draw()
}

/** While somebody looks, and nothing is on its way. */
function waitForLive(): void {
  clearTimeout(live)
  if (state.live && signedOut === undefined && asking.size === 0 && !document.hidden) live = setTimeout(goOn, liveMs)
}

/** Asks for the latest; of charts only what is cheap to count. */
function goOn(): void {
  const cheap = (['funnel', 'series', 'outcomes'] as const).filter(path => behindOf(path)?.source === 'rollup')
  for (const path of [...cheap, 'tail'] as const) askFor(path, true)
}

function behindOf(path: 'funnel' | 'series' | 'outcomes'): Behind | undefined {
  const answer = loaded[path]?.answer
  return answer?.ok ? answer.value.behind : undefined
}

function draw(): void {
  const body =
    signedOut === undefined
      ? html`${filtersView({ state, types: typesOf(loaded), change })} ${statusLine()}
        ${chartsView({ loaded, state, isAsked, toggle })}`
      : signIn({ why: signedOut, scope: 'analytics', done: signedIn })
  const busy = pathsOf(state).some(isAsked)
  render(html`<div class="page" aria-busy=${busy ? 'true' : 'false'}>${patterns()} ${top()} ${body}</div>`, main)
}

/** Whether another question is on its way than was answered; the same anew is no reason to wait. */
const isAsked = (path: Path): boolean => asking.has(path) && asking.get(path)?.query !== loaded[path]?.query

const top = (): TemplateResult =>
  html`<header class="top">
    <h1 tabindex="-1">Where notifications go</h1>
    <nav aria-label="Pages">
      <a href="/dashboard" aria-current="page">Dashboard</a> <a href="/trace">Trace</a> <a href="/rules">Rules</a>
      ${signedOut === undefined ? html`<button class="plain" @click=${leave}>Sign out</button>` : nothing}
    </nav>
  </header>`

function enter(): void {
  forgetAnswers()
  signedOut = undefined
  show(state)
}

function signedIn(): void {
  enter()
  main.querySelector('h1')?.focus()
}

function leave(): void {
  forgetToken()
  signOut('')
}

/** `why`: what was wrong with the token, for the person. */
function signOut(why: string): void {
  forgetAnswers()
  signedOut = why
  show(state)
  focusToken()
}

/** They were for whoever asked. */
function forgetAnswers(): void {
  for (const path of asking.keys()) stopAsking(path)
  loaded = {}
}

/** To choose from: the types of this time. */
const typesOf = ({ volume }: Loaded): string[] =>
  volume?.answer.ok ? volume.answer.value.funnels.flatMap(({ group }) => group ?? []) : []

/** How old it is changes all the time, which nobody wants read out. */
function statusLine(): TemplateResult {
  const behind = behindOf('funnel')
  const counting = pathsOf(state).some(isAsked)
  return html`<p class="status soft">
    <span role="status">${counting ? 'Counting …' : behind ? sourceOf(behind) : ''}</span>
    ${behind ? ageOf(behind) : ''}
  </p>`
}

function sourceOf({ source, newestEvent }: Behind): string {
  if (newestEvent === null) return 'No events are stored yet.'
  if (source === 'rollup') return 'Counted by the hour.'
  return state.live
    ? 'Counted from raw events, once: Live goes on with the latest events alone.'
    : 'Counted from raw events.'
}

function ageOf({ newestEvent, ageMs, dirty }: Behind): string {
  if (newestEvent === null || ageMs === null) return ''
  const age = ageMs < 120_000 ? `${Math.round(ageMs / 1_000)} s` : `${Math.round(ageMs / 60_000)} min`
  const left = dirty === 0 ? '' : ` ${count(dirty)} hours are being counted anew.`
  return `The newest stored event is ${age} old.${left}`
}

/** The address says which state; a link's fragment who asks, in a tab that shows the page already, too. */
function follow(): void {
  const given = takeToken()
  state = stateOf(location.search)
  if (!hasToken()) signOut(signedOut ?? '')
  else if (given) enter()
  else show(state)
}

follow()
addEventListener('popstate', follow)
document.addEventListener('visibilitychange', () => {
  if (state.live && signedOut === undefined && !document.hidden) goOn()
  waitForLive()
})

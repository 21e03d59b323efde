import { html, nothing, render, type TemplateResult } from 'lit-html'
import type { Behind, FunnelAnswer, OutcomesAnswer, SeriesAnswer } from '../answers.ts'
import { chartCard } from './chart-card.ts'
import { type Answer, ask, forgetToken, tokenOfWindow } from './client.ts'
import { filtersView } from './filters-view.ts'
import { funnelNumbers, funnelView } from './funnel-view.ts'
import { count } from './numbers.ts'
import { signIn } from './sign-in.ts'
import { queryOf, searchOf, type State, stateOf } from './state.ts'
import { outcomesNumbers, outcomesView, seriesNumbers, seriesView } from './time-charts.ts'

type Loaded = { funnel: Answer<FunnelAnswer>; series: Answer<SeriesAnswer>; outcomes: Answer<OutcomesAnswer> }

const liveMs = 5_000
const main = document.querySelector('main')!
let state = stateOf(location.search)
let loaded: Loaded | undefined
let signedOut = tokenOfWindow() === undefined ? '' : undefined
let asking: AbortController | undefined
let live: ReturnType<typeof setTimeout> | undefined

/** Asks for everything that is shown; the answer to an older question is dropped. */
async function load(): Promise<void> {
  clearTimeout(live)
  asking?.abort()
  if (signedOut !== undefined) return draw()
  const mine = (asking = new AbortController())
  draw()
  const [funnel, series, outcomes] = await Promise.all([
    ask<FunnelAnswer>(queryOf('funnel', state), mine.signal),
    ask<SeriesAnswer>(queryOf('series', state), mine.signal),
    ask<OutcomesAnswer>(queryOf('outcomes', state), mine.signal),
  ])
  if (mine !== asking) return
  asking = undefined
  loaded = { funnel, series, outcomes }
  if (!funnel.ok && funnel.signedOut) signedOut = funnel.why
  if (state.live && signedOut === undefined) live = setTimeout(() => void load(), liveMs)
  draw()
}

function change(changed: State): void {
  state = { ...state, ...changed }
  history.pushState(null, '', location.pathname + searchOf(state))
  void load()
}

function draw(): void {
  const body =
    signedOut === undefined
      ? html`${filtersView(state, change)} ${statusLine()} ${loaded ? charts(loaded) : nothing}`
      : signIn({ why: signedOut, scope: 'analytics', done: enter })
  render(html`<div class="page" aria-busy=${asking ? 'true' : 'false'}>${top()} ${body}</div>`, main)
}

const top = (): TemplateResult =>
  html`<header class="top">
    <h1>Where notifications go</h1>
    <nav>
      <a href="/trace">Trace</a> <a href="/rules">Rules</a>
      ${signedOut === undefined ? html`<button class="plain" @click=${leave}>Sign out</button>` : nothing}
    </nav>
  </header>`

function enter(): void {
  signedOut = undefined
  void load()
}

function leave(): void {
  forgetToken()
  loaded = undefined
  signedOut = ''
  void load()
}

function statusLine(): TemplateResult {
  const behind = loaded?.funnel.ok ? loaded.funnel.value.behind : undefined
  return html`<p class="status soft" role="status">
    ${asking && !loaded ? 'Counting …' : behind ? lagOf(behind) : ''}
  </p>`
}

function lagOf({ source, newestEvent, ageMs, dirty }: Behind): string {
  if (newestEvent === null || ageMs === null) return 'No events are stored yet.'
  const age = ageMs < 120_000 ? `${Math.round(ageMs / 1_000)} s` : `${Math.round(ageMs / 60_000)} min`
  const from = source === 'raw' ? 'Counted from raw events' : 'Counted by the hour'
  const left = dirty === 0 ? '' : ` ${count(dirty)} hours are being counted anew.`
  return `${from}; the newest stored event is ${age} old.${left}`
}

function charts({ funnel, series, outcomes }: Loaded): TemplateResult {
  const zone = state.zone ?? 'UTC'
  return html`<div class="charts">
    ${card(funnel, {
      ...{ id: 'funnel', title: 'Funnel', query: queryOf('funnel', state) },
      note: 'How far they got. Under each stage, where those went that did not pass to the next.',
      draw: answer => funnelView(answer, state.by),
      numbers: funnelNumbers,
    })}
    ${card(outcomes, {
      ...{ id: 'outcomes', title: 'Outcomes', query: queryOf('outcomes', state) },
      note: 'What became of them, by the time of the intent.',
      draw: answer => outcomesView(answer, zone),
      numbers: outcomesNumbers,
    })}
    ${card(series, {
      ...{ id: 'series', title: 'Over time', query: queryOf('series', state) },
      note: state.by
        ? `Intended notifications by ${state.by}.`
        : 'How many passed each stage, by the time of the intent.',
      draw: answer => seriesView(answer, zone),
      numbers: seriesNumbers,
    })}
  </div>`
}

type Shown<T> = {
  id: string
  title: string
  query: string
  note: string
  draw: (answer: T) => TemplateResult
  numbers: (answer: T) => ReturnType<typeof funnelNumbers>
}

function card<T>(answer: Answer<T>, { draw, numbers, ...words }: Shown<T>): TemplateResult {
  if (!answer.ok)
    return html`<section class="card" aria-labelledby=${words.id}>
      <h2 id=${words.id}>${words.title}</h2>
      <p class="wrong" role="alert">${answer.why}</p>
    </section>`
  return chartCard({ ...words, chart: draw(answer.value), numbers: numbers(answer.value) })
}

void load()
addEventListener('popstate', () => {
  state = stateOf(location.search)
  void load()
})

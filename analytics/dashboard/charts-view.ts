import { html, nothing, type TemplateResult } from 'lit-html'
import type { FunnelAnswer, OutcomesAnswer, SeriesAnswer } from '../answers.ts'
import { chartCard } from './chart-card.ts'
import type { Answer } from './client.ts'
import { funnelNumbers, funnelView } from './funnel-view.ts'
import { latencyNumbers, latencyView } from './latency-chart.ts'
import { type LiftAnswer, liftNumbers, liftView } from './lift-chart.ts'
import type { Numbers } from './numbers.ts'
import { type Path, queryOf, type State } from './state.ts'
import { type TailAnswer, tailNumbers, tailView } from './tail-view.ts'
import { outcomesNumbers, outcomesView, seriesNumbers, seriesView } from './time-charts.ts'
import { volumeNumbers, volumeView } from './volume-chart.ts'

type Answers = {
  funnel: FunnelAnswer
  outcomes: OutcomesAnswer
  series: SeriesAnswer
  latency: FunnelAnswer
  volume: FunnelAnswer
  lift: LiftAnswer
  tail: TailAnswer
}
/** An answer with what it answers: the state and the query. */
type Told<T> = { of: State; query: string; answer: Answer<T> }
/** What has been answered so far. */
export type Loaded = { [P in Path]?: Told<Answers[P]> }

type Shown<T> = {
  title: string
  note: (state: State) => string
  draw: (answer: T, state: State) => TemplateResult
  numbers: (answer: T) => Numbers
  wide?: true
}

const cards: { [P in Path]: Shown<Answers[P]> } = {
  funnel: {
    ...{ title: 'Funnel', draw: funnelView, numbers: funnelNumbers, wide: true },
    note: () => 'How far they got. Under each stage, where those went that did not pass to the next.',
  },
  outcomes: {
    ...{ title: 'Outcomes', draw: outcomesView, numbers: outcomesNumbers },
    note: () => 'What became of them, by the time of the intent.',
  },
  series: {
    ...{ title: 'Over time', draw: seriesView, numbers: seriesNumbers },
    note: ({ by }) =>
      by ? `Intended notifications by ${by}.` : 'How many passed each stage, by the time of the intent.',
  },
  latency: {
    ...{ title: 'Latency', draw: latencyView, numbers: latencyNumbers },
    note: () => 'How long each step took from the one before. The scale grows tenfold from line to line.',
  },
  volume: {
    ...{ title: 'Volume by type', draw: volumeView, numbers: volumeNumbers },
    note: () => 'How many were intended, against the time of the same length before.',
  },
  lift: {
    ...{ title: 'Lift', draw: liftView, numbers: liftNumbers, wide: true },
    note: ({ event, against }) =>
      `How many people did ${event ?? ''} ${against === 'arm' ? 'in each arm' : 'who were told, and who were held out'}, and what it cost.`,
  },
  tail: {
    ...{ title: 'Live', draw: tailView, numbers: tailNumbers, wide: true },
    note: () => 'The latest events, of nobody in particular.',
  },
}

type Charts = {
  loaded: Loaded
  state: State
  /** Whether another question is on its way than was answered. */
  isAsked: (path: Path) => boolean
  toggle: (id: string, open: boolean) => void
}

/** A card for each chart, in the order of the list above; of lift until it is asked for, how to ask. */
export function chartsView(of: Charts): TemplateResult {
  const { funnel, outcomes, series, latency, volume, lift, tail } = of.loaded
  return html`<div class="charts">
    ${card('funnel', { told: funnel, shown: cards.funnel }, of)}
    ${card('outcomes', { told: outcomes, shown: cards.outcomes }, of)}
    ${card('series', { told: series, shown: cards.series }, of)}
    ${card('latency', { told: latency, shown: cards.latency }, of)}
    ${card('volume', { told: volume, shown: cards.volume }, of)}
    ${of.state.type && of.state.event ? card('lift', { told: lift, shown: cards.lift }, of) : liftHint()}
    ${card('tail', { told: tail, shown: cards.tail }, of)}
  </div>`
}

type Card<T> = { told: Told<T> | undefined; shown: Shown<T> }

/** Drawn of what was answered, with ways on from there; dimmed while it is not what is asked now. */
function card<T>(path: Path, { told, shown }: Card<T>, of: Charts): TemplateResult | typeof nothing {
  if (told === undefined) return nothing
  const { answer, query } = told
  const { title, note, draw, numbers, wide } = shown
  const busy = of.isAsked(path)
  if (!answer.ok)
    return html`<section
      class="card ${wide ? 'wide' : ''}"
      aria-labelledby=${path}
      aria-busy=${busy ? 'true' : 'false'}
    >
      <h2 id=${path}>${title}</h2>
      <p class="wrong" role="alert">${answer.why}</p>
    </section>`
  // What is another state of the page alone, like the zone for a funnel, is no other answer.
  const state = queryOf(path, of.state) === query ? of.state : told.of
  return chartCard({
    ...{ id: path, title, note: note(state), wide: wide === true, query, busy },
    ...{ chart: draw(answer.value, state), numbers: numbers(answer.value) },
    open: of.state.numbers?.split('.').includes(path) === true,
    toggle: open => of.toggle(path, open),
  })
}

const liftHint = (): TemplateResult =>
  html`<section class="card wide" aria-labelledby="lift">
    <header>
      <h2 id="lift">Lift</h2>
      <p class="soft">Did it change what people do? Name a type and a product event above, like invite.accepted.</p>
    </header>
  </section>`

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
/** What has been answered so far. */
export type Loaded = { [P in Path]?: Answer<Answers[P]> }

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

type Charts = { loaded: Loaded; state: State; toggle: (id: string, open: boolean) => void }

/** A card for each chart, in the order of the list above; of lift until it is asked for, how to ask. */
export function chartsView(of: Charts): TemplateResult {
  const { funnel, outcomes, series, latency, volume, lift, tail } = of.loaded
  return html`<div class="charts">
    ${card('funnel', { answer: funnel, shown: cards.funnel }, of)}
    ${card('outcomes', { answer: outcomes, shown: cards.outcomes }, of)}
    ${card('series', { answer: series, shown: cards.series }, of)}
    ${card('latency', { answer: latency, shown: cards.latency }, of)}
    ${card('volume', { answer: volume, shown: cards.volume }, of)}
    ${of.state.type && of.state.event ? card('lift', { answer: lift, shown: cards.lift }, of) : liftHint()}
    ${card('tail', { answer: tail, shown: cards.tail }, of)}
  </div>`
}

type Told<T> = { answer: Answer<T> | undefined; shown: Shown<T> }

function card<T>(path: Path, { answer, shown }: Told<T>, { state, toggle }: Charts): TemplateResult | typeof nothing {
  if (answer === undefined) return nothing
  const { title, note, draw, numbers, wide } = shown
  if (!answer.ok)
    return html`<section class="card ${wide ? 'wide' : ''}" aria-labelledby=${path}>
      <h2 id=${path}>${title}</h2>
      <p class="wrong" role="alert">${answer.why}</p>
    </section>`
  return chartCard({
    ...{ id: path, title, note: note(state), wide: wide === true, query: queryOf(path, state) },
    ...{ chart: draw(answer.value, state), numbers: numbers(answer.value) },
    open: state.numbers?.split('.').includes(path) === true,
    toggle: open => toggle(path, open),
  })
}

const liftHint = (): TemplateResult =>
  html`<section class="card wide" aria-labelledby="lift">
    <header>
      <h2 id="lift">Lift</h2>
      <p class="soft">Did it change what people do? Name a type and a product event above, like invite.accepted.</p>
    </header>
  </section>`

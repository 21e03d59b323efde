import { html, nothing, type TemplateResult } from 'lit-html'
import type { FunnelAnswer, OutcomesAnswer, SeriesAnswer } from '../answers.ts'
import type { TailAnswer } from '../tail-store.ts'
import { chartCard } from './chart-card.ts'
import { wordOf } from './controls.ts'
import { funnelNumbers, funnelView } from './funnel-view.ts'
import { latencyNumbers, latencyView } from './latency-chart.ts'
import { type LiftAnswer, liftNumbers, liftView } from './lift-chart.ts'
import type { Numbers } from './numbers.ts'
import { asideOf, type Path, queryOf, type Span, type State } from './state.ts'
import { tailNumbers, tailView } from './tail-view.ts'
import { outcomesNumbers, outcomesView, seriesNumbers, seriesView } from './time-charts.ts'
import { volumeNumbers, volumeView } from './volume-chart.ts'
import { spanIn } from './when.ts'

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
type Told<T> = { of: State; query: string; value: T }
/** What has been answered so far. */
export type Loaded = { [P in Path]?: Told<Answers[P]> }

type Shown<T> = {
  title: string
  note: (state: State) => string
  /** The time that it tells of. */
  time: (answer: T) => Span | undefined
  draw: (answer: T, state: State) => TemplateResult
  numbers: (answer: T, state: State) => Numbers
  wide?: true
}

const asked = (answer: Span): Span => answer
/** Periods that are begun are told whole. */
const whole = ({ edges }: { edges: readonly string[] }): Span => ({ since: edges[0]!, until: edges.at(-1)! })

const cards: { [P in Path]: Shown<Answers[P]> } = {
  funnel: {
    ...{ title: 'Funnel', draw: funnelView, numbers: funnelNumbers, time: asked, wide: true },
    note: () =>
      'How far they got. Under each stage, where those went that did not pass to the next. Of the bars of a chart Tab reaches one, arrows the others.',
  },
  outcomes: {
    ...{ title: 'Outcomes', draw: outcomesView, numbers: outcomesNumbers, time: whole },
    note: () => 'What became of them, by the time of the intent.',
  },
  series: {
    ...{ title: 'Over time', draw: seriesView, numbers: seriesNumbers, time: whole },
    note: ({ by }) =>
      by ? `Intended notifications by ${by}.` : 'How many passed each stage, by the time of the intent.',
  },
  latency: {
    ...{ title: 'Latency', draw: latencyView, numbers: latencyNumbers, time: asked },
    note: () =>
      'How long each step took from the one before; what was accepted at the first try is told together with the attempt. From line to line it is about ten times as long.',
  },
  volume: {
    ...{ title: 'Volume by type', draw: volumeView, numbers: volumeNumbers, time: asked },
    note: () => 'How many were intended, against the time of the same length before.',
  },
  lift: {
    ...{ title: 'Lift', draw: liftView, numbers: liftNumbers, time: asked, wide: true },
    note: ({ event, against }) =>
      `How many people did ${event ?? ''} ${against === 'arm' ? 'in each arm' : 'who were told, and who were held out'}, and what it cost.`,
  },
  tail: {
    ...{ title: 'Live', draw: tailView, numbers: tailNumbers, time: () => undefined, wide: true },
    note: () => 'The latest events of the intents of the last day, of nobody in particular.',
  },
}

type Charts = {
  loaded: Loaded
  state: State
  /** Whether somebody waits for another answer. */
  isAwaited: (path: Path) => boolean
  /** Whether what is asked got none, not even before. */
  isMissing: (path: Path) => boolean
  toggle: (path: Path) => void
}

export const titleOf = (path: Path): string => cards[path].title

/** A card for each chart, in the order of the list above; of lift until it is asked for, how to ask. */
export function chartsView(of: Charts): TemplateResult {
  const { funnel, outcomes, series, latency, volume, lift, tail } = of.loaded
  return html`<div class="charts" id="answer" tabindex="-1">
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
  const { title, note, time, draw, numbers, wide } = shown
  const busy = of.isAwaited(path)
  const isAnswered = told?.query === queryOf(path, of.state)
  if (of.isMissing(path))
    return html`<section
      class="card ${wide ? 'wide' : ''}"
      aria-labelledby=${path}
      aria-busy=${busy ? 'true' : 'false'}
    >
      <h2 id=${path} tabindex="-1">${title}</h2>
      <p class="empty">Not counted.</p>
    </section>`
  if (told === undefined) return nothing
  const { value, query } = told
  // What is another state of the page alone, like the zone for a funnel, is no other answer.
  const state = isAnswered ? of.state : told.of
  const span = time(value)
  const aside = asideOf(path, state).map(field => wordOf(field).toLowerCase())
  const notes = [
    ...[note(state), span && spanIn(span, state.zone)],
    aside.length > 0 && `Not narrowed by ${aside.join(', ')}.`,
  ]
  return chartCard({
    ...{ id: path, title, note: notes.filter(Boolean).join(' '), wide: wide === true, query, busy },
    ...{ chart: draw(value, state), numbers: () => numbers(value, state) },
    open: of.state.numbers?.split('.').includes(path) === true,
    toggle: () => of.toggle(path),
  })
}

const liftHint = (): TemplateResult =>
  html`<section class="card wide" aria-labelledby="lift">
    <header>
      <h2 id="lift" tabindex="-1">Lift</h2>
      <p class="soft">Did it change what people do? Name a type and a product event above, like invite.accepted.</p>
    </header>
  </section>`

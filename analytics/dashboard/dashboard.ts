import { html, nothing, type TemplateResult } from 'lit-html'
import type { Behind } from '../answers.ts'
import { ask, forgetToken, hasToken, takeToken, type Wrong } from './client.ts'
import { chartsView, type Loaded, titleOf } from './charts-view.ts'
import { filtersView } from './filters-view.ts'
import { count } from './numbers.ts'
import { drawPage, focusTitle } from './page.ts'
import { patterns } from './plot.ts'
import { focusToken, signIn } from './sign-in.ts'
import { type Path, queryOf, searchOf, type State, stateOf } from './state.ts'
import { wrongView } from './wrong-view.ts'

const liveMs = 5_000
let state: State = {}
/** What was answered last, and what went wrong since. */
let loaded: Loaded = {}
let failed: { [P in Path]?: Wrong & { query: string } } = {}
/** `awaited`: somebody waits for it; what is asked anew by itself nobody does. */
type Asking = { query: string; awaited: boolean; stop: AbortController }
const asking = new Map<Path, Asking>()
let signedOut: string | undefined
let live: ReturnType<typeof setTimeout> | undefined

/** The only way to other questions, whether a field, a link or Back leads there: asks those that are other than before, and draws. */
function show(next: State): void {
  state = next
  const paths = pathsOf(state)
  for (const path of asking.keys()) if (!paths.includes(path)) stopAsking(path)
  loaded = ofPaths(loaded, path => paths.includes(path))
  failed = ofPaths(failed, path => paths.includes(path) && failed[path]?.query === queryOf(path, state))
  if (signedOut === undefined) for (const path of paths) askFor(path)
  draw()
  waitForLive()
}

const pathsOf = ({ type, event, live }: State): Path[] => [
  ...(['funnel', 'outcomes', 'series', 'latency', 'volume'] as const),
  ...(type && event ? (['lift'] as const) : []),
  ...(live ? (['tail'] as const) : []),
]

const ofPaths = <T extends object>(all: T, keep: (path: Path) => boolean): T =>
  Object.fromEntries(Object.entries(all).filter(([path]) => keep(path as Path))) as T

/** Asks, unless that is being asked, was answered, or never will be; `again`: what was answered, too. */
function askFor(path: Path, again = false): void {
  const query = queryOf(path, state)
  if (asking.get(path)?.query === query) return
  stopAsking(path)
  const wrong = failed[path]
  if (wrong?.kind === 'never' && wrong.query === query) return
  const answered = loaded[path]?.query === query && wrong === undefined
  if (again || !answered) void get(path, { query, awaited: !again, stop: new AbortController() })
}

/** The answer is kept with what it answers: it is drawn, and led on from, as that until the next is there. */
async function get(path: Path, mine: Asking): Promise<void> {
  const [of, { query }] = [state, mine]
  asking.set(path, mine)
  const answer = await ask<never>(query, mine.stop.signal)
  if (asking.get(path) !== mine) return
  asking.delete(path)
  if (!answer.ok && answer.kind === 'signedOut') return signOut(answer.why)
  // What is asked again and gets no answer leaves the last numbers there.
  if (answer.ok) loaded = { ...loaded, [path]: { of, query, value: answer.value } }
  failed = ofPaths(failed, other => other !== path)
  if (!answer.ok) failed = { ...failed, [path]: { ...answer, query } }
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
function toggle(path: Path): void {
  const before = state.numbers?.split('.') ?? []
  const numbers = (before.includes(path) ? before.filter(one => one !== path) : [...before, path]).join('.')
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
  const cheap = (['funnel', 'series', 'outcomes'] as const).filter(
    path => loaded[path]?.value.behind.source === 'rollup',
  )
  for (const path of [...cheap, 'tail'] as const) askFor(path, true)
}

function draw(): void {
  if (signedOut !== undefined) return drawPage(signIn({ why: signedOut, scope: 'analytics', done: signedIn }))
  const busy = pathsOf(state).some(isAwaited)
  drawPage(
    html`<div class="page" aria-busy=${busy ? 'true' : 'false'}>
      ${patterns()} ${filtersView({ state, types: typesOf(loaded), change })} ${statusLine(busy)} ${wrongLine()}
      ${pathsOf(state).every(isMissing) ? nothing : chartsView({ loaded, state, isAwaited, isMissing, toggle })}
    </div>`,
    leave,
  )
}

/** Whether what is asked got no answer, not even before. */
function isMissing(path: Path): boolean {
  const wrong = failed[path]
  return wrong !== undefined && loaded[path]?.query !== wrong.query
}

const isAwaited = (path: Path): boolean => asking.get(path)?.awaited === true

function enter(): void {
  forgetAnswers()
  signedOut = undefined
  show(state)
}

function signedIn(): void {
  enter()
  focusTitle()
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
  failed = {}
}

/** To choose from: the types of this time. */
const typesOf = ({ volume }: Loaded): string[] => volume?.value.funnels.flatMap(({ group }) => group ?? []) ?? []

/** How old it is changes all the time, which nobody wants read out. */
function statusLine(busy: boolean): TemplateResult {
  const behind = isMissing('funnel') ? undefined : loaded.funnel?.value.behind
  return html`<p class="status soft">
    <span role="status">${busy ? 'Counting …' : behind ? sourceOf(behind) : ''}</span>
    ${behind ? ageOf(behind) : ''}
  </p>`
}

function sourceOf({ source, newestEvent }: Behind): string {
  if (newestEvent === null) return 'No events are stored yet.'
  if (source === 'rollup') return 'Counted by the hour.'
  const counted = source === 'fold' ? 'Counted from the events of each hour' : 'Counted from all events'
  return state.live ? `${counted}, once: Live goes on with the latest events alone.` : `${counted}.`
}

function ageOf({ newestEvent, ageMs, dirty }: Behind): string {
  if (newestEvent === null || ageMs === null) return ''
  const age = ageMs < 120_000 ? `${Math.round(ageMs / 1_000)} s` : `${Math.round(ageMs / 60_000)} min`
  const left = dirty === 0 ? '' : ` ${count(dirty)} hours are being counted anew.`
  return `The newest stored event is ${age} old.${left}`
}

/** Once for all charts, which mostly go wrong together; it names them where others did not. */
function wrongLine(): TemplateResult | typeof nothing {
  const paths = pathsOf(state)
  const wrong = paths.flatMap(path => (failed[path] ? [{ path, ...failed[path] }] : []))
  if (wrong.length === 0) return nothing
  const lines = [...Map.groupBy(wrong, ({ why }) => why)].map(([why, alike]) =>
    alike.length === paths.length ? why : `${alike.map(({ path }) => titleOf(path)).join(', ')}: ${why}`,
  )
  return wrongView(lines, wrong.some(({ kind }) => kind === 'later') ? retry : undefined)
}

function retry(): void {
  for (const path of Object.keys(failed) as Path[]) askFor(path)
  draw()
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
addEventListener('online', retry)
document.addEventListener('visibilitychange', () => {
  if (state.live && signedOut === undefined && !document.hidden) goOn()
  waitForLive()
})

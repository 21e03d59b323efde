// Hues of Okabe and Ito, as light or dark as it takes for people with any eyes to tell them apart, and from the ground.
export const colours = [
  ...(['#0072b2 #4ba3dc', '#b78f1c #f0b42a', '#43a67b #26c887', '#8e3a7a #f9a8c1'] as const),
  ...(['#439ad0 #8fd3fe', '#993f07 #ef8136', '#927625 #efe445', '#757984 #92959f'] as const),
].map(pair => pair.split(' ') as [light: string, dark: string])
/** What charts are drawn on. */
export const grounds = ['#ffffff', '#1c1d22'] as const
/** Of lines, beside their colours; of bars there are patterns. */
const dashes = ['none', '8 4', '2 4', '12 4 2 4', '16 6', '4 4', '1 6', '6 2']

/** The sheet of the pages; they hold it, so that they need no other file before they can be looked at. */
export const styles = `
:root { color-scheme: light dark; --ink: light-dark(#1a1b1f, #f1f2f4); --soft: light-dark(#5a5d66, #a9acb5); --ground: light-dark(#f3f4f6, #121316); --card: light-dark(${grounds.join()}); --line: light-dark(#dcdee3, #33353c); --fill: light-dark(#f0f1f4, #272930); --act: light-dark(#005f95, #6cb9ec); --on-act: light-dark(#fff, #06202f); --bad: light-dark(#a8281c, #ff9d91); background: var(--ground); color: var(--ink) }
*, ::before, ::after { box-sizing: border-box }
body { margin: 0; font: 1rem/1.5 system-ui, sans-serif; font-variant-numeric: tabular-nums }
.top, main { max-width: 84rem; margin: 0 auto; padding: 0 clamp(.75rem, 3vw, 2rem) } .top { padding-block: clamp(.75rem, 3vw, 2rem) 1rem } main { padding-bottom: 4rem }
.skip { position: absolute; left: .75rem; top: .5rem; z-index: 3; padding: .5rem .9rem; border-radius: .625rem; background: var(--act); color: var(--on-act); font-weight: 550 } .skip:not(:focus) { transform: translateY(-300%) } body:has(.sign-in) .skip { display: none }
h1, h2, h3, p, ol, ul, figure { margin: 0; padding: 0 }
h1 { font-size: 1.5rem; line-height: 1.2; letter-spacing: -.01em } h2 { font-size: 1.125rem } h3 { font-size: .9375rem; overflow-wrap: anywhere }
.name { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; overflow: hidden; overflow-wrap: anywhere; text-align: left }
ol, ul { list-style: none }
a { color: var(--act); text-underline-offset: 3px }
code, .code { font-family: ui-monospace, monospace; font-size: .8125rem; overflow-wrap: anywhere }
.soft { color: var(--soft) } .wrong { color: var(--bad) } .empty { padding: 2.5rem 1rem; text-align: center; color: var(--soft) }
.page, .charts, .answer { display: grid; gap: 1rem; grid-template-columns: minmax(0, 1fr) } .patterns { position: absolute } .charts > .card { display: flex; flex-direction: column } .charts > .card > footer { margin-top: auto }
@media (min-width: 64rem) { .charts { grid-template-columns: repeat(2, minmax(0, 1fr)) } .charts > .wide { grid-column: 1 / -1 } }
.top { display: flex; flex-wrap: wrap; gap: .5rem 1.5rem; align-items: center; justify-content: space-between }
nav { display: flex; gap: 1.25rem; align-items: center } nav [aria-current] { color: var(--ink); font-weight: 600; text-decoration: none }
.card { display: grid; gap: 1rem; grid-template-columns: minmax(0, 1fr); padding: clamp(.875rem, 2.5vw, 1.5rem); border: 1px solid var(--line); border-radius: 1rem; background: var(--card) }
.card > header p, .card > footer { font-size: .875rem } .card[aria-busy=true] > :not(h2) { opacity: .5 }
.card > footer { display: flex; flex-wrap: wrap; gap: .5rem 1.25rem; align-items: baseline }
.card > footer details[open] { flex-basis: 100% }
.query > code { display: block; margin: .5rem 0 .25rem; padding: .5rem .75rem; border-radius: .5rem; background: var(--fill) } .query > p { display: flex; gap: 1.25rem }
details { min-width: 0 } summary { cursor: pointer; color: var(--act) }
:focus-visible, input[type=datetime-local]:focus-within { outline: 3px solid var(--act); outline-offset: 2px; border-radius: 4px }
button, input, select { font: inherit; color: inherit }
button { cursor: pointer }
.plain { padding: 0; border: 0; background: none; color: var(--act); text-decoration: underline; text-underline-offset: 3px; min-height: 1.5rem }
.chip, .primary { min-height: 2.5rem; padding: 0 .9rem; border: 1px solid var(--line); border-radius: .625rem; background: var(--fill); font-weight: 550 }
.primary { border-color: var(--act); background: var(--act); color: var(--on-act) }
.chip:hover { border-color: var(--soft) }
input:not([type=checkbox]), select { width: 100%; min-width: 0; min-height: 2.5rem; padding: 0 .625rem; border: 1px solid light-dark(#868993, #7c7f88); border-radius: .625rem; background: var(--card) }
input[type=datetime-local] { font-size: .8125rem; padding: 0 .25rem 0 .5rem }
input::placeholder { color: var(--soft) }
label { display: grid; gap: .25rem; font-size: .875rem; color: var(--soft); min-width: 0 } label > * { color: var(--ink); font-size: 1rem }
.tick { display: flex; gap: .5rem; align-items: center; color: var(--ink) } .tick input { width: 1.125rem; height: 1.125rem; accent-color: var(--act) }
.spans { display: flex; flex-wrap: wrap; gap: .5rem 1.25rem } .spans { gap: .5rem }
.fields { display: grid; gap: .75rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 11rem), 1fr)) }
.sign-in { max-width: 28rem; justify-self: center; width: 100%; margin-top: 8vh } .sign-in .wrong:empty { display: none }
.status { min-height: 1.5rem; font-size: .875rem }
.funnel { display: grid; gap: .625rem }
.bar-row { display: grid; grid-template-columns: minmax(8rem, 13rem) minmax(0, 1fr) 5.5rem 4rem 4rem; gap: .125rem .75rem; align-items: center; font-size: .9375rem }
.bar-row .label { overflow-wrap: anywhere } .bar-row > .number, .share { text-align: right }
.of { display: block; font-size: .75rem; font-weight: 400 } .funnel > li > .bar-row .label, .funnel > li > .bar-row > .number { font-weight: 600 }
.funnel ul { display: grid; gap: .25rem; margin-top: .25rem }
.bar-row.head { margin-bottom: -.75rem; font-size: .75rem } .branch { font-size: .8125rem; color: var(--soft) } .branch .label { padding-left: 1rem } .branch .number { font-weight: 400 }
.bar { display: block; width: 100%; height: 1.625rem } .branch .bar { height: .75rem }
.track { fill: var(--fill) } .branch .track { fill: none } .stage { fill: light-dark(#0072b2, #4ba3dc) } .lost { fill: light-dark(#d55e00, #ef8239) } .waits { fill: light-dark(#b78f1c, #f0b42a) }
.time { display: grid; gap: 1rem }
.plot { display: grid; grid-template: "scale chart" 14rem ". ticks" auto / 2.5rem minmax(0, 1fr); gap: .375rem .5rem; font-size: .75rem; color: var(--soft) }
.plot > svg { grid-area: chart; width: 100%; height: 100%; overflow: visible }
.axis { display: block; width: 100%; height: 1.125rem; overflow: visible } .axis text, .scale text { fill: currentColor; dominant-baseline: central } .plot > .axis { grid-area: ticks; height: 1.125rem } .plot > .scale { grid-area: scale }
.grid { stroke: var(--line); vector-effect: non-scaling-stroke } .hover { fill: transparent } a:hover > .hover, :focus-visible > .hover { fill: light-dark(#0001, #fff2) }
.plot a:hover > rect:not(.hover) { opacity: .75 } .plot :focus-visible { outline: 2px solid var(--ink); outline-offset: 1px }
.hatch { fill: none; stroke: light-dark(#fffb, #000a); stroke-width: 1.25 }
.rows { display: grid; gap: .125rem } .row { display: grid; grid-template-columns: minmax(6rem, 9rem) minmax(0, 1fr) repeat(3, 3.75rem); gap: .125rem .5rem; align-items: center; min-height: 2.25rem; color: var(--ink); font-size: .875rem; text-decoration: none; border-radius: .5rem } a.row:hover { background: var(--fill) } .row .label { overflow-wrap: anywhere } .row .number { text-align: right; white-space: nowrap } .foot { min-height: 1.5rem; font-size: .75rem; color: var(--soft) }
.range { display: block; width: 100%; height: 1.75rem; overflow: visible } .reach { stroke: light-dark(#0072b2, #4ba3dc); stroke-width: 4 } .median { fill: light-dark(#0072b2, #4ba3dc) } .most { fill: var(--ink) } .last { fill: var(--card); stroke: light-dark(#0072b2, #4ba3dc); stroke-width: 2.5 }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap }
.pair { display: block; width: 100%; height: 1.625rem } .before { fill: light-dark(#9a9da6, #6d7079) } .powers { display: flex; justify-content: space-between } .keys { display: flex; gap: .375rem; align-items: center } .key { width: .875rem; height: .875rem }
.lift td, .lift th { vertical-align: middle; white-space: nowrap } .lift td:nth-child(2) { min-width: 12rem; width: 40% } .lift tfoot td { border: 0 } .bar-link { display: block; border-radius: 4px } .bar-link:hover { opacity: .8 } .tail { max-height: 22rem } .tail td { white-space: nowrap } .tail td:nth-child(4) { white-space: normal; min-width: 12rem }
.more > .fields { margin-top: .75rem } .chip[aria-pressed=true] { border-color: var(--act); background: var(--act); color: var(--on-act) }
.legend { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; font-size: .875rem } .legend li { display: flex; gap: .4rem; align-items: center; min-width: 0 } .legend svg { flex: none; width: .875rem; height: .875rem } .legend .stroke { width: 1.375rem } .legend span { overflow-wrap: anywhere }
.plot path, .stroke line { fill: none; stroke-width: 2.5px; vector-effect: non-scaling-stroke; stroke-linejoin: round } .plot .running { stroke-width: 1.25px } .plot .dot { stroke-width: 6px; stroke-linecap: round; stroke-dasharray: none }
${colours.map(([light, dark], at) => `.fill-${at} { fill: light-dark(${light}, ${dark}) } .line-${at} { stroke: light-dark(${light}, ${dark}); stroke-dasharray: ${dashes[at]} }`).join('\n')}
.scroll { overflow: auto; max-height: 26rem; margin-top: .5rem }
table time { white-space: nowrap } table { border-collapse: collapse; width: 100%; font-size: .8125rem }
th, td { padding: .35rem .75rem .35rem 0; border-bottom: 1px solid var(--line); text-align: left; font-weight: 400; max-width: 22rem; overflow-wrap: break-word } thead th { position: sticky; top: 0; background: var(--card); font-weight: 600; white-space: nowrap } .number { text-align: right }
.asked { grid-template-columns: none; display: flex; flex-wrap: wrap; align-items: end; gap: .75rem } .asked label { flex: 1 1 9rem; max-width: 14rem } .asked .wide { flex: 4 1 16rem; max-width: none } .asked p { flex-basis: 100%; font-size: .875rem }
.trace h2, .trace h3 { overflow-wrap: anywhere } .part { display: grid; gap: .375rem } .chip-word { padding: .05rem .5rem; border-radius: 1rem; background: var(--fill); font-size: .8125rem; font-weight: 400 }
.lines { display: grid } .lines li { position: relative; display: grid; grid-template-columns: 12rem minmax(0, 1fr); gap: .125rem 1rem; padding: .5rem 0 .5rem 1.5rem }
.lines li::before { content: ""; position: absolute; left: .25rem; top: .95rem; width: .625rem; height: .625rem; border-radius: 50%; border: 2px solid var(--tone); background: var(--card); z-index: 1 } .lines li::after { content: ""; position: absolute; left: calc(.5rem + 2px); top: 1.6rem; bottom: -.95rem; width: 2px; margin-left: -.5px; background: var(--line) } .lines li:last-child::after { display: none }
.lines .good { --tone: light-dark(#007a58, #2fc49a) } .lines .good::before { background: var(--tone) } .lines .open { --tone: light-dark(#8a5d00, #f0b43c) } .lines .open::before { border-style: dashed } .lines .bad { --tone: light-dark(#b34700, #ef8239) } .lines .bad::before { border-radius: 2px }
.when { display: flex; flex-wrap: wrap; gap: 0 .75rem; justify-content: space-between; align-content: start; color: var(--soft); font-size: .875rem } .kind { color: var(--tone); font-weight: 600; font-size: .8125rem } .said { display: grid; gap: .25rem; overflow-wrap: anywhere } .codes { display: flex; flex-wrap: wrap; gap: .25rem .625rem; align-items: baseline; font-size: .8125rem; color: var(--soft) } .codes code { padding: .05rem .4rem; border-radius: .375rem; background: var(--fill); color: var(--act) }
.besides li { padding: .25rem 0 }
.kinds ul { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem } .kinds { font-size: .875rem }
.codes-table { table-layout: fixed; font-size: .875rem } .codes-table th:first-child { width: 13rem } .codes-table :is(th, td) { vertical-align: top; max-width: none; padding: .5rem 1rem .5rem 0; overflow-wrap: anywhere } .codes-table tr:target > * { background: light-dark(#fff3d1, #3d3212) } .codes-table tr { scroll-margin-top: 2.5rem } .codes-table thead th { z-index: 1 }
@media (max-width: 46rem) {
  .bar-row { grid-template-columns: minmax(0, 1fr) auto 3.5rem 3.5rem; column-gap: .5rem } .bar-row .bar-link { grid-row: 2; grid-column: 1 / -1 }
  .spans .tick { flex-basis: 100% } .row { grid-template-columns: minmax(0, 1fr) repeat(3, 3.75rem); padding: .375rem 0 } .row > svg, .row > .keys { grid-row: 2; grid-column: 1 / -1 } .plot > .axis text:nth-child(even) { display: none }
  .branch .label { padding-left: 0 } .bar { height: 1.125rem } .branch .bar { height: .5rem }
  .asked label, .asked .wide { flex-basis: 100%; max-width: none } .lines li { grid-template-columns: minmax(0, 1fr) } .when { justify-content: start } .fields { grid-template-columns: repeat(2, minmax(0, 1fr)) } .filters > .fields > :nth-child(-n + 2) { grid-column: 1 / -1 }
  .codes-table thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%) } .codes-table, .codes-table tbody, .codes-table tr, .codes-table :is(tbody th, td) { display: block; width: auto } .codes-table tbody tr { padding: .625rem 0; border-bottom: 1px solid var(--line) } .codes-table :is(tbody th, td) { padding: .125rem 0; border: 0 } .codes-table tbody th code { font-size: .9375rem; font-weight: 600 } .codes-table td:nth-child(n + 3)::before { content: attr(data-head) ": "; color: var(--soft) }
  .chip > .last { position: absolute; clip-path: inset(50%) } .spans > .chip { flex: 1 1 0; padding: 0 .25rem }
}
@media (prefers-reduced-motion: no-preference) { .card > * { transition: opacity .15s } }
@media (forced-colors: active) { .chip[aria-pressed=true] { forced-color-adjust: none; background: Highlight; color: HighlightText }  .bar rect, .plot rect, .legend rect, .plot path, .pair rect, .range * { forced-color-adjust: none } }
`

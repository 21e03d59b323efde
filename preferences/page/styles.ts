import { looks } from '#browser/looks.ts'

/** What is this component's own. */
export const styles = `${looks}
:host {
  --off: light-dark(#868b98, #6d727e);
  --good: light-dark(#1a6b3c, #7bd89f);
  display: block;
  container-type: inline-size;
}
h2 { font-size: 1.75rem; line-height: 1.2; letter-spacing: -0.02em; font-weight: 700 }
h3 { display: flex; align-items: center; gap: .6rem; font-size: 1.0625rem; font-weight: 650; letter-spacing: -0.005em }
p, .what span, small { color: var(--soft) }
small { font-size: .8125rem }
svg { width: 1.25em; height: 1.25em }
h3 svg { color: var(--act) }
header { display: grid; gap: .35rem; margin-bottom: 1.25rem }
.cards, .column { display: grid; gap: 1rem; align-content: start; min-width: 0 }
.card { display: grid; gap: .875rem; min-width: 0; padding: 1.25rem; border: 1px solid var(--line); border-radius: var(--round); background: var(--card); overflow-wrap: anywhere }
.card.paused { border-color: var(--act); box-shadow: 0 0 0 1px var(--act) }
.state { color: var(--ink); font-weight: 600 }

.choices { display: flex; flex-wrap: wrap; gap: .5rem }
.chip, .primary, .danger, .day, input, select { min-height: 2.75rem; border-radius: .625rem; border: 1px solid var(--line); background: var(--fill); padding: 0 .9rem }
.chip { justify-self: start; padding-block: .4rem; font-weight: 550; line-height: 1.3; text-align: start }
.chip:hover, .day:hover { border-color: var(--off) }
.primary { justify-self: start; border-color: var(--act); background: var(--act); color: var(--on-act); font-weight: 600 }
.danger { border-color: var(--bad); background: none; color: var(--bad); font-weight: 600 }
input, select { border-color: var(--off); background: var(--card) }
.wrong { color: var(--bad); font-size: .9375rem }
[aria-invalid="true"] { border-color: var(--bad) }

.switch { flex: none; position: relative; width: 3rem; height: 1.75rem; padding: 0; border: 0; border-radius: 1rem; background: var(--off); transition: background .15s }
.switch::after { content: ""; position: absolute; inset: -.5rem }
.switch[aria-checked="true"] { background: var(--act) }
.thumb { position: absolute; display: grid; place-items: center; top: .1875rem; left: .1875rem; width: 1.375rem; height: 1.375rem; border-radius: 50%; background: #fff; color: #3c3f47; transition: translate .15s; box-shadow: 0 1px 2px #0004 }
.switch[aria-checked="true"] .thumb { translate: 1.25rem }
.switch[aria-disabled="true"] { cursor: not-allowed; background: var(--line); box-shadow: inset 0 0 0 1px var(--off) }
.switch[aria-disabled="true"][aria-checked="true"] { background: color-mix(in srgb, var(--act) 40%, var(--card)) }
.switch[aria-checked="true"] .thumb { background: var(--on-act) }
.switch[aria-disabled="true"] .thumb { background: var(--card); color: var(--ink) }
.thumb svg { width: .875rem; height: .875rem; stroke-width: 2.2 }

[data-channels="1"] { --channels: 1 }
[data-channels="2"] { --channels: 2 }
[data-channels="3"] { --channels: 3 }
[data-channels="4"] { --channels: 4 }
.head { display: none }
.row:last-child { padding-bottom: 0 !important }
.row { display: grid; gap: .25rem; padding: .875rem 0; border-top: 1px solid var(--line) }
.name { font-weight: 600 }
.cell { display: grid; grid-template: "channel switch" auto "why switch" auto / 1fr auto; column-gap: 1rem; align-items: center; min-height: 3.25rem }
.cell.none { display: none }
.channel { grid-area: channel; display: flex; align-items: center; gap: .5rem }
.channel svg { color: var(--soft) }
.cell .switch { grid-area: switch }
.why { grid-area: why; padding-left: 1.75rem; color: var(--soft); font-size: .8125rem; line-height: 1.35 }
.why b { font-weight: 600; color: var(--ink) }
.why b.on, .line b.on { color: var(--good) }

.line { display: flex; gap: 1rem; align-items: center; justify-content: space-between }
.windows { display: grid; gap: .25rem; font-variant-numeric: tabular-nums }
.window { display: grid; gap: .75rem; padding: .875rem; border-radius: .75rem; background: var(--fill) }
.days { display: grid; grid-template-columns: repeat(7, minmax(0, 1fr)); gap: .25rem }
.day { padding: 0; background: var(--card); font-size: .875rem; font-weight: 550 }
.day::before { content: attr(data-short) }
.day[aria-pressed="true"] { border-color: var(--act); background: var(--act); color: var(--on-act) }
.times { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr) auto; align-items: end; gap: .75rem }
.times label { display: grid; gap: .25rem }
.times label span { font-size: .875rem; color: var(--soft) }
.times input { width: 100%; min-width: 0; padding: 0 .5rem }
.zone, .until { display: grid; gap: .375rem }
.zone span, .until label { font-size: .875rem; color: var(--soft) }
select { width: 100%; min-width: 0 }
.until { align-items: center; grid-template-columns: minmax(0, 1fr) auto }
.until label, .until .wrong { grid-column: 1 / -1 }
.until input { min-width: 0; width: 100% }

.list { display: grid }
.list li { display: flex; flex-wrap: wrap; gap: .5rem .75rem; align-items: center; padding: .75rem 0; border-top: 1px solid var(--line) }
.list li:first-child, .history li:first-child { border-top: 0; padding-top: 0 }
.list li:last-child { padding-bottom: 0 }
.what { flex: 1 1 10rem; display: grid; min-width: 0 }
.what b { font-weight: 600 }
.what span { font-size: .875rem }
.what em { font-style: normal; color: var(--bad) }
.kind { display: grid; place-items: center; width: 2.5rem; height: 2.5rem; border-radius: .625rem; background: var(--fill); color: var(--soft) }
.history { display: grid }
.history li { display: grid; padding: .5rem 0; border-top: 1px solid var(--line) }

.notices { position: sticky; bottom: 1rem; z-index: 1; display: grid; justify-items: center; margin-top: 1rem; pointer-events: none }
.notice { max-width: 100%; border-radius: .875rem; box-shadow: 0 6px 24px #0003; pointer-events: auto }
@container (max-width: 26rem) {
  .times { grid-template-columns: minmax(0, 1fr) auto }
  .times label { grid-column: 1 }
}

@container (min-width: 46rem) {
  .cards { grid-template-columns: repeat(2, minmax(0, 1fr)) }
  .cards > .card { grid-column: 1 / -1 }
  .cards > :first-child { grid-template-columns: auto 1fr auto; align-items: center }
  .cards > :first-child .until { grid-column: 1 / -1; grid-template-columns: auto 16rem auto; justify-content: end }
  .cards > :first-child .until .wrong { text-align: right }
  .cards > :first-child > p { justify-self: start }
  .row, .head { display: grid; grid-template-columns: minmax(8rem, 1.4fr) repeat(var(--channels), minmax(0, 1fr)); gap: 0 1rem; align-items: start }
  .row { padding: .75rem 0 }
  .head { font-size: .875rem; font-weight: 550; color: var(--soft) }
  .head span { display: flex; align-items: center; gap: .4rem }
  .name { padding-top: .125rem }
  .cell { display: grid; grid-template: none; gap: .25rem; min-height: 0; justify-items: start }
  .cell.none { display: grid; color: var(--off) }
  .cell .switch, .cell .why { grid-area: auto; padding-left: 0 }
  .channel { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%) }
}
@media (prefers-reduced-motion: reduce) { .switch, .thumb { transition: none } }
@media (forced-colors: active) {
  .switch { border: 1px solid ButtonText }
  .switch[aria-checked="true"] { background: Highlight; forced-color-adjust: none }
  .thumb { background: ButtonText }
}
`

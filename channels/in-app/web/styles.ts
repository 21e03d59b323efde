import { looks } from '#browser/looks.ts'

/** Where the panel is all there is. */
export const phone = '(max-width: 30rem)'

/** What is this component's own. */
export const styles = `${looks}
:host {
  --new: var(--carillon-unread, light-dark(#f6f6ff, #23253a));
  --alarm: var(--carillon-badge, light-dark(#c6283b, #ff8a8f));
  --on-alarm: var(--carillon-on-badge, light-dark(#ffffff, #2b0508));
  display: inline-block;
  position: relative;
  line-height: 1.45;
  text-align: start;
}
button { -webkit-tap-highlight-color: transparent }
a { color: inherit; text-decoration: none; -webkit-tap-highlight-color: transparent }
:focus-visible { outline-offset: -3px }
svg { display: block }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap }

.bell { position: relative; display: grid; place-items: center; width: 2.75rem; height: 2.75rem; padding: 0; border: 0; border-radius: 50%; background: none; color: inherit }
.bell:hover, .bell[aria-expanded="true"] { background: var(--fill) }
.bell:focus-visible { outline-offset: 2px }
.bell svg { width: 1.5rem; height: 1.5rem }
.badge { position: absolute; inset-block-start: .125rem; inset-inline-start: 1.375rem; min-width: 1.25rem; height: 1.25rem; padding: 0 .3rem; border-radius: .75rem; background: var(--alarm); color: var(--on-alarm); font-size: .75rem; font-weight: 700; line-height: 1.25rem; text-align: center; font-variant-numeric: tabular-nums; box-shadow: 0 0 0 2px var(--card); pointer-events: none }
.rings svg { animation: ring .7s ease-out; transform-origin: 50% 10% }
@keyframes ring { 15% { rotate: 14deg } 35% { rotate: -11deg } 55% { rotate: 7deg } 75% { rotate: -4deg } 100% { rotate: 0deg } }

.panel { position: absolute; z-index: 1000; inset-block-start: calc(100% + .5rem); inset-inline-end: 0; display: flex; flex-direction: column; width: 25.5rem; max-height: min(38rem, calc(100dvh - 6rem)); overflow: hidden; border: 1px solid var(--line); border-radius: var(--round); background: var(--card); box-shadow: 0 1px 2px #0001, 0 12px 40px #0003 }
:host([align="start"]) .panel { inset-inline: 0 auto }
.head { display: flex; align-items: center; gap: .25rem; padding: .5rem .5rem 0 1rem }
h2 { flex: 1; font-size: 1.125rem; font-weight: 700; letter-spacing: -.01em }
.icon[aria-disabled="true"] { opacity: .4; cursor: default; background: none }
.shows { display: flex; gap: .25rem; padding: 0 .75rem .625rem; border-bottom: 1px solid var(--line) }
.shows button { min-height: 2.25rem; padding: 0 .8rem; border: 0; border-radius: 2rem; background: none; color: var(--soft); font-size: .9375rem; font-weight: 550 }
.shows button:hover { color: var(--ink); background: var(--fill) }
.shows button[aria-pressed="true"] { background: var(--act); color: var(--on-act) }

.scroll { flex: 1; min-height: 0; overflow-y: auto; overscroll-behavior: contain }
.item { border-bottom: 1px solid var(--line) }
.item:last-child { border-bottom: 0 }
.row { position: relative }
.item.unread { background: var(--new) }
.main { display: grid; gap: .125rem; width: 100%; padding: .8rem 1rem .8rem 1.75rem; border: 0; background: none; text-align: start }
.main:hover { background: color-mix(in srgb, var(--ink) 4%, transparent) }
.dot { position: absolute; inset-block-start: 1.3rem; inset-inline-start: .75rem; width: .5rem; height: .5rem; border-radius: 50%; background: var(--act) }
.title { font-weight: 500; overflow-wrap: anywhere; display: -webkit-box; -webkit-line-clamp: 2; -webkit-box-orient: vertical; overflow: hidden }
.unread .title { font-weight: 650 }
.body { color: var(--soft); font-size: .9375rem; overflow-wrap: anywhere; white-space: pre-line; display: -webkit-box; -webkit-line-clamp: 3; -webkit-box-orient: vertical; overflow: hidden }
.meta { display: flex; flex-wrap: wrap; gap: 0 .4rem; color: var(--soft); font-size: .8125rem; padding-inline-end: 8.25rem; min-height: 1.5rem; align-items: end }
.actions { position: absolute; inset-block-end: .3rem; inset-inline-end: .5rem; display: flex }
.actions .icon { width: 2.5rem; height: 2.25rem }
.actions svg { width: 1.125rem; height: 1.125rem }
.reason { display: grid; gap: .5rem; margin: 0 1rem 1rem 1.75rem; padding: .875rem; border-radius: .75rem; background: var(--fill); font-size: .9375rem }
.reason h3 { font-size: .9375rem; font-weight: 650 }
.reason p { color: var(--soft) }
.choices { display: grid; gap: .5rem }
.choice, .more, .primary { display: flex; align-items: center; gap: .5rem; min-height: 2.75rem; padding: .5rem .9rem; border: 1px solid var(--line); border-radius: .625rem; background: var(--card); font-weight: 550; text-align: start }
.choice svg { color: var(--soft) }
.choice:hover, .more:hover { border-color: var(--soft) }
.more { justify-content: center; width: calc(100% - 2rem); margin: .75rem 1rem }
.primary { justify-content: center; border-color: var(--act); background: var(--act); color: var(--on-act) }

.state { display: grid; justify-items: center; gap: .375rem; padding: 3rem 1.5rem; text-align: center; color: var(--soft) }
.state b { color: var(--ink); font-size: 1.0625rem }
.state svg { width: 2.5rem; height: 2.5rem; stroke-width: 1.3; margin-bottom: .5rem }
.state .primary { margin-top: .75rem }
.strip { padding: .5rem 1rem; background: var(--fill); color: var(--soft); font-size: .875rem; text-align: center }
.ghost { display: grid; gap: .5rem; padding: 1rem 1rem 1rem 1.75rem; border-bottom: 1px solid var(--line) }
.ghost i { height: .75rem; border-radius: .375rem; background: var(--fill); animation: breathe 1.4s ease-in-out infinite }
.ghost i:first-child { width: 55% }
.ghost i:last-child { width: 85% }
@keyframes breathe { 50% { opacity: .5 } }

.notice { margin: .5rem; border-radius: .75rem; font-size: .9375rem }
.notice span { flex: 1 }
.foot:not(:has(slot:empty)) { border-top: 1px solid var(--line) }

@media ${phone} {
  .panel, :host([align="start"]) .panel { position: fixed; inset: 0; width: auto; max-height: none; border: 0; border-radius: 0; padding-bottom: env(safe-area-inset-bottom) }
  .head { padding-top: max(.5rem, env(safe-area-inset-top)) }
  .main { padding-block: .95rem }
  .dot { inset-block-start: 1.45rem }
  .shows button, .actions .icon { min-height: 2.75rem }
  .actions .icon { width: 2.75rem }
  .meta { min-height: 2rem; padding-inline-end: 9rem }
}
@media (prefers-reduced-motion: no-preference) { .panel { animation: open .14s ease-out } }
@keyframes open { from { opacity: 0; translate: 0 -.375rem } }
@media (prefers-reduced-motion: reduce) { .rings svg, .ghost i { animation: none } }
@media (forced-colors: active) {
  .badge, .dot { forced-color-adjust: none; background: Highlight; color: HighlightText }
  .shows button[aria-pressed="true"] { forced-color-adjust: none; background: Highlight; color: HighlightText }
}
`

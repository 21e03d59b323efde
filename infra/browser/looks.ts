/**
 * How components look alike; each goes on with what is its own. A product themes them by the variables named `--carillon-…`, and says
 * `color-scheme` where it wants one of the two schemes whatever the device says.
 */
export const looks = `
:host {
  --ink: var(--carillon-text, light-dark(#1a1b1f, #f1f2f4));
  --soft: var(--carillon-soft, light-dark(#5a5d66, #a9adb6));
  --card: var(--carillon-card, light-dark(#ffffff, #1d1f24));
  --line: var(--carillon-line, light-dark(#e4e6eb, #31343c));
  --fill: var(--carillon-fill, light-dark(#f1f2f6, #282b32));
  --act: var(--carillon-accent, light-dark(#4338ca, #a5b4fc));
  --on-act: var(--carillon-on-accent, light-dark(#ffffff, #14152b));
  --bad: light-dark(#b42318, #ff9a8d);
  --round: var(--carillon-radius, 14px);
  color-scheme: light dark;
  color: var(--ink);
  font: 400 1rem/1.5 var(--carillon-font, system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif);
}
:host([hidden]) { display: none }
* { box-sizing: border-box }
h2, h3, p, ul, ol { margin: 0; padding: 0 }
ul, ol { list-style: none }
button, input, select { font: inherit; color: inherit }
button { cursor: pointer }
:focus-visible { outline: 3px solid var(--act); outline-offset: 2px }
svg { flex: none; width: 1.25rem; height: 1.25rem; fill: none; stroke: currentColor; stroke-width: 1.7; stroke-linecap: round; stroke-linejoin: round }
.icon { flex: none; display: grid; place-items: center; width: 2.75rem; height: 2.75rem; padding: 0; border: 0; border-radius: .625rem; background: none; color: var(--soft) }
.icon:hover { background: var(--fill); color: var(--ink) }
.notice { display: flex; align-items: center; gap: .5rem; padding: .25rem .25rem .25rem 1rem; background: light-dark(#1d1f24, #f1f2f4); color: light-dark(#fff, #1a1b1f) }
.notice.bad { background: light-dark(#8f1d13, #ffb4aa); color: light-dark(#fff, #3a0905) }
.notice .icon, .notice .icon:hover { background: none; color: inherit }
.notice :focus-visible { outline-color: currentColor }
.undo { min-height: 2.25rem; padding: 0 .75rem; border: 0; border-radius: .5rem; background: none; color: light-dark(#c7d2fe, #3730a3); font-weight: 650; text-decoration: underline; text-underline-offset: 3px }
`

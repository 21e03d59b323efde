import { html, type TemplateResult } from 'lit-html'

/** What of a line its code is: a state of what is open, else what happened. */
export type Coded = { kind?: string; state?: string; what?: string; recipient?: string }

const kinds: Record<string, string> = { settled: 'outcome', standing: 'receipt', engaged: 'person' }
const verdicts = new Set(['deliver', 'held'])

/** Where the code of a line is explained. */
export function meaningOf({ kind, state, what = '', recipient }: Coded): string {
  if (state !== undefined) return `open-${state}`
  if (recipient === undefined && kind === undefined) return `message-${what}`
  if (what === 'taken_off') return 'removal-taken_off'
  if (kind === 'decided') return verdicts.has(what) ? `decision-${what}` : `outcome-${what}`
  return `${kinds[kind!] ?? 'outcome'}-${what}`
}

/** A code that leads to what it means. */
export const codeLink = (code: string, meaning: string): TemplateResult =>
  html`<a href="/rules#${encodeURIComponent(meaning)}" aria-label="What ${code} means"><code>${code}</code></a>`

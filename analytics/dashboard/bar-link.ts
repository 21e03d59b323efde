import { examplesOf, type Span, type State } from './state.ts'

/** What a bar stands for besides what the chart asks. */
export type BarOf = {
  /** Of a breakdown: the group that the bar is of; null where nothing is known. */
  group?: string | null | undefined
  stage?: string
  what?: string
  reason?: string | undefined
}

/** Where examples of a bar are; undefined where they cannot be asked for: of a group of which nothing is known. */
export function barLink(state: State, span: Span, { group, ...bar }: BarOf): string | undefined {
  const { by } = state
  if (by === undefined || group === undefined) return examplesOf(state, span, bar)
  if (group === null) return undefined
  return examplesOf(state, span, { ...(by === 'outcome' ? { what: group } : { [by]: group }), ...bar })
}

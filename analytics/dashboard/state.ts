/** What the dashboard shows: all of it is in its address, under the names that the API uses. Empty is the default. */
export const fields = [
  ...(['type', 'category', 'channel', 'since', 'until', 'by', 'unit', 'bucket', 'zone', 'with_simulated'] as const),
  ...(['live'] as const),
] as const
export type Field = (typeof fields)[number]
export type State = Partial<Record<Field, string>>

/** Reads an address; what it does not know it leaves out. */
export function stateOf(search: string): State {
  const given = new URLSearchParams(search)
  const known = fields.map(field => [field, given.get(field) ?? ''] as const)
  return Object.fromEntries(known.filter(([, value]) => value !== ''))
}

/** The address of a state, without `?` where it is empty. */
export function searchOf(state: State): string {
  const text = new URLSearchParams(fields.flatMap(field => (state[field] ? [[field, state[field]]] : []))).toString()
  return text === '' ? '' : `?${text}`
}

/** What the API is asked for a chart. Series are by hours up to three days, else by days, unless it says. */
export function queryOf(path: 'funnel' | 'series' | 'outcomes', state: State): string {
  const { live: _, bucket = bucketOf(state), zone, by, ...asked } = state
  const isCut = path !== 'funnel'
  const told = { ...asked, ...(path !== 'outcomes' && by && { by }), ...(isCut && { bucket, ...(zone && { zone }) }) }
  return `/v1/analytics/${path}${searchOf(told)}`
}

const hoursUpToMs = 3 * 86_400_000

function bucketOf({ since, until }: State): 'hour' | 'day' {
  if (since === undefined) return 'day'
  const end = until === undefined ? Date.now() : Date.parse(until)
  return end - Date.parse(since) <= hoursUpToMs ? 'hour' : 'day'
}

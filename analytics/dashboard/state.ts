import { eventFilters, filters } from './fields.ts'

/** What the dashboard shows: all of it is in its address. Empty is the default. */
export const fields = [
  ...[...filters, ...(['since', 'until', 'by', 'unit', 'bucket', 'zone', 'with_simulated'] as const)],
  // The product event of the lift, and its comparison; what is open.
  ...(['event', 'against', 'live', 'numbers'] as const),
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
export const searchOf = (state: State): string => queryText(fields.map(field => [field, state[field]]))

/** What the API is asked for a chart. Series are by hours up to three days, else by days, unless it says. */
export function queryOf(path: Path, state: State): string {
  const { bucket = bucketOf(state), zone, by, event, against, since, until } = state
  // Times begin where they say, dates in a zone.
  const zoneOfDates = [since, until].some(time => time && !time.includes('T')) ? zone : undefined
  const narrowed = filters.map(field => [field, state[field]] as const)
  const asked = [
    ...narrowed,
    ...[['since', since] as const, ['until', until] as const],
    ...[['unit', state.unit] as const, ['with_simulated', state.with_simulated] as const],
  ] as const
  const dated = [...asked, ['zone', zoneOfDates] as const]
  switch (path) {
    case 'funnel':
      return apiPath('funnel', [...dated, ['by', by]])
    case 'latency':
      return apiPath('funnel', [...dated, ['times', 'true']])
    case 'volume':
      return apiPath('funnel', [...dated, ['by', 'type'], ['compare', 'previous']])
    case 'series':
      return apiPath('series', [...asked, ['by', by], ['bucket', bucket], ['zone', zone]])
    case 'outcomes':
      return apiPath('outcomes', [...asked, ['bucket', bucket], ['zone', zone]])
    case 'lift':
      return apiPath('lift', [
        ...[['type', state.type] as const, ['event', event] as const, ['compare', against] as const],
        ...[['channel', state.channel] as const, ['tenant', state.tenant] as const],
        ...[['since', since] as const, ['until', until] as const, ['zone', zoneOfDates] as const],
        ...[['by', by === 'channel' ? by : undefined] as const],
      ])
    case 'tail':
      return apiPath('tail', [
        ...eventFilters.map(field => [field, state[field]] as const),
        ...[['with_simulated', state.with_simulated] as const],
      ])
    default:
      return path satisfies never
  }
}
export type Path = 'funnel' | 'latency' | 'volume' | 'series' | 'outcomes' | 'lift' | 'tail'

/** What of a state a chart leaves aside, for its query does not say it. */
export function asideOf(path: Path, state: State): Field[] {
  const asked = new URL(queryOf(path, state), 'http://localhost').searchParams
  return filters.filter(field => state[field] && !asked.has(field))
}

/** Where examples of a bar are: of all that is asked, in a time, and what the bar stands for besides. */
export function examplesOf(state: State, span: Span, bar: Readonly<Record<string, string | undefined>>): string {
  const { since, until } = span
  const asked = { ...Object.fromEntries(filters.map(field => [field, state[field]])), since, until, ...bar }
  return `/trace${queryText(Object.entries({ ...asked, unit: state.unit, with_simulated: state.with_simulated }))}`
}
export type Span = { since: string; until: string }

const apiPath = (path: string, asked: Asked): string => `/v1/analytics/${path}${queryText(asked)}`

type Asked = readonly (readonly [name: string, value: string | undefined])[]

function queryText(asked: Asked): string {
  const text = new URLSearchParams(asked.flatMap(([name, value]) => (value ? [[name, value]] : []))).toString()
  return text === '' ? '' : `?${text}`
}

const hoursUpToMs = 3 * 86_400_000

function bucketOf({ since, until }: State): 'hour' | 'day' {
  if (since === undefined) return 'day'
  const end = until === undefined ? Date.now() : Date.parse(until)
  return end - Date.parse(since) <= hoursUpToMs ? 'hour' : 'day'
}

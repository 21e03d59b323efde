/** What questions can be narrowed to, under the names that the API uses. */
export const filters = [
  ...(['type', 'category', 'channel', 'provider', 'lane', 'producer', 'tenant', 'arm'] as const),
  ...(['platform', 'app_version', 'country', 'locale'] as const),
] as const
export type Filter = (typeof filters)[number]

/** Of those what every event says by itself. */
export const eventFilters = [
  ...(['type', 'category', 'channel', 'lane', 'producer', 'tenant'] as const),
] as const satisfies readonly Filter[]

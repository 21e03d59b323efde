import { shownEndpoint } from '#preferences/endpoints-api.ts'
import { readPeople } from '#preferences/preferences.ts'
import { systemClock } from '#runtime/clock.ts'
import type { Queryable } from '#runtime/postgres.ts'
import { table } from './operator.ts'

/** Where a person is reached now, for a terminal: addresses are masked, and what is not in use says since when and why. */
export async function endpointsTable(db: Queryable, user: string): Promise<string> {
  const at = systemClock.now()
  const { endpoints } = (await readPeople(db, [user])).get(user)!
  const rows = endpoints.map(endpoint => {
    const { id, channel, provider, address, state, stateSince, why, since, verifiedAt } = shownEndpoint(endpoint, at)
    return [
      ...[id, channel, provider, address ?? ''],
      [state, stateSince, why && `(${why})`].filter(Boolean).join(' '),
      ...[since ?? '', verifiedAt ?? ''],
    ]
  })
  return table([['endpoint', 'channel', 'provider', 'address', 'state', 'since', 'verified'], ...rows])
}
